import { Agent, request as httpsRequest } from "node:https";
import { type IncomingMessage } from "node:http";
import {
  DIRECTORIES,
  INIT_DIR,
  fromBase64,
  groupPrefix,
  toBase64,
  type RangeResponse,
  type WatchResponse,
} from "../common/etcd";
import { messageOf } from "../common/log";
import { resolveName } from "../common/names";
import { type Pod } from "../common/pod";
import { type GatewaySettings } from "./settings";

/** What the DP Manager said about itself or to a change: key below the group's prefix, value undefined when deleted. */
export interface Item {
  readonly key: string;
  readonly value: unknown;
  readonly revision: number;
}

/** The watch ended because the DP Manager no longer knows the revision: everything has to be read anew. */
export class Compacted extends Error {}

/** A watch line comes at least this often (the DP Manager's progress messages); silence for three times that is a dead connection. */
const WATCH_SILENCE_MS = 15_000;

/** A data plane's connection to its control plane: mutual TLS to the DP Manager. */
export class ControlPlane {
  private readonly agent: Agent;
  /** A watch has a connection of its own, which ends with it. */
  private readonly watchAgent: Agent;
  private readonly prefix: string;

  constructor(
    private readonly pod: Pod,
    private readonly settings: GatewaySettings,
    private readonly identity: { readonly instanceId: string; readonly runId: string; readonly version: string },
  ) {
    const { clientCertificate: cert, clientKey: key, trustedAuthority: ca, verify } = settings;
    const tls = { cert, key, ca, rejectUnauthorized: verify };
    this.agent = new Agent({ keepAlive: true, maxSockets: 8, timeout: 30_000, ...tls });
    this.watchAgent = new Agent({ keepAlive: false, ...tls });
    this.prefix = groupPrefix(settings.groupShortId);
  }

  /** Asks one DP Manager for its version, which tells that it has a database. */
  async version(endpoint: URL, timeoutMs = this.settings.timeoutMs): Promise<void> {
    const answer = await this.call(endpoint, "GET", "/version", undefined, timeoutMs);
    if (typeof (answer as { readonly etcdserver?: unknown }).etcdserver !== "string")
      throw new Error("got malformed version message");
  }

  /** Writes the key of every configuration directory, as a gateway does at its start (facts/api7.md 3.3). */
  async initDirectories(endpoint: URL): Promise<void> {
    for (const directory of DIRECTORIES) {
      const body = { key: toBase64(`${this.prefix}${directory}/`), value: toBase64(INIT_DIR) };
      await this.call(endpoint, "POST", "/v3/kv/put", body);
    }
  }

  /** Everything that this data plane serves, and the revision it is of. */
  async readAll(endpoint: URL): Promise<{ readonly items: readonly Item[]; readonly revision: number }> {
    const answer = (await this.call(endpoint, "POST", "/v3/kv/range", { key: toBase64(this.prefix) })) as RangeResponse;
    return { items: answer.kvs.map((kv) => this.item(kv, false)), revision: Number(answer.header.revision) };
  }

