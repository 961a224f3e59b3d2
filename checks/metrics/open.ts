import { createRequire } from "node:module";
import { type MetricsRequest } from "../../migration/metrics/metricsRequest";
import { headersByCluster } from "../../migration/settings/metricsSchema";
import { type CheckContext } from "../context";
import { CouldNotLook } from "../result";
import type * as CloudWatchModule from "./cloudwatch/source";
import { PrometheusServer } from "./prometheus/server";
import { PrometheusSource } from "./prometheus/source";
import { type MetricSource } from "./source";

/** The AWS SDK is loaded only where it is asked. */
const load = createRequire(__filename);

/** The source that the settings name; undefined where they say that there is none. @throws CouldNotLook */
export function openSource(
  { source, judge, gatewaysB, databaseConnections }: MetricsRequest,
  context: CheckContext,
): Promise<MetricSource | undefined> {
  const { scope, signal, systems } = context;
  switch (source.source) {
    case "none":
      return Promise.resolve(undefined);
    case "prometheus": {
      const headers = credentials(systems.metricsCredentials());
      const server = (side: "a" | "b"): PrometheusServer =>
        new PrometheusServer({
          label: `Prometheus of ${side.toUpperCase()}`,
          url: source[side].url,
          headers: headers[side] ?? {},
          clockSkewSeconds: judge.data.clockSkewSeconds,
          signal,
        });
      return Promise.resolve(
        new PrometheusSource({
          settings: source,
          servers: { a: server("a"), b: server("b") },
          gatewaysB,
          namespaceB: scope.clusterB.namespace,
          deploymentsB: scope.clusterB.dataPlanes.map(({ deployment }) => deployment),
        }),
      );
    }
    case "cloudwatch": {
      const { openCloudWatch } = load("./cloudwatch/source") as typeof CloudWatchModule;
      return openCloudWatch(source, { judge, databaseConnections }, context);
    }
  }
}

function credentials(text: string | undefined): NonNullable<ReturnType<typeof headersByCluster>> {
  if (text === undefined) return {};
  const headers = headersByCluster(text);
  if (headers !== undefined) return headers;
  throw new CouldNotLook(
    "the setting metricsCredentials",
    "it is no JSON object of headers for a, b or both",
    `pulumi config set --secret metricsCredentials '{"a": {"Authorization": "Bearer ..."}, "b": {...}}'`,
    { lasting: true },
  );
}
