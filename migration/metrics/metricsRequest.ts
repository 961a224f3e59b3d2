import { type JudgeSettings } from "../settings/judgeSchema";
import { type Settings } from "../settings";

/** What the gate is told about the counts of A and B: where they come from, and how they are judged. Holds no secret. */

export type MetricsSettings = NonNullable<Settings["metrics"]>;
export type PrometheusSettings = Extract<MetricsSettings, { readonly source: "prometheus" }>;
export type CloudWatchSettings = Extract<MetricsSettings, { readonly source: "cloudwatch" }>;

export interface MetricsRequest {
  readonly source: MetricsSettings;
  readonly judge: JudgeSettings;
  readonly gatewaysB: GatewaysOfB;
  /** Connections of database B that raise an alarm, where RDS tells how many there are. */
  readonly databaseConnections: number;
}

/** What B's gateways may use in all, at their full number. */
export interface GatewaysOfB {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

export function metricsRequestOf(settings: Settings): MetricsRequest | undefined {
  const { metrics, judge, monitoring } = settings;
  if (metrics === undefined) return undefined;
  return {
    source: metrics,
    judge,
    gatewaysB: gatewaysOf(settings),
    databaseConnections: monitoring.databaseConnections,
  };
}

/** Without a limit a gateway may use more than it asks for; only what it asks for is sure. */
function gatewaysOf({ gatewayGroups }: Settings): GatewaysOfB {
  let cpuCores = 0;
  let memoryBytes = 0;
  for (const { clusterB } of gatewayGroups) {
    const { resources, replicas, autoscaling } = clusterB;
    const count = autoscaling?.maximum ?? replicas;
    cpuCores += count * cores(resources.limits?.cpu ?? resources.requests.cpu);
    memoryBytes += count * bytes(resources.limits?.memory ?? resources.requests.memory);
  }
  return { cpuCores, memoryBytes };
}

/** `500m` -> 0.5 */
function cores(amount: string): number {
  return amount.endsWith("m") ? Number(amount.slice(0, -1)) / 1000 : Number(amount);
}

const UNITS: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** `2Gi` -> 2147483648 */
function bytes(amount: string): number {
  return Number(amount.slice(0, -2)) * (UNITS[amount.slice(-2)] ?? 1);
}
