import { get, type ClientRequest } from "node:http";
import { type HealthCheckConfig, type TargetState } from "./types";

/** Checks come no faster than this, whatever the pace. */
const MIN_INTERVAL_MS = 200;
/** A check is given at least this long: a busy computer must not make targets unhealthy. */
const MIN_TIMEOUT_MS = 1_000;

export type Health = Extract<TargetState["state"], "initial" | "healthy" | "unhealthy">;

/** What one check saw: nothing wrong, or AWS's reason code. */
export type CheckResult = "ok" | "Target.ResponseCodeMismatch" | "Target.Timeout" | "Target.FailedHealthChecks";

/**
 * Reads a matcher: `"200"`, `"200,204"`, `"200-299"`, each code from 200 to 499.
 *
 * @throws Error when it is none of these
 */
export function parseMatcher(matcher: string): (status: number) => boolean {
  const ranges = matcher.split(",").map((part) => {
    const [, from = "", to = from] = /^\s*(\d{3})(?:-(\d{3}))?\s*$/.exec(part) ?? [];
    const range = { from: Number(from), to: Number(to) };
    if (from === "" || range.from < 200 || range.to > 499 || range.from > range.to) {
      throw new Error(
        `health check matcher "${matcher}" is no list of codes and ranges within 200-499, as "200" or "200-299"`,
      );
    }
    return range;
  });
  return (status) => ranges.some(({ from, to }) => status >= from && status <= to);
}

/**
 * A target's health as consecutive checks make it. A new target is `initial`; **one** success makes it healthy, as on
 * registration with an ALB; from then on the thresholds count.
 */
export class HealthRecord {
  #health: Health = "initial";
  #reason: string | undefined = "Elb.InitialHealthChecking";
  #successes = 0;
  #failures = 0;

  get health(): Health {
    return this.#health;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  /** @returns whether the health changed */
  add(result: CheckResult, thresholds: Pick<HealthCheckConfig, "healthyThreshold" | "unhealthyThreshold">): boolean {
    const before = this.#health;
    if (result === "ok") {
      this.#successes += 1;
      this.#failures = 0;
      if (before === "initial" || this.#successes >= thresholds.healthyThreshold) {
        this.#health = "healthy";
        this.#reason = undefined;
      }
    } else {
      this.#failures += 1;
      this.#successes = 0;
      if (this.#failures >= thresholds.unhealthyThreshold) {
        this.#health = "unhealthy";
        this.#reason = result;
      }
    }
    return this.#health !== before;
  }
}

/** Checks one target again and again until it is stopped; the first time at once. Each check uses a connection of its own. */
export class HealthCheck {
  readonly #target: { readonly id: string; readonly port: number };
  readonly #pace: number;
  readonly #report: (result: CheckResult, config: HealthCheckConfig) => void;
  #config: HealthCheckConfig;
  #matches: (status: number) => boolean;
  #timer: NodeJS.Timeout | undefined;
  #request: ClientRequest | undefined;
  #stopped = false;

  constructor(
    target: { readonly id: string; readonly port: number },
    config: HealthCheckConfig,
    pace: number,
    report: (result: CheckResult, config: HealthCheckConfig) => void,
  ) {
    this.#target = target;
    this.#config = config;
    this.#matches = parseMatcher(config.matcher);
    this.#pace = pace;
    this.#report = report;
    this.#check();
  }

  /** Uses a changed configuration from the next check on. */
  configure(config: HealthCheckConfig): void {
    this.#config = config;
    this.#matches = parseMatcher(config.matcher);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#request?.destroy();
  }

  #check(): void {
    const startedAt = performance.now();
    const { path, port, timeoutSeconds } = this.#config;
    const timeoutMs = Math.max(MIN_TIMEOUT_MS, timeoutSeconds * 1000);
    let done = false;
    const finish = (result: CheckResult): void => {
      if (done || this.#stopped) {
        return;
      }
      done = true;
      clearTimeout(timeout);
      const intervalMs = Math.max(MIN_INTERVAL_MS, (this.#config.intervalSeconds * 1000) / this.#pace);
      this.#timer = setTimeout(() => this.#check(), Math.max(0, intervalMs - (performance.now() - startedAt)));
      this.#report(result, this.#config);
    };
    const request = get({
      host: this.#target.id,
      port: port === "traffic-port" ? this.#target.port : port,
      path,
      agent: false,
      headers: { "User-Agent": "ELB-HealthChecker/2.0", Accept: "*/*" },
    });
    const timeout = setTimeout(() => {
      finish("Target.Timeout");
      request.destroy();
    }, timeoutMs);
    this.#request = request;
    request.on("response", (response) => {
      finish(this.#matches(response.statusCode ?? 0) ? "ok" : "Target.ResponseCodeMismatch");
      response.resume();
    });
    request.on("error", () => finish("Target.FailedHealthChecks"));
  }
}
