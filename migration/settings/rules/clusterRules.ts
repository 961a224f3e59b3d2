import { removeCommand, setCommand } from "../commands";
import { finding, type Rule } from "./rule";

/** Rules about the two clusters and their gateways' sizes. */

const clustersDiffer: Rule = ({ clusterA, clusterB }) => {
  if (clusterA === undefined || clusterB === undefined || clusterA.identifier !== clusterB.identifier) return [];
  return [finding(["clusterB", "identifier"], clusterB.identifier, "another cluster than clusterA", "refusal")];
};

const gatewaySizesFit: Rule = ({ gatewayGroups }) =>
  (gatewayGroups ?? []).flatMap(({ clusterA, clusterB }, index) => {
    if (clusterB.autoscaling === undefined) return [];
    const at = (...path: string[]): (string | number)[] => ["gatewayGroups", index, "clusterB", ...path];
    const { replicas, autoscaling } = clusterB;
    const small = at("replicas");
    const low = at("autoscaling", "maximum");
    return [
      ...(replicas < clusterA.replicas
        ? [
            finding(
              small,
              replicas,
              `at least ${clusterA.replicas}, A's size: with autoscaling it is the minimum`,
              "refusal",
              setCommand(small, clusterA.replicas),
            ),
          ]
        : []),
      ...(autoscaling.maximum < replicas
        ? [
            finding(
              low,
              autoscaling.maximum,
              `at least ${replicas}, the replicas`,
              "refusal",
              setCommand(low, replicas),
            ),
          ]
        : []),
    ];
  });

/** A's own minimum is not above the size that it is held at. */
const autoscalerFits: Rule = ({ gatewayGroups }) =>
  (gatewayGroups ?? []).flatMap(({ clusterA: { autoscaler, replicas } }, index) => {
    if (autoscaler === undefined || autoscaler.minimum <= replicas) return [];
    const path = ["gatewayGroups", index, "clusterA", "autoscaler", "minimum"];
    const expected = `at most ${replicas}, A's recorded size`;
    return [finding(path, autoscaler.minimum, expected, "refusal", setCommand(path, replicas))];
  });

const tagsFit: Rule = ({ tags }) =>
  Object.keys(tags ?? {})
    .filter((tag) => tag.toLowerCase().startsWith("aws:"))
    .map((tag) =>
      finding(
        ["tags", tag],
        tag,
        "a tag that does not begin with aws:, which AWS keeps to itself",
        "refusal",
        removeCommand(["tags", tag]),
      ),
    );

export const CLUSTER_RULES: readonly Rule[] = [clustersDiffer, gatewaySizesFit, autoscalerFits, tagsFit];
