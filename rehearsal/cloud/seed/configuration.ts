import { type TrafficSample } from "../traffic/types";
import { Random } from "./random";

/** Rows for the tables of the same names; keys are column names. */
export type Row = Readonly<Record<string, unknown>>;

/** What an organisation has configured: one gateway group's services, routes, consumers and their plugins. */
export interface Configuration {
  readonly gatewayGroupId: string;
  readonly serviceTemplates: readonly Row[];
  readonly services: readonly Row[];
  readonly upstreams: readonly Row[];
  readonly routes: readonly Row[];
  readonly consumers: readonly Row[];
  /** Without `fingerprint`, which the database computes. */
  readonly credentials: readonly Row[];
  readonly catalogue: readonly TrafficSample[];
}

const GATEWAY_GROUP = "default";

const DOMAINS = [
  "orders",
  "payments",
  "catalog",
  "search",
  "customers",
  "carts",
  "shipping",
  "returns",
  "pricing",
  "stock",
  "invoices",
  "reviews",
  "media",
  "loyalty",
  "partners",
  "reports",
  "identity",
  "messages",
  "fraud",
  "telemetry",
] as const;
const PARTS = ["core", "read", "write", "export", "admin", "mobile", "partner", "batch", "events", "internal"] as const;
const RESOURCES = [
  "items",
  "lists",
  "drafts",
  "labels",
  "notes",
  "files",
  "links",
  "rules",
  "states",
  "totals",
  "owners",
  "groups",
  "tasks",
  "slots",
  "zones",
  "offers",
  "history",
] as const;

/** Three routes a resource: the collection, its export, and everything below it. */
const SHAPES = [
  { name: "collection", path: (base: string): string => base, methods: ["GET", "POST"] },
  { name: "export", path: (base: string): string => `${base}/export.csv`, methods: ["GET"] },
  { name: "member", path: (base: string): string => `${base}/*`, methods: ["GET", "PUT", "PATCH", "DELETE"] },
] as const;

/** Routes for requests that stay in flight; the upstream knows them by the first part of the path. */
const LONG_KINDS = ["slow", "stream", "websocket", "upload"] as const;
const LONG_PREFIX = { slow: "/slow", stream: "/stream", websocket: "/ws", upload: "/upload" } as const;
const SERVICES_WITH_LONG_ROUTES = 10;

/** Share of the plain traffic in percent, by service; the others get none. Very unequal, as real ones are. */
const SHARES = [60, 18, 9, 5, 3, 2, 1, 0.7, 0.5, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1] as const;
const SAMPLES_PER_SERVICE = 4;

const CONSUMERS = 1000;
const KEY_AUTH_SERVICE = 3;

/** A Redis of the old cluster's own: the classic miss of a migration (facts/api7.md 7). It cannot be reached here. */
export const REDIS_OF_A = "redis-master.cache.svc.cluster.local";
/** Where the configuration's other services are when nobody says: names that nobody can reach. */
const NOWHERE = "outside.shop.example";

/**
 * Plugins of services by index: the first fifteen get traffic, and meet each kind of plugin that the data planes honour;
 * the others are only there to be found.
 */
function servicePlugins(outside: string | undefined): Readonly<Record<number, Row>> {
  const redis = {
    policy: "redis",
    redis_host: outside ?? REDIS_OF_A,
    redis_port: 6379,
    redis_timeout: 1000,
    allow_degradation: true,
  };
  const limit = { count: 1_000_000, time_window: 60, key: "remote_addr", rejected_code: 429 };
  const http = `http://${outside ?? NOWHERE}:8080`;
  return {
    2: { "limit-count": { ...limit, policy: "local" } },
    [KEY_AUTH_SERVICE]: { "key-auth": { header: "apikey", hide_credentials: false } },
    4: { "limit-count": { ...limit, ...redis } },
    6: { "response-rewrite": { headers: { set: { "x-served-for": "loyalty" } } } },
    40: {
      "openid-connect": {
        client_id: "shop",
        client_secret: "$secret://vault/main/shop/client_secret",
        discovery: `${http}/.well-known/openid-configuration`,
        session: { secret: "one secret for all nodes, thirty-two" },
      },
    },
    41: { "http-logger": { uri: `${http}/logs` } },
    42: { workflow: { rules: [{ case: [["uri", "==", "/x"]], actions: [["limit-count", { ...limit, ...redis }]] }] } },
    43: { "proxy-cache": { cache_strategy: "memory", cache_zone: "memory_cache" } },
  };
}

