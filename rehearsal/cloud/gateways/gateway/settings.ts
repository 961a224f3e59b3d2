import { GATEWAY_FILE, type GatewayConfiguration } from "../../kubernetes/rendered";
import { durationMs, readConfiguration, readMounted, type Pod } from "../common/pod";

/** An address and port to open. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The config file and the variables that override it, as one object. */
export interface GatewaySettings {
  /** DP Manager addresses. Configuration comes from any of them, heartbeats go to the first only (facts/api7.md 1.5). */
  readonly endpoints: readonly URL[];
  /** Which source decided on the endpoints, for the log. */
  readonly endpointsFrom: string;
  readonly timeoutMs: number;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly trustedAuthority: string | undefined;
  readonly verify: boolean;
  readonly sni: string | undefined;
  readonly token: string | undefined;
  readonly groupShortId: string;
  readonly proxy: readonly Endpoint[];
  readonly proxyTls: readonly Endpoint[];
  readonly status: Endpoint | undefined;
  readonly metrics: Endpoint & { readonly path: string; readonly prefix: string };
  readonly keepAliveMs: number;
  readonly shutdownMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Each beats the next, and all beat `etcd.host` of the config file (facts/api7.md 1.5). */
const ENDPOINT_VARIABLES = [
  "API7_DP_MANAGER_ENDPOINTS",
  "API7_CONTROL_PLANE_ENDPOINTS",
  "APISIX_DEPLOYMENT_ETCD_HOST",
] as const;

/** @throws Error naming the variable or field that cannot be used. */
export function readSettings(pod: Pod, environment: Environment = process.env): GatewaySettings {
  const file = readConfiguration(pod, GATEWAY_FILE) as GatewayConfiguration;
  const { etcd } = file.deployment;
  const own = (suffix: string): string | undefined =>
    nonEmpty(environment[`API7_DP_MANAGER_${suffix}`]) ?? nonEmpty(environment[`API7_CONTROL_PLANE_${suffix}`]);
  const mounted = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : readMounted(pod, path);
  const exporter = file.plugin_attr?.prometheus;
  const { status } = file.apisix;
  return {
    ...endpointsOf(etcd.host, environment),
    timeoutMs: etcd.timeout * 1000,
    clientCertificate: own("CERT") ?? mounted(etcd.tls.cert),
    clientKey: own("KEY") ?? mounted(etcd.tls.key),
    trustedAuthority: own("CA") ?? trustedAuthority(pod, file.apisix.ssl.ssl_trusted_certificate),
    verify: etcd.tls.verify,
    sni: own("SNI") ?? nonEmpty(etcd.tls.sni),
    token: own("TOKEN"),
    groupShortId: nonEmpty(environment.API7_GATEWAY_GROUP_SHORT_ID) ?? "default",
    proxy: file.apisix.node_listen.map(({ ip, port }) => ({ host: ip, port })),
    proxyTls: file.apisix.ssl.enable ? file.apisix.ssl.listen.map(({ ip, port }) => ({ host: ip, port })) : [],
    status: status ? { host: status.ip, port: status.port } : undefined,
    metrics: {
      host: exporter?.export_addr?.ip ?? "127.0.0.1",
      port: exporter?.export_addr?.port ?? 9091,
      path: exporter?.export_uri ?? "/apisix/prometheus/metrics",
      prefix: exporter?.metric_prefix ?? "apisix_",
    },
    keepAliveMs: durationMs(file.nginx_config.http.keepalive_timeout),
    shutdownMs: durationMs(file.nginx_config.worker_shutdown_timeout),
  };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

function endpointsOf(
  hosts: readonly string[],
  environment: Environment,
): Pick<GatewaySettings, "endpoints" | "endpointsFrom"> {
  for (const name of ENDPOINT_VARIABLES) {
    const value = nonEmpty(environment[name]);
    if (value !== undefined)
      return { endpoints: parseList(name, value).map((url) => new URL(url)), endpointsFrom: name };
  }
  if (hosts.length === 0) throw new Error("deployment.etcd.host is empty: there is no DP Manager to connect to");
  return { endpoints: hosts.map((url) => new URL(url)), endpointsFrom: "deployment.etcd.host" };
}

/** The variables hold a JSON array in a string. */
function parseList(name: string, value: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || parsed.length === 0 || !parsed.every((item) => typeof item === "string")) {
    throw new Error(`${name} is ${value}, expected a JSON array of URLs such as ["https://name:7943"]`);
  }
  return parsed;
}

/** `system,<path>,...`: the computer's own authorities have no part in a rehearsal, the files are read. */
function trustedAuthority(pod: Pod, list: string | undefined): string | undefined {
  const paths = (list ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "" && path !== "system");
  return paths.length === 0 ? undefined : paths.map((path) => readMounted(pod, path)).join("\n");
}
