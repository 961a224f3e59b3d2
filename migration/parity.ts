/**
 * What the gateways of A and B have outside of the database: image, rendered configuration, environment, ports, trusted
 * CAs and custom code. The copy of the database does not carry it over (facts/api7.md 4.6). Pure: facts in, differences
 * out.
 */

/** Everything that is compared of one cluster's gateways of one group. */
export interface GatewayFacts {
  /** Digests of the gateway's image as its pods run it, `sha256:...`. */
  readonly imageDigests: readonly string[];
  /** The config file, parsed. */
  readonly configuration: unknown;
  /** Names of variables. */
  readonly environment: readonly string[];
  /** `tcp 9080`. */
  readonly ports: readonly string[];
  /** Fingerprints of the CAs in mounted Secrets, with their names. */
  readonly trustedCas: readonly string[];
  /** Mount path to a digest of what is mounted there. */
  readonly mounted: Readonly<Record<string, string>>;
}

export interface ParityDifference {
  /** `default: environment LOG_LEVEL`: how the settings name it. */
  readonly item: string;
  readonly a: string;
  readonly b: string;
}

export interface Parity {
  readonly differences: readonly ParityDifference[];
  /** Differences that the program itself makes, each with its reason. */
  readonly expected: readonly string[];
}

/** Paths of the config file that differ by design. */
const BY_DESIGN: readonly { readonly path: RegExp; readonly reason: string }[] = [
  { path: /^deployment\.etcd\.host(\[\d+\])?$/, reason: "each cluster has its own DP Manager" },
  { path: /^deployment\.etcd\.tls\.(cert|key|sni|verify)$/, reason: "each cluster has its own client certificate" },
  { path: /^apisix\.ssl\.ssl_trusted_certificate$/, reason: "names of files; the CAs themselves are compared" },
  { path: /^nginx_config\.worker_shutdown_timeout$/, reason: "B's gateways let requests in flight finish" },
  { path: /^nginx_config\.http\.keepalive_timeout$/, reason: "B's is longer than the load balancer's idle time" },
  { path: /^nginx_config\.worker_processes$/, reason: "goes with the size of B's pods" },
  { path: /^(apisix\.status|api7ee\.status_endpoint)(\.|$)/, reason: "the load balancer looks at B's status port" },
  { path: /^plugin_attr\.prometheus\.(export_|metric_prefix$)/, reason: "where metrics are taken from" },
];
const VARIABLES_BY_DESIGN: Readonly<Record<string, string>> = {
  API7_GATEWAY_GROUP_SHORT_ID: "B's gateways are told their group",
};
/** Ports that B may have beyond A's. */
const PORTS_OF_B: Readonly<Record<string, string>> = {
  "tcp 7085": "the load balancer looks at B's status port",
  "tcp 9091": "B's metrics are taken from outside of the pod",
};
const SECRET_PATH = /(password|passwd|token|secret|credential|(^|[._])key)([._[]|$)/i;
const SHOWN = 120;

/** @param group short id of the gateway group, the first word of every item */
export function compareGateways(group: string, a: GatewayFacts, b: GatewayFacts): Parity {
  const differences: ParityDifference[] = [];
  const expected: string[] = [];
  const add = (what: string, inA: string, inB: string): void => {
    differences.push({ item: `${group}: ${what}`, a: inA, b: inB });
  };
  if (!sameSet(a.imageDigests, b.imageDigests)) {
    add("image digest", a.imageDigests.join(", ") || "none", b.imageDigests.join(", ") || "none");
  }
  const [configA, configB] = [flatten(a.configuration), flatten(b.configuration)];
  for (const path of union(configA.keys(), configB.keys())) {
    const [inA, inB] = [configA.get(path), configB.get(path)];
    if (inA === inB) continue;
    const design = BY_DESIGN.find((one) => one.path.test(path));
    if (design) expected.push(`${group}: configuration ${path}: ${design.reason}`);
    else add(`configuration ${path}`, shown(path, inA), shown(path, inB));
  }
  compareSets("environment", a.environment, b.environment, (name) => VARIABLES_BY_DESIGN[name]);
  compareSets("port", a.ports, b.ports, (name) => (b.ports.includes(name) ? PORTS_OF_B[name] : undefined));
  compareSets("trusted CA", a.trustedCas, b.trustedCas, () => undefined);
  for (const path of union(Object.keys(a.mounted), Object.keys(b.mounted))) {
    const [inA, inB] = [a.mounted[path], b.mounted[path]];
    if (inA !== inB) add(`files at ${path}`, inA ?? "none", inB ?? "none");
  }
  return { differences, expected };

  function compareSets(
    what: string,
    inA: readonly string[],
    inB: readonly string[],
    reasonOf: (name: string) => string | undefined,
  ): void {
    for (const name of union(inA, inB)) {
      const [has, other] = [inA.includes(name), inB.includes(name)];
      if (has === other) continue;
      const reason = reasonOf(name);
      if (reason !== undefined) expected.push(`${group}: ${what} ${name}: ${reason}`);
      else add(`${what} ${name}`, has ? "there" : "missing", other ? "there" : "missing");
    }
  }
}

/** Every scalar of a document by its path; empty objects and lists are values too. */
export function flatten(value: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (one: unknown, path: string): void => {
    if (typeof one !== "object" || one === null) {
      found.set(path, JSON.stringify(one));
      return;
    }
    const entries = Array.isArray(one)
      ? one.map((child: unknown, index) => [`${path}[${index}]`, child] as const)
      : Object.entries(one).map(([key, child]) => [path === "" ? key : `${path}.${key}`, child as unknown] as const);
    // What is empty is the chart's way to say that nothing is set.
    for (const [below, child] of entries) visit(child, below);
  };
  visit(value, "");
  return found;
}

function shown(path: string, text: string | undefined): string {
  if (text === undefined) return "not set";
  return SECRET_PATH.test(path) ? "a value" : text.slice(0, SHOWN);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length > 0 && a.length === b.length && a.every((one) => b.includes(one));
}

function union(...lists: readonly Iterable<string>[]): readonly string[] {
  return [...new Set(lists.flatMap((list) => [...list]))].sort();
}
