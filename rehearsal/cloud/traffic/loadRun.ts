import { randomBytes } from "node:crypto";
import { Agent } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { type LoadContext, openStream, sendPlain, sendSlow, sendUpload } from "./httpRequests";
import { OpenLoop } from "./openLoop";
import { sequence, WeightedChoice } from "./random";
import { Tally } from "./tally";
import { type LoadOptions, type LoadSnapshot, type TrafficSample } from "./types";
import { LoadWebSocket } from "./webSockets";

/** Idle connections are closed long before the load balancer would (60 s), so that no request meets a closing one. */
const POOL_IDLE_MS = 15_000;
/** What is unanswered this long after the load was stopped has failed. */
const STOP_LIMIT_MS = 60_000;
/** After a failed stream or WebSocket the next one begins this much later: a dead listener is not hammered. */
const PAUSE_AFTER_FAILURE_MS = 1_000;
const STREAM_SECONDS = { min: 8, max: 20 } as const;
const WEBSOCKET_SECONDS = { min: 10, max: 25 } as const;
/** When the catalogue has uploads. */
const UPLOADS_PER_SECOND = 0.5;
const UPLOAD_BYTES = { min: 16 * 1024, max: 512 * 1024 } as const;
/** The upstream waits no longer (`delay_ms`), and the load balancer gives up on a silent target after 60 s. */
const MAX_SLOW_SECONDS = 55;

type Kind = TrafficSample["kind"];

/** @throws Error when an option is out of range, or the catalogue has no sample of a kind that is asked for */
export function validateLoad(options: LoadOptions): void {
  const { slow } = options;
  const problems: string[] = [];
  const need = (ok: boolean, problem: string): void => {
    if (!ok) {
      problems.push(problem);
    }
  };
  const asked: readonly (readonly [Kind, number])[] = [
    ["plain", options.ratePerSecond],
    ["slow", slow.perSecond],
    ["stream", options.streams],
    ["websocket", options.websockets],
  ];
  for (const [kind, amount] of asked) {
    const has = options.catalogue.some((sample) => sample.kind === kind && sample.weight > 0);
    need(amount >= 0, `the amount of ${kind} requests is ${amount}, expected 0 or more`);
    need(!(amount > 0) || has, `${kind} requests are asked for, but the catalogue has no sample of kind ${kind}`);
  }
  need(options.maxSeconds > 0, `maxSeconds is ${options.maxSeconds}, expected more than 0`);
  need(
    slow.minSeconds >= 0 && slow.maxSeconds >= slow.minSeconds && slow.maxSeconds <= MAX_SLOW_SECONDS,
    `slow is ${slow.minSeconds}-${slow.maxSeconds} s, expected a range within 0-${MAX_SLOW_SECONDS} s`,
  );
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  need(
    url?.protocol === "http:" && url.hostname.startsWith("127."),
    `url is ${options.url}, expected http://127.x.y.z:port`,
  );
  if (problems.length > 0) {
    throw new Error(`load refused: ${problems.join("; ")}`);
  }
}

/** A running load. */
export class LoadRun {
  readonly #tally = new Tally();
  readonly #context: LoadContext;
  readonly #options: LoadOptions;
  readonly #loops: readonly OpenLoop[];
  readonly #webSockets = new Set<LoadWebSocket>();
  readonly #limit: NodeJS.Timeout;
  readonly #uploadBytes = randomBytes(UPLOAD_BYTES.max);
  #stopped: Promise<LoadSnapshot> | undefined;

