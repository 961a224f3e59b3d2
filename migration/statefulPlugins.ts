import { isObject, walk, type ConfigurationDocument, type WalkedObject } from "./configurationWalk";
import { type StatefulChoice } from "./inspection";

/**
 * Plugins whose state A and B could share, or cannot (facts/api7.md 7): counters and sessions in Redis, and what a node
 * keeps to itself. While both clusters serve, a limit that is counted on each of them lets more through.
 */

/** One thing that a choice is needed for, and everything that uses it. */
export interface StatefulState {
  /** `redis HOST:PORT` (several addresses of one cluster joined by commas), or `plugin NAME`. */
  readonly id: string;
  readonly kind: "redis" | "node";
  /** Addresses of a Redis; empty where one is not written down as host and port. */
  readonly addresses: readonly string[];
  /** Plugins that use it. */
  readonly plugins: readonly string[];
  /** Where it is used; `OBJECT: PATH`. */
  readonly uses: readonly string[];
  /** Whether every use goes on without the Redis (`allow_degradation`). */
  readonly degrades: boolean;
}

const REDIS_POLICIES: ReadonlySet<unknown> = new Set(["redis", "redis-cluster", "redis-sentinel"]);
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

/** Their counters are local unless `policy` says otherwise. */
const LOCAL_BY_DEFAULT: ReadonlySet<string> = new Set([
  "limit-count",
  "limit-count-advanced",
  "limit-req",
  "limit-conn",
  "graphql-limit-count",
  "ai-rate-limiting",
]);
/** Always on the node: a cache on disk or in memory, the state of a circuit. */
const LOCAL_ALWAYS: ReadonlySet<string> = new Set(["proxy-cache", "graphql-proxy-cache", "api-breaker"]);

interface Use {
  readonly id: string;
  readonly kind: StatefulState["kind"];
  readonly addresses: readonly string[];
  readonly plugin: string;
  readonly where: string;
  readonly degrades: boolean;
}

/** Everything stateful in the configuration, in the order of its ids. */
export class StatefulPlugins {
  private readonly states = new Map<string, Use[]>();

  /** @param environment plain variables of the gateways, for `$env://` in addresses */
  constructor(private readonly environment: ReadonlyMap<string, string> = new Map()) {}

  add(document: ConfigurationDocument): void {
    walk(document, {
      object: (walked) => {
        for (const use of usesOf(walked, this.environment)) {
          this.states.set(use.id, [...(this.states.get(use.id) ?? []), use]);
        }
      },
    });
  }

  list(): readonly StatefulState[] {
    return [...this.states]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, uses]) => ({
        id,
        kind: uses[0]?.kind ?? "node",
        addresses: uses[0]?.addresses ?? [],
        plugins: [...new Set(uses.map(({ plugin }) => plugin))].sort(),
        uses: uses.map(({ where }) => where),
        degrades: uses.every(({ degrades }) => degrades),
      }));
  }
}

/** The operators' choice for a state; undefined where none was made. */
export function choiceFor(state: StatefulState, choices: readonly StatefulChoice[]): StatefulChoice | undefined {
  return choices.find(({ redis, plugin }) =>
    state.kind === "redis"
      ? redis !== undefined && `redis ${redis}` === state.id
      : `plugin ${plugin ?? ""}` === state.id,
  );
}

/** Choices that nothing in the configuration needs. */
export function idleChoices(
  states: readonly StatefulState[],
  choices: readonly StatefulChoice[],
): readonly StatefulChoice[] {
  return choices.filter((choice) => !states.some((state) => choiceFor(state, [choice]) !== undefined));
}

/** How a choice is named in the settings. */
export function choiceText({ redis, plugin }: StatefulChoice): string {
  return redis === undefined ? `plugin ${plugin ?? ""}` : `redis ${redis}`;
}

