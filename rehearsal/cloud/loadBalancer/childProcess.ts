import { fork, type ChildProcess as NodeChildProcess } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { type Readable } from "node:stream";

/**
 * What a child process can be asked, by method name: `{ apply: { request: Config; answer: null } }`.
 * Both sides use the same type; everything in it crosses the process boundary as JSON.
 */
export type Methods = Record<string, { readonly request: unknown; readonly answer: unknown }>;

interface Question {
  readonly id: number;
  readonly method: string;
  readonly request: unknown;
}

type Message =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly log: string };

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How long a child may take to end by itself once its channel is closed, before it is killed. */
const STOP_GRACE_MS = 3_000;

/** How long the end of a child whose channel is broken is waited for. */
const BROKEN_CHANNEL_MS = 1_000;

/**
 * The parent's side of a child process that answers questions over its IPC channel. The child ends with its parent: it
 * watches the channel, which the operating system closes even when the parent is killed.
 */
export class ChildProcess<M extends Methods> {
  readonly #process: NodeChildProcess;
  readonly #name: string;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #stopping = false;
  #end: string | undefined;

  private constructor(process: NodeChildProcess, name: string, log: (line: string) => void) {
    this.#process = process;
    this.#name = name;
    process.on("message", (message: Message) => {
      if ("log" in message) {
        log(message.log);
        return;
      }
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if ("error" in message) {
        pending?.reject(new Error(`${name}: ${message.error}`));
      } else {
        pending?.resolve(message.answer);
      }
    });
    for (const stream of [process.stdout, process.stderr]) {
      logLines(stream, log);
    }
    this.#exited = new Promise((resolve) => {
      process.once("error", (error) => {
        this.#ended(`could not be started: ${error.message}`);
        resolve();
      });
      process.once("exit", (code, signal) => {
        this.#ended(`ended with ${signal ?? `exit code ${String(code)}`}`);
        if (!this.#stopping) {
          log(`${name} ${this.#end ?? "ended"} without having been stopped`);
        }
        resolve();
      });
    });
  }

  /**
   * Starts `modulePath` (a TypeScript file that calls `serveParent`) as a child process.
   *
   * @param name what the process is called in messages, e.g. `load balancer`
   * @param log gets the child's log lines and whatever it writes to its output
   */
  static start<M extends Methods>(modulePath: string, name: string, log: (line: string) => void): ChildProcess<M> {
    // The loader's CommonJS half is enough here, starts faster and has no thread of its own.
    const execArgv = ["--require", require.resolve("tsx/cjs")];
    const process = fork(modulePath, [], { execArgv, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    return new ChildProcess<M>(process, name, log);
  }

  /** Process id; `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Asks the child; rejects with the child's error, or when the child ends before it answers. */
  call<K extends keyof M & string>(method: K, request: M[K]["request"]): Promise<M[K]["answer"]> {
    if (this.#end !== undefined || this.#stopping) {
      return Promise.reject(
        new Error(`${this.#name}: ${method} was asked, but the process ${this.#end ?? "was stopped"}`),
      );
    }
    this.#lastId += 1;
    const question: Question = { id: this.#lastId, method, request };
    return new Promise((resolve, reject) => {
      this.#pending.set(question.id, { resolve, reject });
      this.#process.send(question, (error) => {
        if (error !== null) {
          // A broken channel is the first sign of a child that has ended; how it ended is the better message.
          setTimeout(() => {
            if (this.#pending.delete(question.id)) {
              reject(new Error(`${this.#name}: ${method} could not be asked: ${error.message}`));
            }
          }, BROKEN_CHANNEL_MS);
        }
      });
    });
  }

  /** Ends the child and waits until it is gone: it is asked by closing its channel, and killed when it does not follow. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#process.connected) {
      this.#process.disconnect();
    }
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), STOP_GRACE_MS);
    await this.#exited;
    clearTimeout(kill);
  }

  #ended(how: string): void {
    this.#end ??= how;
    for (const pending of this.#pending.values()) {
      pending.reject(new Error(`${this.#name}: the process ${this.#end} before it answered`));
    }
    this.#pending.clear();
  }
}

function logLines(stream: Readable | null, log: (line: string) => void): void {
  if (stream !== null) {
    createInterface({ input: stream }).on("line", log);
  }
}

/** Sends a log line to the parent. For notable events only. */
export function logToParent(line: string): void {
  if (process.connected) {
    process.send?.({ log: line } satisfies Message);
  }
}

/**
 * The child's side: answers the parent's questions with `handlers`, and ends the process as soon as the parent closes the
 * channel or is gone. What a handler throws becomes the error that the parent's `call` rejects with.
 */
export function serveParent<M extends Methods>(handlers: {
  readonly [K in keyof M]: (request: M[K]["request"]) => Promise<M[K]["answer"]> | M[K]["answer"];
}): void {
  if (process.send === undefined) {
    throw new Error(
      `${basename(process.argv[1] ?? "this file")} is a child process of the rehearsal: it needs an IPC channel`,
    );
  }
  process.on("disconnect", () => process.exit(0));
  // Ctrl-C reaches the whole process group: the parent decides when its children end.
  process.on("SIGINT", () => undefined);
  process.on("message", (question: Question) => {
    void answer(question, handlers);
  });
}

async function answer(question: Question, handlers: Record<string, (request: unknown) => unknown>): Promise<void> {
  let message: Message;
  try {
    const handler = handlers[question.method];
    if (handler === undefined) {
      throw new Error(`there is no method ${question.method}`);
    }
    message = { id: question.id, answer: (await handler(question.request)) ?? null };
  } catch (error) {
    message = { id: question.id, error: error instanceof Error ? error.message : String(error) };
  }
  if (process.connected) {
    process.send?.(message);
  }
}
