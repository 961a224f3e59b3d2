import { TARGET_GROUP_NAME_MAXIMUM, targetGroupName } from "../../names";
import { type Path, removeCommand, setCommand } from "../commands";
import { type Effect, finding, type Groups, repeated, type Rule, type RuleFinding } from "./rule";
import { covers } from "./patterns";

/** Rules about the load balancer and what each gateway group gets of its requests. */

const RULE_VALUES_MAXIMUM = 5;

const balancerComplete: Rule = ({ loadBalancer, network, gatewayGroups }) => {
  if (loadBalancer === undefined) return [];
  const findings: RuleFinding[] = [];
  const { intervalSeconds, timeoutSeconds } = loadBalancer.healthCheck;
  if (timeoutSeconds >= intervalSeconds) {
    const path = ["loadBalancer", "healthCheck", "timeoutSeconds"];
    const less = setCommand(path, intervalSeconds - 1);
    findings.push(finding(path, timeoutSeconds, `less than intervalSeconds, ${intervalSeconds}`, "listener", less));
  }
  if (loadBalancer.kind === "existing") return findings;
  if (loadBalancer.protocol === "HTTPS" && loadBalancer.certificateArn === undefined) {
    const expected = "a certificate, since protocol is HTTPS";
    findings.push(finding(["loadBalancer", "certificateArn"], undefined, expected, "listener"));
  }
  if (network !== undefined && network.clusterASecurityGroupId === undefined) {
    const makesGroupA = (gatewayGroups ?? []).some(({ clusterA }) => clusterA.targetGroupArn === undefined);
    const expected = "the security group of A's gateways, which the new load balancer must reach";
    const path = ["network", "clusterASecurityGroupId"];
    findings.push(finding(path, undefined, expected, makesGroupA ? "listener" : "refusal"));
  }
  return findings;
};

const groupsDiffer: Rule = ({ gatewayGroups }) => {
  const groups = gatewayGroups ?? [];
  const twice = (field: Path, effect: Effect, keyOf: (group: Groups[number]) => unknown): readonly RuleFinding[] =>
    repeated(groups, keyOf).map(({ entry, index, before }) =>
      finding(
        ["gatewayGroups", index, ...field],
        keyOf(entry),
        `another one than gatewayGroups[${before}] has`,
        effect,
      ),
    );
  return [
    ...twice(["name"], "listener", ({ name }) => name),
    ...twice(["shortId"], "listener", ({ shortId }) => shortId),
    ...twice(["match", "priority"], "listener", ({ match }) => match?.priority),
    ...twice(["clusterA", "targetGroupArn"], "refusal", ({ clusterA }) => clusterA.targetGroupArn),
    ...twice(["clusterA", "deployment"], "refusal", ({ clusterA }) => clusterA.deployment),
  ];
};

const namesFit: Rule = ({ gatewayGroups }, { stack }) =>
  (gatewayGroups ?? []).flatMap((group, index) => {
    const name = targetGroupName(stack, group, "b");
    if (name.length <= TARGET_GROUP_NAME_MAXIMUM) return [];
    const expected = `a shorter name: ${name} has more than ${TARGET_GROUP_NAME_MAXIMUM} characters`;
    return [finding(["gatewayGroups", index, "name"], group.name, expected, "listener")];
  });

const matchesFit: Rule = ({ gatewayGroups, loadBalancer }) => {
  const groups = gatewayGroups ?? [];
  const findings = groups.flatMap(({ match, clusterA }, index) => {
    const at = (...path: string[]): (string | number)[] => ["gatewayGroups", index, ...path];
    const wrong: RuleFinding[] = [];
    if (match !== undefined) {
      const values = match.hosts.length + match.paths.length;
      if (values < 1 || values > RULE_VALUES_MAXIMUM) {
        const remedy = values < 1 ? setCommand(at("match", "hosts").concat(0)) : removeCommand(longest(at, match));
        const expected = `1 to ${RULE_VALUES_MAXIMUM} hosts and paths together`;
        wrong.push(finding(at("match"), match, expected, "listener", remedy));
      }
      for (const field of ["hosts", "paths"] as const) {
        for (const { entry, index: which, before } of repeated(match[field], (value) => value.toLowerCase())) {
          if (field === "paths" && match.paths[before] !== entry) continue;
          const path = [...at("match", field), which];
          wrong.push(
            finding(path, entry, `each once: ${field}[${before}] is the same`, "listener", removeCommand(path)),
          );
        }
      }
    }
    if (loadBalancer?.kind !== "existing") return wrong;
    const why = "since the listener exists";
    if (match === undefined) {
      const remedy = [setCommand(at("match", "priority")), setCommand(at("match", "hosts").concat(0))].join(" && ");
      wrong.push(finding(at("match"), undefined, `priority and hosts or paths, ${why}`, "listener", remedy));
    }
    if (clusterA.targetGroupArn === undefined) {
      wrong.push(finding(at("clusterA", "targetGroupArn"), undefined, `A's target group, ${why}`, "listener"));
    }
    return wrong;
  });
  const rest = groups.flatMap(({ match }, index) => (match === undefined ? [index] : []));
  const second = rest[1];
  if (loadBalancer?.kind !== "new" || second === undefined) return findings;
  const path = ["gatewayGroups", second, "match"];
  const remedy = [setCommand([...path, "priority"]), setCommand([...path, "hosts", 0])].join(" && ");
  return [...findings, finding(["gatewayGroups"], rest.length, "at most one group without match", "listener", remedy)];
};

/** The last entry of the longer list of a match. */
function longest(
  at: (...path: string[]) => (string | number)[],
  match: { readonly hosts: readonly string[]; readonly paths: readonly string[] },
): Path {
  const field = match.hosts.length >= match.paths.length ? "hosts" : "paths";
  return [...at("match", field), match[field].length - 1];
}

/** A group whose requests all go to one that is asked before it never gets any. */
const everyGroupIsReached: Rule = ({ gatewayGroups }) => {
  const matched = (gatewayGroups ?? []).flatMap(({ name, match }, index) =>
    match === undefined ? [] : [{ name, index, ...match }],
  );
  const inOrder = matched.sort((a, b) => a.priority - b.priority);
  return inOrder.flatMap((group, order) => {
    const before = inOrder.slice(0, order).find((earlier) => takesAll(earlier, group));
    if (before === undefined) return [];
    const path = ["gatewayGroups", group.index, "match"];
    const expected = `requests that gatewayGroups[${before.index}], which is asked before, does not take`;
    const { hosts, paths } = group;
    return [finding(path, { hosts, paths }, expected, "listener", setCommand([...path, "priority"]))];
  });
};

interface Conditions {
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
}

/** Whether every request of the second is one of the first. No condition on hosts or paths means all of them. */
function takesAll(first: Conditions, second: Conditions): boolean {
  const all = (wide: readonly string[], narrow: readonly string[]): boolean =>
    wide.length === 0 ||
    wide.includes("*") ||
    wide.includes("/*") ||
    (narrow.length > 0 && narrow.every((pattern) => wide.some((wider) => covers(wider, pattern))));
  const lower = (hosts: readonly string[]): readonly string[] => hosts.map((host) => host.toLowerCase());
  return all(lower(first.hosts), lower(second.hosts)) && all(first.paths, second.paths);
}

export const LISTENER_RULES: readonly Rule[] = [
  balancerComplete,
  groupsDiffer,
  namesFit,
  matchesFit,
  everyGroupIsReached,
];
