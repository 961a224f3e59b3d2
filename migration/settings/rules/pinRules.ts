import { overridesPin, refusedValues } from "../chartValues";
import { type Path, pathText, removeCommand } from "../commands";
import { type Rule, type RuleFinding } from "./rule";

/** Rules that keep B's gateways with control plane B: nothing in the settings may outrank the address that they get. */

function overriding(path: Path, expected: string): RuleFinding {
  // The value may be a token or a key.
  return { path: pathText(path), read: "a value", expected, remedy: removeCommand(path), effect: "harm" };
}

const environmentKeepsPin: Rule = ({ gatewayGroups }) =>
  (gatewayGroups ?? []).flatMap(({ clusterB }, index) =>
    Object.keys(clusterB.environment)
      .filter(overridesPin)
      .map((variable) =>
        overriding(
          ["gatewayGroups", index, "clusterB", "environment", variable],
          "no variable that overrides the DP Manager's address, certificate or gateway group",
        ),
      ),
  );

const extraValuesAreExtra: Rule = ({ gatewayGroups, controlPlane }) => [
  ...refusedValues("controlPlane", controlPlane?.extraValues ?? {}).map(({ path, why }) =>
    overriding(["controlPlane", "extraValues", ...path], why),
  ),
  ...(gatewayGroups ?? []).flatMap(({ clusterB }, index) =>
    refusedValues("dataPlane", clusterB.extraValues).map(({ path, why }) =>
      overriding(["gatewayGroups", index, "clusterB", "extraValues", ...path], why),
    ),
  ),
];

export const PIN_RULES: readonly Rule[] = [environmentKeepsPin, extraValuesAreExtra];