function usesOf(walked: WalkedObject, environment: ReadonlyMap<string, string>): readonly Use[] {
  const { value, plugin, path, document } = walked;
  const where = `${document.object}: ${path === "" ? "(whole)" : path}`;
  const redis = redisAddresses(walked, environment);
  const name = plugin ?? "(no plugin)";
  const degrades = value["allow_degradation"] === true;
  if (redis !== undefined) {
    const addresses = [...redis].sort();
    return [{ id: `redis ${addresses.join(",")}`, kind: "redis", addresses, plugin: name, where, degrades }];
  }
  if (!isLocal(walked)) return [];
  return [{ id: `plugin ${name}`, kind: "node", addresses: [], plugin: name, where, degrades: true }];
}

/**
 * The Redis that an object names; undefined when it names none. By `policy`, by keys that begin with `redis_` or
 * `sentinel_`, or as the object `redis` of a session.
 */
function redisAddresses(
  { value, key, path, plugin }: WalkedObject,
  environment: ReadonlyMap<string, string>,
): readonly string[] | undefined {
  const address = (host: unknown, port: unknown, standard: number): string =>
    `${resolved(typeof host === "string" ? host : "unknown", environment)}:${portOf(port) ?? standard}`;
  if (key === "redis" && /(^|\.)session\.redis$/.test(path)) {
    if (typeof value["host"] !== "string") return ["127.0.0.1:6379"];
    return [address(value["host"], value["port"], REDIS_PORT)];
  }
  if (value["policy"] === "local") return undefined;
  const named = Object.keys(value).some((one) => /^(redis|sentinel)_/.test(one));
  // `policy` is a word of other objects too; without a plugin and without such a key it says nothing.
  if (!named && !(REDIS_POLICIES.has(value["policy"]) && plugin !== undefined)) return undefined;
  const nodes = value["redis_cluster_nodes"];
  if (Array.isArray(nodes) && nodes.length > 0) {
    return nodes.map((node: unknown) => withPort(resolved(String(node), environment), REDIS_PORT));
  }
  const sentinels = value["redis_sentinels"];
  if (Array.isArray(sentinels) && sentinels.length > 0) {
    return sentinels.map((one: unknown) =>
      isObject(one)
        ? address(one["host"], one["port"], SENTINEL_PORT)
        : withPort(resolved(String(one), environment), SENTINEL_PORT),
    );
  }
  return [address(value["redis_host"], value["redis_port"], REDIS_PORT)];
}

function isLocal({ value, plugin, isWholePlugin }: WalkedObject): boolean {
  if (plugin === undefined) return false;
  if (value["policy"] === "local") return true;
  if (!isWholePlugin) return false;
  if (LOCAL_ALWAYS.has(plugin)) return true;
  if (LOCAL_BY_DEFAULT.has(plugin)) return value["policy"] === undefined && isLimit(value);
  // Without a secret of its own each node makes one, and a session that began on A is unknown on B.
  if (plugin === "openid-connect") return value["bearer_only"] !== true && !hasSessionState(value);
  return plugin === "saml-auth" && typeof value["secret"] !== "string";
}

/** Metadata of the plugin is no limit; a list of rules is. */
function isLimit(value: Readonly<Record<string, unknown>>): boolean {
  return ["count", "rate", "conn", "limit", "rules", "limits", "instances"].some((key) => value[key] !== undefined);
}

/** The secret came with the copy, so that B reads A's cookies; a Redis is found on its own. */
function hasSessionState(value: Readonly<Record<string, unknown>>): boolean {
  const session = value["session"];
  return isObject(session) && (typeof session["secret"] === "string" || isObject(session["redis"]));
}

function portOf(port: unknown): number | undefined {
  const number = typeof port === "string" && /^\d+$/.test(port) ? Number(port) : port;
  return typeof number === "number" && Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined;
}

function withPort(address: string, standard: number): string {
  return /:\d+$/.test(address) ? address : `${address}:${standard}`;
}

/** `$env://NAME` where the gateways have it as a plain variable; anything else stays as it is written. */
export function resolved(text: string, environment: ReadonlyMap<string, string>): string {
  const name = /^\$env:\/\/([^/]+)$/i.exec(text)?.[1];
  return (name === undefined ? undefined : environment.get(name)) ?? text;
}
