import { type KubernetesFake } from "./kubernetesFake";
import { configMap, deployment, gatewayConfig, pod } from "./objects";

/** Cluster B in good health: control plane, two gateways, their logs, and what answers behind the proxy. */

export const API_TOKEN = "a7ee-test-token";
export const DP_MANAGER = "https://api7ee3-dp-manager.api7.svc.cluster.local:7943";
export const PODS = ["gateway-default-1", "gateway-default-2"] as const;
const GATEWAY_IMAGE = "registry.example.com:5000/api7/api7-ee-3-gateway:3.9.18";
/** Valid for long, with room for more cores. */
export const LICENCE = {
  effective_at: "2026-01-01T00:00:00Z",
  expired_at: "2099-01-01T00:00:00Z",
  max_dp_cores: 64,
  runtime: { status: "normal", dp_cores: 8 },
};
/** Gateway Settings > Deployment, as the program left them. */
export const SYSTEM_SETTINGS = { dp_manager_address: [DP_MANAGER], session_timeout_minutes: 60 };
const LOG = "2026-03-01T07:02:00Z [info] everything is fine\n";

export function healthyClusterB(fake: KubernetesFake): void {
  for (const [component, image] of [
    ["dashboard", "api7/api7-ee-3-integrated:v3.9.18"],
    ["dp-manager", "api7/api7-ee-dp-manager:v3.9.18"],
  ] as const) {
    const name = `api7ee3-${component}`;
    fake.add("apps/v1", "deployments", deployment({ name, app: name, image, replicas: 1 }));
    fake.add("v1", "pods", pod({ name: `${name}-1`, app: name, image, ip: "10.2.0.10" }));
    fake.logs.set(`${name}-1`, LOG);
  }
  gateways(fake, {});
  fake.proxied.set("services/https:api7ee3-dashboard:7443", ({ path, headers }) => {
    if (path === "/healthz") return { body: "ok" };
    if (headers["x-api-key"] !== API_TOKEN) return { status: 401, body: '{"error_msg":"unauthorized"}' };
    if (path === "/api/version") return { body: '{"value":"v3.9.18"}' };
    if (path === "/api/system_settings") return { body: JSON.stringify({ value: SYSTEM_SETTINGS }) };
    if (path === "/api/license") return { body: JSON.stringify({ value: LICENCE }) };
    if (path === "/api/gateway_groups")
      return { body: JSON.stringify({ list: [{ id: "g-1", short_id: "default" }], total: 1 }) };
    if (path === "/api/gateway_groups/g-1/instances") return instances(PODS.map((hostname) => ({ hostname })));
    return { status: 404, body: "{}" };
  });
  fake.proxied.set("services/api7ee3-dp-manager:7900", ({ path }) => ({
    status: path === "/healthz" ? 200 : 404,
    body: "ok",
  }));
}

/** Gateways whose containers, environment or addresses differ. */
export function gateways(
  fake: KubernetesFake,
  more: {
    readonly image?: string;
    readonly hosts?: readonly string[];
    readonly env?: readonly Readonly<Record<string, unknown>>[];
    readonly envFrom?: readonly Readonly<Record<string, unknown>>[];
    readonly ready?: boolean;
    readonly spec?: Readonly<Record<string, unknown>>;
  },
): void {
  const common = {
    app: "gateway-default",
    image: more.image ?? GATEWAY_IMAGE,
    env: more.env ?? [{ name: "API7_GATEWAY_GROUP_SHORT_ID", value: "default" }],
    ...(more.envFrom && { envFrom: more.envFrom }),
  };
  fake.add(
    "apps/v1",
    "deployments",
    deployment({ ...common, name: "gateway-default", replicas: 2, configMap: "gateway-default" }),
  );
  fake.add(
    "v1",
    "configmaps",
    configMap("gateway-default", { "config.yaml": gatewayConfig(more.hosts ?? [DP_MANAGER]) }),
  );
  for (const [index, name] of PODS.entries()) {
    const ip = `10.2.0.${index + 1}`;
    fake.add(
      "v1",
      "pods",
      pod({ ...common, name, ip, ready: more.ready ?? true, ...(more.spec && { spec: more.spec }) }),
    );
    fake.logs.set(name, LOG);
    fake.proxied.set(`pods/${name}:7085`, ({ path }) => ({
      status: /^\/status(\/ready)?$/.test(path) ? 200 : 404,
      body: "ok",
    }));
  }
}

/** The control plane's list of instances, each with a heartbeat some seconds ago. */
export function instances(
  list: readonly { readonly hostname?: string; readonly ip?: string; readonly secondsAgo?: number | null }[],
): { readonly body: string } {
  const items = list.map(({ hostname = "", ip = "", secondsAgo = 4 }, index) => ({
    instance_id: `i-${index}`,
    hostname,
    ip,
    version: "3.9.18",
    status: "Healthy",
    last_heartbeat_time: secondsAgo === null ? null : new Date(Date.now() - secondsAgo * 1000).toISOString(),
  }));
  return { body: JSON.stringify({ list: items, total: items.length }) };
}