/** Built from a seed number: the same number gives the same rows, but for times and what the database computes. */
export function buildConfiguration(o: {
  readonly seed: number;
  readonly routes: number;
  readonly upstream: { readonly host: string; readonly port: number };
  /** Host of everything else that the configuration points to. Default: names that cannot be reached. */
  readonly outside?: string | undefined;
}): Configuration {
  const plugins = servicePlugins(o.outside);
  const random = new Random(o.seed);
  const credentialKeys = Array.from({ length: CONSUMERS }, () => random.key());
  const serviceTemplates = DOMAINS.map((domain) => ({
    id: random.id(),
    name: domain,
    description: `APIs of ${domain}`,
    labels: { domain },
    hosts: [hostOf(domain)],
    plugins: {},
  }));
  const blueprints = PARTS.flatMap((part) =>
    DOMAINS.map((domain, index) => ({ domain, part, template: serviceTemplates[index] })),
  );
  const services: Row[] = [];
  const upstreams: Row[] = [];
  const routes: Row[] = [];
  blueprints.forEach(({ domain, part, template }, index) => {
    const serviceId = random.id();
    const upstreamId = random.id();
    services.push({
      id: serviceId,
      gateway_group_id: GATEWAY_GROUP,
      template_id: template?.id,
      name: `${domain}-${part}`,
      labels: { domain, tier: index < SHARES.length ? "critical" : "standard" },
      hosts: [hostOf(domain)],
      path_prefix: `/${part}`,
      plugins: plugins[index] ?? {},
      upstream_id: upstreamId,
      status: "enabled",
      version: `1.${random.below(20)}.${random.below(10)}`,
      published_at: dayInPast(random),
    });
    upstreams.push({
      id: upstreamId,
      gateway_group_id: GATEWAY_GROUP,
      service_id: serviceId,
      name: `${domain}-${part}-upstream`,
      nodes: [{ host: o.upstream.host, port: o.upstream.port, weight: 100 }],
      timeout: { connect: 6, send: 120, read: 120 },
    });
  });
  for (let index = 0; index < SERVICES_WITH_LONG_ROUTES; index += 1) {
    for (const kind of LONG_KINDS) routes.push(longRoute(random, services[index], kind));
  }
  // The services that the catalogue asks for come first: they have their routes however few there are in all.
  const asked = services.slice(0, SHARES.length);
  for (let round = 0; round < SHAPES.length * RESOURCES.length; round += 1) {
    for (const service of asked) routes.push(plainRoute(random, service, round));
  }
  for (let round = 0; routes.length < o.routes; round += 1) {
    for (const service of round < SHAPES.length * RESOURCES.length ? services.slice(SHARES.length) : services) {
      if (routes.length === o.routes) break;
      routes.push(plainRoute(random, service, round));
    }
  }
  const consumers = credentialKeys.map((_, index) => ({
    id: random.id(),
    gateway_group_id: GATEWAY_GROUP,
    username: `consumer-${String(index + 1).padStart(4, "0")}`,
    description: index % 7 === 0 ? "Zugang für Partner (Prüfung jährlich)" : "",
    labels: { plan: ["free", "standard", "premium"][index % 3] },
    plugins: {},
  }));
  const credentials = consumers.map((consumer, index) => ({
    id: random.id(),
    consumer_id: consumer.id,
    name: "primary",
    plugin: "key-auth",
    config: { key: credentialKeys[index] },
  }));
  const catalogue = buildCatalogue(services, credentialKeys);
  return {
    gatewayGroupId: GATEWAY_GROUP,
    serviceTemplates,
    services,
    upstreams,
    routes,
    consumers,
    credentials,
    catalogue,
  };
}

