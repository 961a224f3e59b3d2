import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Scenario } from "./scenarios";
import { type Outcome } from "./simulate";
import { type Part } from "./worker";

/** At most so many threads: other work goes on beside a benchmark. */
const THREADS = 2;
const RUNS_A_PART = 100;

/** Runs scenarios on a few threads. The figures do not depend on how the parts are spread. */
export class Pool {
  readonly #workers: Worker[] = [];

  constructor(threads = Math.min(THREADS, availableParallelism())) {
    for (let i = 0; i < threads; i++) {
      // Written in TypeScript as everything here.
      this.#workers.push(new Worker(join(__dirname, "worker.ts"), { execArgv: ["--require", "tsx/cjs"] }));
    }
  }

  /** @throws Error when a thread ends with an error */
  async run(scenario: Scenario, seed: number): Promise<readonly Outcome[]> {
    const parts: Part[] = [];
    for (let from = 0; from < scenario.runs; from += RUNS_A_PART) {
      parts.push({ scenario, from, to: Math.min(scenario.runs, from + RUNS_A_PART), seed });
    }
    const outcomes: Outcome[][] = [];
    let next = 0;
    const work = async (worker: Worker): Promise<void> => {
      for (;;) {
        const index = next;
        next += 1;
        const part = parts[index];
        if (part === undefined) return;
        outcomes[index] = await ask(worker, part);
      }
    };
    await Promise.all(this.#workers.map(work));
    return outcomes.flat();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, part: Part): Promise<Outcome[]> {
  return new Promise((resolve, reject) => {
    const done = (act: () => void): void => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      act();
    };
    const onMessage = (outcomes: Outcome[]): void => done(() => resolve(outcomes));
    const onError = (error: Error): void => done(() => reject(error));
    worker.on("message", onMessage);
    worker.on("error", onError);
    worker.postMessage(part);
  });
}
