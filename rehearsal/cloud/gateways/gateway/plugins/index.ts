import { type Log } from "../../common/log";
import { type PluginConfigurations } from "../configuration";
import { keyAuth, type KeyIndex } from "./keyAuth";
import { limitCount, type LocalCounters } from "./limitCount";
import { type Plugin } from "./plugin";
import { type RedisCounters } from "./redis";
import { proxyRewrite, responseRewrite } from "./rewrite";

export { indexKeys, type KeyIndex } from "./keyAuth";
export { LocalCounters } from "./limitCount";
export { RedisCounters } from "./redis";

/** What outlives one configuration: counters, and which unknown plugins were reported. */
export interface PluginState {
  readonly local: LocalCounters;
  readonly redis: RedisCounters;
  readonly log: Log;
  readonly reported: Set<string>;
}

/** Makes the plugins of one route from merged configurations, in the order in which they run. */
export function buildPlugins(
  configurations: PluginConfigurations,
  routeId: string,
  keys: KeyIndex,
  state: PluginState,
): readonly Plugin[] {
  const plugins: Plugin[] = [];
  for (const [name, configuration] of Object.entries(configurations)) {
    if ((configuration as { readonly _meta?: { readonly disable?: boolean } })._meta?.disable === true) continue;
    const plugin = build(name, configuration, routeId, keys, state);
    if (plugin) plugins.push(plugin);
    else if (!state.reported.has(name)) {
      state.reported.add(name);
      state.log("error", `unknown plugin [${name}]`);
    }
  }
  return plugins.sort((a, b) => b.priority - a.priority);
}

function build(
  name: string,
  configuration: unknown,
  routeId: string,
  keys: KeyIndex,
  state: PluginState,
): Plugin | undefined {
  switch (name) {
    case "key-auth":
      return keyAuth(configuration, keys);
    case "proxy-rewrite":
      return proxyRewrite(configuration);
    case "response-rewrite":
      return responseRewrite(configuration);
    case "limit-count":
      return limitCount(configuration, { routeId, local: state.local, redis: state.redis, log: state.log });
    case "prometheus":
      // Acts on everything, as a global rule: see metrics.ts.
      return { name, priority: 500 };
    default:
      return undefined;
  }
}
