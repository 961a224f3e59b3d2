import { walk, type ConfigurationDocument, type WalkedObject, type WalkedText } from "./configurationWalk";
import { resolved, StatefulPlugins } from "./statefulPlugins";

/**
 * What the configuration points to outside of itself: addresses of upstreams, registries, secret and identity providers,
 * loggers and Redis, and references to variables and secrets (facts/api7.md 4.6). Found by form, since API7's tables
 * are not published: `host` beside `port`, nodes of upstreams, and addresses under keys that name one.
 */

/** One address, and everything that points to it. */
export interface Endpoint {
  /** Name or IP address; `$env://` or `$secret://` where it is not written down. */
  readonly host: string;
  readonly port: number;
  /** UDP answers nobody: that it can be reached cannot be seen. */
  readonly protocol: "tcp" | "udp";
  readonly uses: readonly string[];
}

/** `$env://NAME` or `$secret://MANAGER/ID/...`, and where it is used. */
export interface Reference {
  readonly kind: "env" | "secret";
  /** Name of the variable, or `MANAGER/ID` of the secret provider. */
  readonly name: string;
  /** Gateway groups that use it; undefined: the objects do not say. */
  readonly groups: readonly string[] | undefined;
  readonly uses: readonly string[];
}

const PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  grpc: 80,
  grpcs: 443,
  ldap: 389,
  ldaps: 636,
  redis: 6379,
  rediss: 6379,
  nats: 4222,
  kafka: 9092,
  tcp: 0,
  tls: 0,
  udp: 0,
  amqp: 5672,
  amqps: 5671,
  mqtt: 1883,
};

/** Keys whose text is an address that a gateway or control plane connects to. */
const ADDRESS_KEY =
  /(^|_)(uri|uris|url|urls|endpoint|endpoints|addr|addrs|address|addresses|server|servers|host|hosts|discovery|broker|brokers|nameserver_list|broker_list|well_known)$/i;
/** Addresses that only browsers go to, names, and documentation. */
const NO_ADDRESS_KEY =
  /(redirect|callback|logout|signout|origin|referer|authorization_endpoint|end_session|portal_url|documentation|docs?_url|icon|logo|audience|^issuer$|trusted_addresses|remote_addr|client_ip|allow_?list|deny_?list|^\$|schema)/i;
/** Their addresses are patterns and rewritten paths of requests, not places to connect to. */
const REQUEST_PLUGINS: ReadonlySet<string> = new Set([
  "redirect",
  "proxy-rewrite",
  "response-rewrite",
  "cors",
  "csrf",
  "referer-restriction",
  "uri-blocker",
  "ip-restriction",
  "ua-restriction",
  "real-ip",
  "fault-injection",
  "mocking",
  "echo",
  "request-validation",
  "oas-validator",
  "degraphql",
  "body-transformer",
  "client-control",
]);
/** Lists of names in routes, services and certificates: what requests are matched by. */
const MATCH_PATHS = /(^|\.)(hosts?|uris?|paths?|snis?|server_names?|remote_addrs?|vars)(\[\d+\])*$/;

const HOST = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)$/i;
const HOST_PORT = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?):(\d{1,5})$/i;
const REFERENCE = /\$(env|secret):\/\/([A-Za-z0-9_.-]+)(?:\/([A-Za-z0-9_.-]+))?/gi;
const REFERENCED = /^\$(env|secret):\/\//i;
const UDP_PLUGINS: ReadonlySet<string> = new Set(["udp-logger", "datadog"]);

interface Found {
  readonly protocol: Endpoint["protocol"];
  readonly uses: string[];
}

/** Collects from one document after the other; keeps addresses and places, never values. */
export class Endpoints {
  private readonly endpoints = new Map<string, Found>();
  private readonly references = new Map<string, { groups: Set<string> | undefined; uses: string[] }>();
  /** `MANAGER/ID` of every secret provider. */
  private readonly providers = new Set<string>();

  /** @param environment plain variables of the gateways, for `$env://` in addresses */
  constructor(private readonly environment: ReadonlyMap<string, string> = new Map()) {}

  add(document: ConfigurationDocument): void {
    walk(document, { object: (walked) => this.object(walked), text: (walked) => this.text(walked) });
    const redis = new StatefulPlugins(this.environment);
    redis.add(document);
    for (const { addresses, uses } of redis.list()) {
      for (const address of addresses) this.address(address, "tcp", uses);
    }
    const provider = /\/secrets?\/([\w-]+)\/([\w-]+)$/.exec(document.object);
    if (provider) this.providers.add(`${provider[1] ?? ""}/${provider[2] ?? ""}`);
  }

