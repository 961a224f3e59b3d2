import api7ee3Paths from "./api7ee3-3.9.5.value-paths.json";
import gatewayPaths from "./gateway-3.9.10.value-paths.json";
import { renderControlPlane } from "./api7ee3";
import { renderGateway } from "./gateway";
import { type RenderContext, type RenderedObject } from "./objects";

/** The two official charts. */
export type ChartName = "api7ee3" | "gateway";

/** One official chart as the stand-in knows it. */
export interface KnownChart {
  readonly name: ChartName;
  readonly version: string;
  /** Version of API7 that it installs by default (facts/api7.md 1.1). */
  readonly appVersion: string;
  readonly description: string;
  /** Paths of `values.yaml`, each with its default. */
  readonly valuePaths: Readonly<Record<string, unknown>>;
  /** Paths that the templates read although `values.yaml` has no default for them. */
  readonly morePaths: Readonly<Record<string, unknown>>;
  readonly render: (context: RenderContext) => readonly RenderedObject[];
}

/** `{}` and `[]` take any map and any list, `null` takes anything. */
const VAULT = {
  enabled: null,
  address: null,
  namespace: null,
  base_dsn: null,
  cred_cache_ttl: null,
  auth: {},
  database: {},
  tls: {},
};

function vaultOf(configuration: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(VAULT).map(([key, value]) => [`${configuration}.database.vault.${key}`, value]),
  );
}

export const CHARTS: Readonly<Record<ChartName, KnownChart>> = {
  api7ee3: {
    name: "api7ee3",
    version: "3.9.5",
    appVersion: "3.9.18",
    description: "Stand-in for the official control-plane chart of API7 Enterprise, for rehearsals on one computer",
    valuePaths: api7ee3Paths,
    // facts/api7.md 1.2 and the comments of the official values.yaml.
    morePaths: {
      "dashboard.resources": {},
      "dp_manager.resources": {},
      "dashboard_service.nodePort": null,
      "dashboard_service.tlsNodePort": null,
      "dp_manager_service.loadBalancerClass": null,
      "developer_portal_service.nodePort": null,
      "dashboard_configuration.admin_api_address": "",
      "dashboard_configuration.dp_manager_address": [],
      "dashboard_configuration.fallback_cp": {},
      "dashboard_configuration.license.file_path": "",
      "dashboard_configuration.console.custom_menu_group": {},
      ...vaultOf("dashboard_configuration"),
      ...vaultOf("dp_manager_configuration"),
      ...vaultOf("developer_portal_configuration"),
    },
    render: renderControlPlane,
  },
  gateway: {
    name: "gateway",
    version: "3.9.10",
    appVersion: "3.9.18",
    description: "Stand-in for the official data-plane chart of API7 Enterprise, for rehearsals on one computer",
    valuePaths: gatewayPaths,
    morePaths: {
      "gateway.annotations": {},
      "gateway.loadBalancerClass": null,
      "gateway.loadBalancerIP": null,
      "gateway.loadBalancerSourceRanges": [],
    },
    render: renderGateway,
  },
};

export function isChartName(name: string): name is ChartName {
  return Object.hasOwn(CHARTS, name);
}
