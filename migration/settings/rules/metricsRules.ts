import { removeCommand, setCommand } from "../commands";
import { readText } from "../findings";
import { finding, type Rule } from "./rule";

/** Rules about where the counts of A and B come from. */

/** Stages in which B has requests that somebody has to look at. */
const JUDGED = /^(traffic-\d+|complete|decommission)$/;

/** Without counts nothing beyond the first step is ever proved: the decision is taken before B has a request. */
const metricsFromTraffic: Rule = ({ stage, metrics }) => {
  if (metrics !== undefined || stage === undefined) return [];
  const expected =
    "prometheus or cloudwatch: from the first traffic step on nothing rises without counts of A and B (or none, with by and reason)";
  const remedy = [
    setCommand(["metrics", "source"], "prometheus"),
    setCommand(["metrics", "a", "url"]),
    setCommand(["metrics", "b", "url"]),
  ].join(" && ");
  if (JUDGED.test(stage)) return [finding(["metrics"], undefined, expected, "refusal", remedy)];
  return stage === "start" ? [finding(["metrics"], undefined, expected, "warning", remedy)] : [];
};

/** One server that has both clusters has to be told which is which. */
const clustersAreTold: Rule = ({ metrics }) => {
  if (metrics?.source !== "prometheus") return [];
  const { a, b } = metrics;
  const same = a.url.replace(/\/+$/, "") === b.url.replace(/\/+$/, "") && whole(a) === whole(b);
  if (!same) return [];
  const expected =
    "other matchers than metrics.a.selector: one server has both clusters, and gateway groups are named alike";
  return [
    finding(["metrics", "b", "selector"], b.selector, expected, "refusal", setCommand(["metrics", "b", "selector"])),
  ];
};

/** CPU and memory of the gateways come from Container Insights or not at all. */
const capacityIsKnown: Rule = ({ metrics }) => {
  if (metrics?.source !== "cloudwatch") return [];
  const { containerInsights, withoutCapacity } = metrics;
  if (containerInsights !== undefined || withoutCapacity !== undefined) return [];
  return [
    finding(
      ["metrics", "containerInsights"],
      undefined,
      "the name of cluster B in Container Insights, or metrics.withoutCapacity with by and reason: else capacity is unknown at every step",
      "refusal",
    ),
  ];
};

/** The credentials are those of Prometheus; CloudWatch takes the caller's own. */
const credentialsAreUsed: Rule = ({ metrics, metricsCredentials }) => {
  if (metricsCredentials === undefined || metrics === undefined || metrics.source === "prometheus") return [];
  return [
    {
      path: "metricsCredentials",
      read: readText("[secret]"),
      expected: "none: only metrics.source prometheus is asked with them",
      remedy: removeCommand(["metricsCredentials"]),
      effect: "warning",
    },
  ];
};

function whole({
  selector,
  gateways,
}: {
  readonly selector?: string | undefined;
  readonly gateways?: string | undefined;
}): string {
  return `${selector ?? ""} ${gateways ?? ""}`;
}

export const METRICS_RULES: readonly Rule[] = [
  metricsFromTraffic,
  clustersAreTold,
  capacityIsKnown,
  credentialsAreUsed,
];
