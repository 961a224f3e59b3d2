import { type Log } from "../../common/log";
import { type Exchange, type Plugin, type Refusal } from "./plugin";
import { RedisUnavailable, type RedisCounters, type RedisPlace } from "./redis";

interface Window {
  count: number;
  endsAt: number;
}

/** Counters of `policy: local`: in this process's memory, as in an nginx worker's shared dictionary. They live as long as the data plane. */
export class LocalCounters {
  private readonly windows = new Map<string, Window>();
  private nextSweep = 0;

  /** Adds one. */
  add(key: string, windowMs: number): Window {
    const now = Date.now();
    if (now >= this.nextSweep) this.sweep(now);
    let window = this.windows.get(key);
    if (!window || window.endsAt <= now) {
      window = { count: 0, endsAt: now + windowMs };
      this.windows.set(key, window);
    }
    window.count += 1;
    return window;
  }

  private sweep(now: number): void {
    for (const [key, window] of this.windows) if (window.endsAt <= now) this.windows.delete(key);
    this.nextSweep = now + 60_000;
  }
}

/** `limit-count`: at most `count` requests in `time_window` seconds for each value of `key`, counted here or in Redis. */
export function limitCount(
  configuration: unknown,
  place: { readonly routeId: string; readonly local: LocalCounters; readonly redis: RedisCounters; readonly log: Log },
): Plugin {
  const options = configuration as {
    readonly count: number;
    readonly time_window: number;
    readonly key?: string;
    readonly policy?: string;
    readonly rejected_code?: number;
    readonly rejected_msg?: string;
    readonly allow_degradation?: boolean;
    readonly show_limit_quota_header?: boolean;
  };
  const windowMs = options.time_window * 1000;

  const decide = (exchange: Exchange, window: Window): Refusal | undefined => {
    if (options.show_limit_quota_header !== false) {
      const remaining = Math.max(0, options.count - window.count);
      exchange.responseHeaders.push(
        ["x-ratelimit-limit", String(options.count)],
        ["x-ratelimit-remaining", String(remaining)],
        ["x-ratelimit-reset", String(Math.max(0, Math.ceil((window.endsAt - Date.now()) / 1000)))],
      );
    }
    if (window.count <= options.count) return undefined;
    return {
      status: options.rejected_code ?? 503,
      body: { error_msg: options.rejected_msg ?? "Requests are too frequent" },
    };
  };

  const viaRedis = async (exchange: Exchange, key: string): Promise<Refusal | undefined> => {
    try {
      return decide(exchange, await place.redis.add(configuration as RedisPlace, key, windowMs));
    } catch (error) {
      // Once an attempt, not once a request: a pod's log is short.
      if (error instanceof RedisUnavailable && error.tried)
        place.log("error", `failed to limit count: ${error.message}`);
      if (options.allow_degradation === true) return undefined;
      return { status: 500, body: { error_msg: "failed to limit count" } };
    }
  };

  return {
    name: "limit-count",
    priority: 1002,
    onRequest: (exchange) => {
      const key = `plugin-limit-count${place.routeId}:${variable(exchange, options.key ?? "remote_addr")}`;
      return options.policy === "redis" ? viaRedis(exchange, key) : decide(exchange, place.local.add(key, windowMs));
    },
  };
}

/** nginx variables that a counter's key may name; an unknown or empty one falls back to the address, as in API7. */
function variable(exchange: Exchange, name: string): string {
  if (name === "consumer_name" && exchange.consumer !== "") return exchange.consumer;
  if (name === "host") return exchange.host;
  const header = name.startsWith("http_") ? exchange.request.headers[name.slice(5).replaceAll("_", "-")] : undefined;
  return typeof header === "string" ? header : exchange.remoteAddress;
}
