import { type Configuration, type RouteValue, type Timeouts, type UpstreamValue } from "./configuration";
import { buildPlugins, indexKeys, type PluginState } from "./plugins";
import { type Plugin } from "./plugins/plugin";

/** Where a service's requests go. */
export interface CompiledUpstream {
  readonly passHost: string;
  /** Those with a weight above 0. */
  readonly nodes: UpstreamValue["nodes"];
  readonly totalWeight: number;
  readonly timeout: Timeouts | undefined;
}

/** A route as requests meet it: everything looked up already. */
export interface CompiledRoute {
  readonly id: string;
  readonly name: string;
  /** The pattern that matched, as configured. */
  readonly uri: string;
  readonly methods: ReadonlySet<string> | undefined;
  readonly priority: number;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly plugins: readonly Plugin[];
  readonly upstream: CompiledUpstream | undefined;
  readonly timeout: Timeouts;
  readonly websocket: boolean;
}

const DEFAULT_TIMEOUT: Timeouts = { connect: 60, send: 60, read: 60 };
const ANY_HOST = "*";

/** Routes of one host: exact paths, and prefixes by their length, longest first. */
class PathTable {
  private readonly exact = new Map<string, CompiledRoute[]>();
  private readonly prefixes = new Map<string, CompiledRoute[]>();
  private lengths: readonly number[] = [];

  add(route: CompiledRoute): void {
    const isPrefix = route.uri.endsWith("*");
    const map = isPrefix ? this.prefixes : this.exact;
    const path = isPrefix ? route.uri.slice(0, -1) : route.uri;
    const routes = map.get(path) ?? [];
    routes.push(route);
    map.set(path, routes);
  }

  finish(): void {
    for (const routes of [...this.exact.values(), ...this.prefixes.values()])
      routes.sort((a, b) => b.priority - a.priority);
    this.lengths = [...new Set([...this.prefixes.keys()].map((path) => path.length))].sort((a, b) => b - a);
  }

  find(path: string, method: string): CompiledRoute | undefined {
    const exact = pick(this.exact.get(path), method);
    if (exact) return exact;
    for (const length of this.lengths) {
      if (length > path.length) continue;
      const found = pick(this.prefixes.get(path.slice(0, length)), method);
      if (found) return found;
    }
    return undefined;
  }
}

function pick(routes: readonly CompiledRoute[] | undefined, method: string): CompiledRoute | undefined {
  return routes?.find((route) => route.methods === undefined || route.methods.has(method));
}

/**
 * Finds the route of a request: exact host before `*.`-hosts before routes without host; exact path before the longest
 * prefix (`/*` at its end); then by priority. Built whole from a configuration and replaced whole, so that a request
 * never sees half of a change.
 */
export class Router {
  /** Requests are measured: the `prometheus` plugin is on as a global rule, as the control plane sets it by default. */
  readonly measured: boolean;
  private readonly hosts = new Map<string, PathTable>();

  constructor(configuration: Configuration, state: PluginState) {
    const keys = indexKeys(configuration.credentials.values());
    const upstreams = new Map(
      [...configuration.upstreams].map(([id, upstream]) => [id, compileUpstream(upstream)] as const),
    );
    const globalPlugins = [...configuration.globalRules.values()].flatMap((rule) =>
      buildPlugins(rule.plugins, rule.id, keys, state),
    );
    this.measured = globalPlugins.some(({ name }) => name === "prometheus");
    for (const route of configuration.routes.values()) {
      const service = configuration.services.get(route.service_id);
      // The service was disabled or deleted: its routes are not served.
      if (!service) continue;
      const upstream = service.upstream_id === undefined ? undefined : upstreams.get(service.upstream_id);
      const own = buildPlugins({ ...service.plugins, ...route.plugins }, route.id, keys, state);
      const plugins = [...globalPlugins, ...own];
      for (const uri of route.uris) {
        const compiled = compile(route, service.name, uri, plugins, upstream);
        for (const host of service.hosts ?? [ANY_HOST]) this.table(host.toLowerCase()).add(compiled);
      }
    }
    for (const table of this.hosts.values()) table.finish();
  }

  find(host: string, path: string, method: string): CompiledRoute | undefined {
    const found = this.hosts.get(host)?.find(path, method);
    if (found) return found;
    for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
      const byWildcard = this.hosts.get(`*${host.slice(dot)}`)?.find(path, method);
      if (byWildcard) return byWildcard;
    }
    return this.hosts.get(ANY_HOST)?.find(path, method);
  }

  private table(host: string): PathTable {
    let table = this.hosts.get(host);
    if (!table) this.hosts.set(host, (table = new PathTable()));
    return table;
  }
}

function compileUpstream({ pass_host: passHost, nodes, timeout }: UpstreamValue): CompiledUpstream {
  const usable = nodes.filter((node) => node.weight > 0);
  return { passHost, nodes: usable, totalWeight: usable.reduce((sum, node) => sum + node.weight, 0), timeout };
}

function compile(
  route: RouteValue,
  serviceName: string,
  uri: string,
  plugins: readonly Plugin[],
  upstream: CompiledUpstream | undefined,
): CompiledRoute {
  return {
    id: route.id,
    name: route.name,
    uri,
    methods: route.methods ? new Set(route.methods) : undefined,
    priority: route.priority ?? 0,
    serviceId: route.service_id,
    serviceName,
    plugins,
    upstream,
    timeout: route.timeout ?? upstream?.timeout ?? DEFAULT_TIMEOUT,
    websocket: route.enable_websocket ?? false,
  };
}