  list(): readonly Endpoint[] {
    return [...this.endpoints]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, { protocol, uses }]) => {
        const at = address.lastIndexOf(":");
        return { host: address.slice(0, at), port: Number(address.slice(at + 1)), protocol, uses: [...new Set(uses)] };
      });
  }

  /** References to variables and secret providers. */
  listReferences(): readonly Reference[] {
    return [...this.references]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { groups, uses }]) => ({
        kind: id.startsWith("env ") ? "env" : "secret",
        name: id.slice(id.indexOf(" ") + 1),
        groups: groups && [...groups].sort(),
        uses: [...new Set(uses)],
      }));
  }

  hasProvider(name: string): boolean {
    return this.providers.has(name);
  }

  private object(walked: WalkedObject): void {
    const { value, plugin, key } = walked;
    const where = whereOf(walked);
    if (typeof value["manager"] === "string" && typeof value["id"] === "string") {
      this.providers.add(`${value["manager"]}/${value["id"]}`);
    }
    const udp = value["sock_type"] === "udp" || (plugin !== undefined && UDP_PLUGINS.has(plugin));
    const host = value["host"];
    const named = typeof host === "string" && (!host.includes("://") || REFERENCED.test(host));
    if (named && !isPlaceholder(host)) {
      const port = portOf(value["port"], this.environment) ?? this.nodePort(walked);
      // Only an object that has a port, or is a node of an upstream, is an address; a `host` alone is matched or sent.
      if (port !== undefined) this.endpoint(host, port, udp ? "udp" : "tcp", where);
    }
    // `{"10.0.0.1:80": 1}` and `{"10.0.0.1": 9092}`: the older forms of nodes and of Kafka's brokers.
    if (key === "nodes" || key === "broker_list") {
      for (const [name, number] of Object.entries(value)) {
        if (HOST_PORT.test(name)) this.address(name, "tcp", [where]);
        else if (key === "broker_list" && HOST.test(name) && typeof number === "number") {
          this.endpoint(name, number, "tcp", where);
        }
      }
    }
  }

  private text(walked: WalkedText): void {
    const { text, key, plugin, path } = walked;
    for (const [, scheme = "", first = "", second] of text.matchAll(REFERENCE)) {
      const kind = scheme.toLowerCase();
      this.reference(kind === "env" ? `env ${first}` : `secret ${first}/${second ?? ""}`, walked);
    }
    if (!ADDRESS_KEY.test(key) || NO_ADDRESS_KEY.test(path)) return;
    if (plugin !== undefined && REQUEST_PLUGINS.has(plugin)) return;
    const where = whereOf(walked);
    for (const one of text.split(/[\s,]+/)) {
      const address = addressOf(resolved(one, this.environment));
      // A name with a port under `hosts` or `host` is something to match where no plugin and no registry is at hand.
      if (address === undefined || (plugin === undefined && !one.includes("://") && MATCH_PATHS.test(path))) continue;
      this.endpoint(address.host, address.port, one.startsWith("udp:") ? "udp" : "tcp", where);
    }
    // `uri: "$env://BACKEND"` whose variable cannot be read: the address is not known.
    if (key !== "host" && REFERENCED.test(text) && resolved(text, this.environment) === text) {
      this.endpoint(text, 0, "tcp", where);
    }
  }

  /** The port of a node that has none is its upstream's scheme's. */
  private nodePort({ key, path, value }: WalkedObject): number | undefined {
    return key === "nodes" && /(^|\.)nodes\[\d+\]$/.test(path) && value["weight"] !== undefined ? 80 : undefined;
  }

  private reference(id: string, { document, path }: WalkedText): void {
    const found = this.references.get(id) ?? { groups: new Set<string>(), uses: [] };
    // One object without a group makes the reference everybody's.
    if (document.group === undefined) found.groups = undefined;
    else found.groups?.add(document.group);
    found.uses.push(`${document.object}: ${path}`);
    this.references.set(id, found);
  }

  private address(address: string, protocol: Endpoint["protocol"], uses: readonly string[]): void {
    const at = address.lastIndexOf(":");
    for (const use of uses) this.endpoint(address.slice(0, at), Number(address.slice(at + 1)), protocol, use);
  }

  private endpoint(host: string, port: number, protocol: Endpoint["protocol"], where: string): void {
    const name = resolved(host, this.environment)
      .replace(/^\[|\]$/g, "")
      .toLowerCase();
    const id = `${name}:${port}`;
    const found = this.endpoints.get(id);
    if (found === undefined) this.endpoints.set(id, { protocol, uses: [where] });
    else found.uses.push(where);
  }
}

/** Address of a URL or of `host:port`; undefined for everything else. */
export function addressOf(text: string): { readonly host: string; readonly port: number } | undefined {
  const url = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?(?:[/?#]|$)/i.exec(
    text,
  );
  if (url) {
    const [, scheme = "", host = "", port] = url;
    const number = port === undefined ? PORTS[scheme.toLowerCase()] : Number(port);
    return number === undefined || number === 0 || !HOST.test(host) ? undefined : { host, port: number };
  }
  const pair = HOST_PORT.exec(text);
  return pair === null ? undefined : { host: pair[1] ?? "", port: Number(pair[2]) };
}

function portOf(value: unknown, environment: ReadonlyMap<string, string>): number | undefined {
  const text = typeof value === "string" ? resolved(value, environment) : value;
  const number = typeof text === "string" && /^\d+$/.test(text) ? Number(text) : text;
  return typeof number === "number" && Number.isInteger(number) && number > 0 && number < 65_536 ? number : undefined;
}

/** A pattern, a variable of a request, or nothing. */
function isPlaceholder(host: string): boolean {
  return host === "" || host.includes("*") || /[\s/]/.test(host.replace(/^\$(env|secret):\/\/\S+$/i, "x"));
}

function whereOf({ document, path }: WalkedObject | WalkedText): string {
  return `${document.object}: ${path === "" ? "(whole)" : path}`;
}

/** Names of Kubernetes Services: they mean another Service, or none, in another cluster. */
export function isClusterName(host: string): boolean {
  return /\.svc(\.cluster\.local)?\.?$/.test(host) || /\.pod\.cluster\.local\.?$/.test(host);
}

/** An address of the pod itself, which another pod cannot look at. */
export function isOwnAddress(host: string): boolean {
  return host === "localhost" || host === "127.0.0.1" || host === "::1" || host === "0.0.0.0";
}

/** Whether the text is an address within an IPv4 block. */
export function isWithin(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const [a, b] = [numberOf(address), numberOf(network)];
  if (a === undefined || b === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(a / size) === Math.floor(b / size);
}

function numberOf(address: string): number | undefined {
  const parts = address.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
  if (parts.length !== 4 || parts.some((part) => !(part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