function hostOf(domain: string): string {
  return `${domain}.shop.example`;
}

/** Fixed days, so that rows do not differ from one run to the next. */
function dayInPast(random: Random): string {
  return new Date(
    Date.UTC(2026, random.below(6), 1 + random.below(28), random.below(24), random.below(60)),
  ).toISOString();
}

function partOf(service: Row | undefined): string {
  return String(service?.path_prefix);
}

function longRoute(random: Random, service: Row | undefined, kind: (typeof LONG_KINDS)[number]): Row {
  return route(random, service, {
    name: kind,
    paths: [`${LONG_PREFIX[kind]}${partOf(service)}/*`],
    methods: kind === "upload" ? ["POST", "PUT"] : ["GET"],
    enable_websocket: kind === "websocket",
  });
}

function plainRoute(random: Random, service: Row, round: number): Row {
  const shape = SHAPES[round % SHAPES.length] ?? SHAPES[0];
  const resource = RESOURCES[Math.floor(round / SHAPES.length) % RESOURCES.length] ?? RESOURCES[0];
  const version = 1 + Math.floor(round / (SHAPES.length * RESOURCES.length));
  const base = `${partOf(service)}/v${version}/${resource}`;
  const dice = random.below(100);
  return route(random, service, {
    name: `${resource}-v${version}-${shape.name}`,
    paths: [shape.path(base)],
    methods: shape.methods,
    labels: { version: `v${version}` },
    // The carts service still calls its backend by the old path.
    ...(service.name === "carts-core" || dice < 2 ? { plugins: rewrite(base) } : {}),
    ...(dice === 50 ? { priority: 10 } : {}),
  });
}

function rewrite(base: string): Row {
  return {
    "proxy-rewrite": {
      regex_uri: [`^${base}(.*)$`, `/legacy${base}$1`],
      headers: { set: { "x-rewritten-from": base } },
    },
  };
}

function route(random: Random, service: Row | undefined, fields: Row): Row {
  const defaults = { plugins: {}, priority: 0, enable_websocket: false, status: "enabled", labels: {} };
  return { id: random.id(), gateway_group_id: GATEWAY_GROUP, service_id: service?.id, ...defaults, ...fields };
}

function buildCatalogue(services: readonly Row[], credentialKeys: readonly string[]): readonly TrafficSample[] {
  const samples: TrafficSample[] = [];
  const add = (index: number, kind: TrafficSample["kind"], path: string, weight: number, user: number): void => {
    const service = services[index];
    const headers: Record<string, string> = index === KEY_AUTH_SERVICE ? { apikey: credentialKeys[user] ?? "" } : {};
    samples.push({
      service: String(service?.name),
      host: (service?.hosts as string[])[0] ?? "",
      path,
      headers,
      weight,
      kind,
    });
  };
  SHARES.forEach((share, index) => {
    for (let sample = 0; sample < SAMPLES_PER_SERVICE; sample += 1) {
      const resource = RESOURCES[(index + sample) % RESOURCES.length] ?? RESOURCES[0];
      const base = `${partOf(services[index])}/v1/${resource}`;
      const path = sample % 2 === 0 ? base : `${base}/${1000 + 17 * index + sample}`;
      add(index, "plain", path, share / SAMPLES_PER_SERVICE, 10 * index + sample);
    }
  });
  for (let index = 0; index < SERVICES_WITH_LONG_ROUTES; index += 1) {
    for (const kind of LONG_KINDS) {
      add(index, kind, `${LONG_PREFIX[kind]}${partOf(services[index])}/${index + 1}`, SHARES[index] ?? 1, 500 + index);
    }
  }
  return samples;
}
