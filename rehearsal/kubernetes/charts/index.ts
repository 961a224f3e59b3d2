import { KubeClient } from "../../cloud/kubernetes/client";
import { Helm } from "./helm/helm";
import { type ReleaseRecord } from "./helm/storage";
import { type Values } from "./values";

export { CHARTS, type ChartName, type KnownChart } from "./catalogue";
export { knownChart, readChart, type ChartMetadata } from "./chart";
export { Helm, ReleaseFailed, type ReleaseRequest } from "./helm/helm";
export { type ReleaseRecord, type ReleaseStatus } from "./helm/storage";
export { render, type RenderRequest } from "./render";
export { type RenderedObject } from "./objects";
export { type Values } from "./values";
export { writeCharts, type WrittenChart } from "./write";

/** A release to install without Pulumi, as A's owners did long ago. */
export interface ChartInstallation {
  readonly kubeconfigPath: string;
  /** Path of the archive, as `writeCharts` answers it. */
  readonly chart: string;
  readonly name: string;
  /** Made when it is not there. */
  readonly namespace: string;
  readonly values: Values;
  /** Default: 120. */
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
}

/**
 * Installs one chart as `helm install --wait` would: the world before the migration.
 * @throws ReleaseFailed when its pods do not become ready in time
 */
export async function installChart(installation: ChartInstallation): Promise<ReleaseRecord> {
  const { kubeconfigPath, chart, name, namespace, values, timeoutSeconds = 120, signal } = installation;
  const client = await KubeClient.open(kubeconfigPath, undefined, signal);
  return new Helm(client, signal).install({ chart, name, namespace, values, timeoutSeconds, createNamespace: true });
}
