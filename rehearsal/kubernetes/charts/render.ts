import { type ChartMetadata, knownChart } from "./chart";
import { type RenderedObject } from "./objects";
import { checkValues, defaultsOf, mergeValues, type Values } from "./values";

/** A release to render. */
export interface RenderRequest {
  readonly chart: ChartMetadata;
  readonly release: string;
  readonly namespace: string;
  /** What was given beside the chart's defaults. May hold secrets. */
  readonly values: Values;
}

/** Order in which Helm brings objects into the cluster; kinds that are not here come last. */
const ORDER = [
  "PodDisruptionBudget",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "Service",
  "Deployment",
  "HorizontalPodAutoscaler",
];

/**
 * The objects of a release, in Helm's order.
 * @throws Error naming every value that the chart does not know, or does not take in that form, and what the stand-in
 * does not model; never with a value in its text
 */
export function render({ chart, release, namespace, values }: RenderRequest): readonly RenderedObject[] {
  const known = knownChart(chart);
  const findings = checkValues({ ...known.valuePaths, ...known.morePaths }, values);
  if (findings.length > 0) {
    throw new Error(
      `Values of release ${release} do not fit chart ${chart.name} ${chart.version}:\n` +
        findings.map(({ reason }) => `- ${reason}`).join("\n"),
    );
  }
  const merged = mergeValues(defaultsOf(known.valuePaths), values);
  const objects = known.render({ release, namespace, chart, values: merged });
  const rank = ({ kind }: RenderedObject): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);
  return [...objects]
    .sort((a, b) => rank(a) - rank(b))
    .map((object) => JSON.parse(JSON.stringify(object)) as RenderedObject);
}