  /**
   * Follows the changes after `revision` until the connection ends.
   * @throws Compacted, or Error when the connection breaks.
   */
  async watch(
    endpoint: URL,
    revision: number,
    onChanges: (items: readonly Item[], revision: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { create_request: { key: toBase64(this.prefix), start_revision: revision + 1 } };
    const response = await this.open(endpoint, "POST", "/v3/watch", body, this.settings.timeoutMs, signal);
    response.socket.setTimeout(WATCH_SILENCE_MS, () =>
      response.destroy(new Error("no message from the DP Manager for 15 s")),
    );
    for await (const line of linesOf(response)) {
      const { result } = JSON.parse(line) as WatchResponse;
      if (result.canceled === true)
        throw new Compacted(`etcd compacted up to revision ${result.compact_revision ?? "unknown"}`);
      if (!result.events) continue;
      const items = result.events.map((event) => this.item(event.kv, event.type === "DELETE"));
      onChanges(items, Number(result.header.revision));
    }
    throw new Error("watch canceled by etcd: the connection was closed");
  }

  /** Heartbeats and metrics go to the first endpoint only (facts/api7.md 1.5). */
  async report(kind: "heartbeat" | "metrics", body: unknown): Promise<unknown> {
    const [first] = this.settings.endpoints;
    if (!first) throw new Error("there is no DP Manager endpoint");
    return this.call(first, "POST", `/api/dataplane/${kind}`, body);
  }

  private item(
    kv: { readonly key: string; readonly value: string; readonly mod_revision: string },
    deleted: boolean,
  ): Item {
    const key = fromBase64(kv.key).slice(this.prefix.length);
    return {
      key,
      value: deleted ? undefined : (JSON.parse(fromBase64(kv.value)) as unknown),
      revision: Number(kv.mod_revision),
    };
  }

  private async call(
    endpoint: URL,
    method: string,
    path: string,
    body: unknown,
    timeoutMs = this.settings.timeoutMs,
  ): Promise<unknown> {
    const response = await this.open(endpoint, method, path, body, timeoutMs);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  }

  /** Resolves with the head of a 200 answer. The name is resolved anew each time: pods come and go. */
  private open(
    endpoint: URL,
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const addresses = resolveName(this.pod, endpoint.hostname);
      const host = addresses[Math.floor(Math.random() * addresses.length)];
      let connected = false;
      const request = httpsRequest(
        {
          agent: signal ? this.watchAgent : this.agent,
          host,
          port: endpoint.port === "" ? 443 : Number(endpoint.port),
          servername: this.settings.sni ?? endpoint.hostname,
          method,
          path,
          headers: this.headers(endpoint, text),
          ...(signal ? { signal } : {}),
        },
        (response) => {
          if (response.statusCode === 200) {
            resolve(response);
            return;
          }
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            const answer = Buffer.concat(chunks).toString("utf8").slice(0, 300);
            reject(new Error(`status ${response.statusCode ?? 0}: ${answer}`));
          });
          response.on("error", reject);
        },
      );
      request.setTimeout(timeoutMs, () => request.destroy(new Error("timeout")));
      request.on("socket", (socket) => {
        if (socket.connecting) socket.once("connect", () => (connected = true));
        else connected = true;
      });
      request.on("error", (error) => reject(connected ? tlsError(error) : error));
      request.end(text);
    });
  }

  private headers(endpoint: URL, body: string): Record<string, string> {
    const { instanceId, runId, version } = this.identity;
    return {
      host: endpoint.host,
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "gateway-instance-id": instanceId,
      "gateway-run-id": runId,
      "gateway-version": version,
      ...(this.settings.token === undefined ? {} : { "control-plane-token": this.settings.token }),
    };
  }
}

/** Complete lines of a stream; an error of the stream is thrown (readline would lose it). */
async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/**
 * Wording of TLS failures as OpenSSL words them in a gateway's log (facts/api7.md 3.4). A server that refuses a client
 * certificate under TLS 1.3 closes the connection only after the handshake: the client sees a reset, or an alert.
 */
function tlsError(error: Error): Error {
  const message = messageOf(error);
  const { code = "" } = error as NodeJS.ErrnoException;
  if (/^(ECONNRESET|EPIPE)$/.test(code) || /socket hang up|disconnected before secure/.test(message)) {
    return new Error(
      `handshake failed: sslv3 alert bad certificate (the DP Manager closed the connection: ${message})`,
      { cause: error },
    );
  }
  if (/alert/.test(message)) return new Error(`handshake failed: ${message}`, { cause: error });
  if (/^(UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|CERT_|ERR_TLS_CERT)/.test(code))
    return new Error(`handshake failed: certificate verify failed (${message})`, { cause: error });
  return error;
}
