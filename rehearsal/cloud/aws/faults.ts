import { setTimeout as delay } from "node:timers/promises";
import { AwsError } from "./errors";

/** A fault that a rehearsal puts in front of an action. */
export interface Fault {
  /** AWS's code, e.g. `Throttling` or `InternalFailure`. */
  readonly code: string;
  readonly message: string;
  /** How many calls it hits. Default: 1. */
  readonly times?: number;
  /** The action takes effect all the same and only its answer is lost. Default: false. */
  readonly afterEffect?: boolean;
  /** Default: 400, or 503 for a code of AWS's own failures (SDKs repeat those). */
  readonly httpStatus?: number;
  /** Milliseconds that the call waits before it fails. Default: 0. */
  readonly delayMs?: number;
}

/** A call that is only slow. */
export interface Slowness {
  readonly delayMs: number;
  /** How many calls it hits. Default: 1. */
  readonly times?: number;
}

interface Armed {
  readonly delayMs: number;
  readonly error: AwsError | undefined;
  readonly afterEffect: boolean;
  left: number;
}

const SERVER_FAULTS = new Set(["InternalFailure", "InternalError", "ServiceUnavailable", "RequestLimitExceeded"]);

/**
 * Faults by the name of an AWS action (`ModifyListener`, `RestoreDBInstanceFromDBSnapshot`, ...). They hit every caller
 * of the action: the plugin, the AWS SDK and the AWS command line alike. Several faults of an action strike in the
 * order in which they were set.
 */
export class Faults {
  private readonly waiting = new Map<string, Armed[]>();
  private readonly known = new Set<string>();

  /** Makes actions known, so that a misspelled one is an error instead of a fault that never strikes. */
  register(actions: readonly string[]): void {
    for (const action of actions) this.known.add(action);
  }

  /** The next calls of the action fail. @throws Error when the local AWS has no such action */
  fail(action: string, fault: Fault): void {
    const status = fault.httpStatus ?? (SERVER_FAULTS.has(fault.code) ? 503 : 400);
    this.arm(action, {
      delayMs: fault.delayMs ?? 0,
      error: new AwsError(fault.code, fault.message, status),
      afterEffect: fault.afterEffect ?? false,
      left: fault.times ?? 1,
    });
  }

  /** The next calls of the action are slow. @throws Error when the local AWS has no such action */
  slow(action: string, slowness: Slowness): void {
    this.arm(action, {
      delayMs: slowness.delayMs,
      error: undefined,
      afterEffect: false,
      left: slowness.times ?? 1,
    });
  }

  /** How many calls of an action faults will still hit. */
  armed(action: string): number {
    return (this.waiting.get(action) ?? []).reduce((sum, { left }) => sum + left, 0);
  }

  /** Takes all faults away. */
  clear(): void {
    this.waiting.clear();
  }

  /** Runs an action, with the fault that is due for it. */
  async around<T>(action: string, run: () => T | Promise<T>): Promise<T> {
    const fault = this.take(action);
    if (fault === undefined) return run();
    if (fault.delayMs > 0) await delay(fault.delayMs);
    if (fault.error === undefined) return run();
    if (fault.afterEffect) await run();
    throw fault.error;
  }

  private arm(action: string, armed: Armed): void {
    if (!this.known.has(action)) {
      throw new Error(`The local AWS has no action ${action}. It has: ${[...this.known].sort().join(", ")}.`);
    }
    this.waiting.set(action, [...(this.waiting.get(action) ?? []), armed]);
  }

  private take(action: string): Armed | undefined {
    const due = this.waiting.get(action)?.find((armed) => armed.left > 0);
    if (due !== undefined) due.left -= 1;
    return due;
  }
}
