import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "pg";

/**
 * The gateway's own queries on database A, as a stand-in: a control plane reads configuration by key and in lists, and
 * writes heartbeats. They come at a fixed rate, whatever is slow, so that a delay is seen and not avoided.
 */

const PER_SECOND = 100;
const CLIENTS = 4;

/** Every tenth writes a heartbeat, every fifth reads a list, the others read one object. */
function statement(n: number, rows: number): string {
  const id = 1 + ((n * 7_919) % rows);
  if (n % 10 === 0) return `update instance set last_heartbeat_time = now() where id = 'gateway-${1 + (n % 20)}'`;
  if (n % 5 === 0) return `select id, name, spec, paths from route where id between ${id} and ${id} + 50 order by id`;
  return `select * from route where id = ${id}`;
}

export class GatewayQueries {
  private readonly pool: Pool;

  constructor(
    dsn: string,
    private readonly rows: number,
  ) {
    this.pool = new Pool({ connectionString: dsn, max: CLIENTS });
  }

  /** Runs them while `work` lasts. @returns milliseconds that each took, waiting for its connection included */
  async during(work: Promise<unknown>): Promise<readonly number[]> {
    const state: { over: boolean } = { over: false };
    const ended = work.finally(() => (state.over = true));
    const taken: number[] = [];
    const running: Promise<unknown>[] = [];
    const begin = performance.now();
    for (let n = 0; !state.over; n += 1) {
      const due = begin + (n * 1000) / PER_SECOND;
      const wait = due - performance.now();
      if (wait > 0) await delay(wait);
      const sent = performance.now();
      running.push(this.pool.query(statement(n, this.rows)).then(() => taken.push(performance.now() - sent)));
    }
    await Promise.all([ended, ...running]);
    return taken;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
