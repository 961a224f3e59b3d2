import { type Path, pathText, setCommand } from "../commands";
import { type Effect, finding, type Parsed, type Rule } from "./rule";

/** Rules about where things are: one region and one account, as far as ARNs tell. */

interface Named {
  readonly path: Path;
  readonly arn: string;
  readonly effect: Effect;
  /** A topic may be another account's. */
  readonly anyAccount?: boolean;
}

function arnsOf({ loadBalancer, clusterA, clusterB, gatewayGroups, monitoring }: Parsed): readonly Named[] {
  const named: Named[] = [];
  const add = (path: Path, arn: string | undefined, effect: Effect, anyAccount = false): void => {
    if (arn?.startsWith("arn:") === true) named.push({ path, arn, effect, anyAccount });
  };
  if (loadBalancer?.kind === "existing") add(["loadBalancer", "listenerArn"], loadBalancer.listenerArn, "listener");
  if (loadBalancer?.kind === "new") add(["loadBalancer", "certificateArn"], loadBalancer.certificateArn, "listener");
  for (const [index, { clusterA: gateways }] of (gatewayGroups ?? []).entries()) {
    add(["gatewayGroups", index, "clusterA", "targetGroupArn"], gateways.targetGroupArn, "listener");
  }
  if (clusterA?.freeze.mode === "writes-only") {
    add(["clusterA", "freeze", "listenerArn"], clusterA.freeze.listenerArn, "refusal");
    add(["clusterA", "freeze", "targetGroupArn"], clusterA.freeze.targetGroupArn, "refusal");
  }
  add(["clusterB", "identifier"], clusterB?.identifier, "refusal");
  add(["monitoring", "topicArn"], monitoring?.topicArn, "refusal", true);
  return named;
}

const oneRegion: Rule = (parsed, { region }) => {
  if (region === undefined) {
    return [finding(["aws:region"], undefined, "an AWS region", "listener")];
  }
  const arns = arnsOf(parsed);
  const [first, ...others] = new Set(arns.map(({ arn }) => regionOf(arn)));
  if (first !== undefined && first !== region && others.length === 0 && arns.length > 1) {
    const path = ["aws:region"];
    return [finding(path, region, `${first}, as every ARN of the settings`, "listener", setCommand(path, first))];
  }
  return arns
    .filter(({ arn }) => regionOf(arn) !== region)
    .map(({ path, arn, effect }) => finding(path, arn, `an ARN of ${region}, as aws:region`, effect));
};

const oneAccount: Rule = (parsed) => {
  const [first, ...others] = arnsOf(parsed).filter(({ anyAccount }) => anyAccount !== true);
  if (first === undefined) return [];
  const account = accountOf(first.arn);
  return others
    .filter(({ arn }) => accountOf(arn) !== account)
    .map(({ path, arn, effect }) =>
      finding(path, arn, `an ARN of account ${account}, as ${pathText(first.path)}`, effect, setCommand(path)),
    );
};

function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

function accountOf(arn: string): string {
  return arn.split(":")[4] ?? "";
}

export const PLACE_RULES: readonly Rule[] = [oneRegion, oneAccount];