  /** Starts sending at once; the options have been validated. */
  constructor(options: LoadOptions) {
    this.#options = options;
    const url = new URL(options.url);
    const run = randomBytes(4).toString("hex");
    let requests = 0;
    this.#context = {
      tally: this.#tally,
      agent: new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 4096, timeout: POOL_IDLE_MS }),
      host: url.hostname,
      port: Number(url.port === "" ? 80 : url.port),
      nextNonce: () => {
        requests += 1;
        return `${run}-${requests}`;
      },
    };
    const { slow, ratePerSecond, maxSeconds } = options;
    const slowSeconds = this.#between(slow.minSeconds, slow.maxSeconds, 11);
    const uploadBytes = this.#between(UPLOAD_BYTES.min, UPLOAD_BYTES.max, 12);
    const uploads = options.catalogue.some((sample) => sample.kind === "upload" && sample.weight > 0);
    this.#loops = [
      this.#loop(ratePerSecond, "plain", (sample) => sendPlain(this.#context, sample)),
      this.#loop(slow.perSecond, "slow", (sample) => sendSlow(this.#context, sample, slowSeconds() * 1000)),
      this.#loop(uploads ? UPLOADS_PER_SECOND : 0, "upload", (sample) => {
        sendUpload(this.#context, sample, this.#uploadBytes.subarray(0, Math.round(uploadBytes())));
      }),
    ];
    this.#keepOpen(options.streams, "stream", options.streamSeconds ?? STREAM_SECONDS, (sample, seconds, done) => {
      openStream(this.#context, sample, seconds, done);
    });
    this.#keepOpen(options.websockets, "websocket", WEBSOCKET_SECONDS, (sample, seconds, done) => {
      const webSocket = new LoadWebSocket(this.#context, sample, seconds, (ok) => {
        this.#webSockets.delete(webSocket);
        done(ok);
      });
      this.#webSockets.add(webSocket);
    });
    this.#limit = setTimeout(() => void this.stop(), maxSeconds * 1000);
  }

  snapshot(): LoadSnapshot {
    return this.#tally.snapshot();
  }

  /** Sends nothing new, closes the WebSockets, waits until everything has ended. The second call gets the first's answer. */
  stop(): Promise<LoadSnapshot> {
    this.#stopped ??= this.#finish();
    return this.#stopped;
  }

  async #finish(): Promise<LoadSnapshot> {
    clearTimeout(this.#limit);
    this.#loops.forEach((loop) => loop.stop());
    this.#webSockets.forEach((webSocket) => webSocket.close());
    for (const until = Date.now() + STOP_LIMIT_MS; this.#tally.open.size > 0 && Date.now() < until;) {
      await wait(20);
    }
    for (const entry of [...this.#tally.open]) {
      entry.fail(`no complete answer ${STOP_LIMIT_MS / 1000} s after the load was stopped`);
    }
    this.#context.agent.destroy();
    return this.#tally.snapshot();
  }

  /** Each kind draws from a sequence of its own, so that what it sends does not depend on the others' timing. */
  #chooser(kind: Kind): () => TrafficSample {
    const samples = this.#options.catalogue.filter((sample) => sample.kind === kind);
    const choice = new WeightedChoice(samples);
    const random = sequence(this.#seed(KIND_SEEDS[kind]));
    return () => choice.pick(random());
  }

  #between(min: number, max: number, seed: number): () => number {
    const random = sequence(this.#seed(seed));
    return () => min + random() * (max - min);
  }

  #seed(n: number): number {
    return (this.#options.seed ?? 1) * 1000 + n;
  }

  #loop(ratePerSecond: number, kind: Kind, send: (sample: TrafficSample) => void): OpenLoop {
    const { maxSeconds } = this.#options;
    if (ratePerSecond === 0) {
      return new OpenLoop(0, maxSeconds, () => undefined);
    }
    const next = this.#chooser(kind);
    return new OpenLoop(ratePerSecond, maxSeconds, (latenessMs) => {
      this.#tally.late(latenessMs);
      send(next());
    });
  }

  /** Keeps `count` long requests open: when one is over, the next begins. */
  #keepOpen(
    count: number,
    kind: Kind,
    seconds: { readonly min: number; readonly max: number },
    open: (sample: TrafficSample, seconds: number, done: (ok: boolean) => void) => void,
  ): void {
    if (count === 0) {
      return;
    }
    const next = this.#chooser(kind);
    const lifetime = this.#between(seconds.min, seconds.max, 20 + KIND_SEEDS[kind]);
    const begin = (): void => {
      if (this.#stopped === undefined) {
        open(next(), lifetime(), (ok) => void setTimeout(begin, ok ? 0 : PAUSE_AFTER_FAILURE_MS));
      }
    };
    for (let i = 0; i < count; i += 1) {
      begin();
    }
  }
}

const KIND_SEEDS: Readonly<Record<Kind, number>> = { plain: 1, slow: 2, stream: 3, websocket: 4, upload: 5 };
