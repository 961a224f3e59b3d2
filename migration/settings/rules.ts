import { type z } from "zod";
import { databaseBIdentifier, TARGET_GROUP_NAME_MAXIMUM, targetGroupName } from "../names";
import { allStages, isStage, setStageCommand } from "../stages";
import { chartsOf, isGraceful } from "./charts";
import { databaseSourceFindings } from "./databaseSourceRules";
import { type Finding, nearest, pathText, readText, setCommand } from "./findings";
import { type SCHEMA } from "./schema";

/** What no single field can tell: rules between fields. Each looks only at keys that were read without a finding. */

export interface RuleFinding extends Finding {
  /** Whether the listener cannot be set until this is mended. */
  readonly concernsListener: boolean;
}

type Parsed = { readonly [K in keyof typeof SCHEMA]?: z.output<(typeof SCHEMA)[K]> };
type Groups = NonNullable<Parsed["gatewayGroups"]>;
type Rule = (parsed: Parsed, stack: string) => readonly RuleFinding[];

/** Environment variables that beat `etcd.host` in the gateway's config file, or its group (facts/api7.md 1.5). */
const OVERRIDING = /^(API7_DP_MANAGER_|API7_CONTROL_PLANE_|APISIX_DEPLOYMENT_ETCD_|API7_GATEWAY_GROUP_SHORT_ID$)/;
const RULE_VALUES_MAXIMUM = 5;
const RDS_IDENTIFIER_MAXIMUM = 63;

/** Every rule that the settings break. */
export function ruleFindings(
  stack: string,
  parsed: Partial<Record<keyof typeof SCHEMA, unknown>>,
): readonly RuleFinding[] {
  return RULES.flatMap((rule) => rule(parsed as Parsed, stack));
}

const stageExists: Rule = ({ stage, trafficSteps }) => {
  if (stage === undefined || trafficSteps === undefined || isStage(stage, trafficSteps)) return [];
  const stages = allStages(trafficSteps);
  const near = nearest(stage, stages);
  return [
    {
      path: "stage",
      read: readText(stage),
      expected: near === undefined ? `one of ${stages.join(", ")}` : `one of ${stages.join(", ")} (${near}?)`,
      remedy:
        near === undefined
          ? "pulumi config set stage STAGE"
          : setStageCommand(near as Parameters<typeof setStageCommand>[0]),
      concernsListener: true,
    },
  ];
};

const stepsRise: Rule = ({ trafficSteps }) => {
  if (trafficSteps === undefined) return [];
  const [first = 0] = trafficSteps;
  const rising = trafficSteps.every((step, index) => index === 0 || step > (trafficSteps[index - 1] ?? 0));
  const wrong: string[] = [];
  if (first > 10 && trafficSteps.length > 0) wrong.push("a first step of 1 to 10 %");
  if (!rising) wrong.push("steps that rise");
  if (trafficSteps.at(-1) !== 100) wrong.push("a last step of 100 %");
  return wrong.map((expected) => finding(["trafficSteps"], trafficSteps, expected, false));
};

const overrideNamesStages: Rule = ({ override, trafficSteps }) => {
  if (override === undefined || trafficSteps === undefined) return [];
  return (["from", "to"] as const)
    .filter((end) => !isStage(override[end], trafficSteps))
    .map((end) => finding(["override", end], override[end], `one of ${allStages(trafficSteps).join(", ")}`, false));
};

const versionsFit: Rule = ({ version, charts }) => {
  if (version === undefined || charts === undefined) return [];
  const known = chartsOf(version);
  if (known === undefined) return [finding(["version"], version, "a version of the 3.9 line, 3.9.0 to 3.9.18", false)];
  const findings = (["controlPlane", "dataPlane"] as const)
    .filter((plane) => !known[plane].includes(charts[plane].version))
    .map((plane) =>
      finding(
        ["charts", plane, "version"],
        charts[plane].version,
        `${known[plane].join(" or ")}, which carries API7 ${version}`,
        false,
      ),
    );
  if (isGraceful(charts.dataPlane.version)) return findings;
  const expected = "3.9.10 or later: earlier gateway charts cut requests in flight when a pod leaves";
  return [...findings, finding(["charts", "dataPlane", "version"], charts.dataPlane.version, expected, false)];
};

const databaseMajors: Rule = ({ databaseB }) => {
  if (databaseB === undefined) return [];
  const major = databaseB.engineVersion.split(".")[0] ?? "";
  if (databaseB.parameterGroupFamily === `postgres${major}`) return [];
  return [
    finding(
      ["databaseB", "parameterGroupFamily"],
      databaseB.parameterGroupFamily,
      `postgres${major}, as engineVersion`,
      false,
    ),
  ];
};

const listenerComplete: Rule = ({ loadBalancer, network, gatewayGroups }) => {
  if (loadBalancer === undefined) return [];
  const findings: RuleFinding[] = [];
  const { healthCheck } = loadBalancer;
  if (healthCheck.timeoutSeconds >= healthCheck.intervalSeconds) {
    const expected = `less than intervalSeconds, ${healthCheck.intervalSeconds}`;
    findings.push(
      finding(["loadBalancer", "healthCheck", "timeoutSeconds"], healthCheck.timeoutSeconds, expected, true),
    );
  }
  if (loadBalancer.kind === "new") {
    if (loadBalancer.protocol === "HTTPS" && loadBalancer.certificateArn === undefined) {
      findings.push(
        finding(["loadBalancer", "certificateArn"], undefined, "a certificate, since protocol is HTTPS", true),
      );
    }
    const makesGroupA = (gatewayGroups ?? []).some(({ clusterA }) => clusterA.targetGroupArn === undefined);
    if (network !== undefined && network.clusterASecurityGroupId === undefined) {
      const expected = "the security group of A's gateways, which the new load balancer must reach";
      findings.push(finding(["network", "clusterASecurityGroupId"], undefined, expected, makesGroupA));
    }
  }
  return findings;
};

const groupsFit: Rule = ({ gatewayGroups, loadBalancer }, stack) => {
  if (gatewayGroups === undefined) return [];
  const findings: RuleFinding[] = [
    ...repeated(gatewayGroups, ["name"], ({ name }) => name),
    ...repeated(gatewayGroups, ["shortId"], ({ shortId }) => shortId),
    ...repeated(gatewayGroups, ["match", "priority"], ({ match }) => match?.priority),
  ];
  for (const [index, group] of gatewayGroups.entries()) {
    const at = (...path: string[]): (string | number)[] => ["gatewayGroups", index, ...path];
    const { match, clusterA } = group;
    const name = targetGroupName(stack, group, "b");
    if (name.length > TARGET_GROUP_NAME_MAXIMUM) {
      findings.push(
        finding(
          at("name"),
          group.name,
          `a shorter name: ${name} has more than ${TARGET_GROUP_NAME_MAXIMUM} characters`,
          true,
        ),
      );
    }
    if (match !== undefined) {
      const values = match.hosts.length + match.paths.length;
      if (values < 1 || values > RULE_VALUES_MAXIMUM) {
        findings.push(finding(at("match"), match, `1 to ${RULE_VALUES_MAXIMUM} hosts and paths together`, true));
      }
    }
    if (loadBalancer?.kind === "existing") {
      const why = "since the listener exists";
      if (match === undefined)
        findings.push(finding(at("match"), undefined, `priority and hosts or paths, ${why}`, true));
      if (clusterA.targetGroupArn === undefined) {
        findings.push(finding(at("clusterA", "targetGroupArn"), undefined, `A's target group, ${why}`, true));
      }
    }
  }
  const rest = gatewayGroups.filter(({ match }) => match === undefined).length;
  if (loadBalancer?.kind === "new" && rest > 1) {
    findings.push(finding(["gatewayGroups"], rest, "at most one group without match", true));
  }
  return findings;
};

const pinningHolds: Rule = ({ gatewayGroups }) =>
  (gatewayGroups ?? []).flatMap(({ clusterB }, index) =>
    Object.keys(clusterB.environment)
      .filter((variable) => OVERRIDING.test(variable))
      .map((variable) => ({
        path: pathText(["gatewayGroups", index, "clusterB", "environment", variable]),
        // Its value may be a token or a key.
        read: "a value",
        expected: "no variable that overrides the DP Manager's address, certificate or gateway group",
        remedy: `pulumi config rm --path 'gatewayGroups[${index}].clusterB.environment.${variable}'`,
        concernsListener: false,
      })),
  );

const sizesFit: Rule = ({ gatewayGroups }) =>
  (gatewayGroups ?? []).flatMap(({ clusterA, clusterB }, index) => {
    const findings: RuleFinding[] = [];
    const at = (...path: string[]): (string | number)[] => ["gatewayGroups", index, ...path];
    if (clusterB.autoscaling !== undefined && clusterB.replicas < clusterA.replicas) {
      const expected = `at least ${clusterA.replicas}, A's size: with autoscaling it is the minimum`;
      findings.push(finding(at("clusterB", "replicas"), clusterB.replicas, expected, false));
    }
    if (clusterB.autoscaling !== undefined && clusterB.autoscaling.maximum < clusterB.replicas) {
      const expected = `at least ${clusterB.replicas}, the replicas`;
      findings.push(finding(at("clusterB", "autoscaling", "maximum"), clusterB.autoscaling.maximum, expected, false));
    }
    return findings;
  });

const clustersDiffer: Rule = ({ clusterA, clusterB }) => {
  if (clusterA === undefined || clusterB === undefined || clusterA.identifier !== clusterB.identifier) return [];
  return [finding(["clusterB", "identifier"], clusterB.identifier, "another cluster than clusterA", false)];
};

const databaseNameFits: Rule = ({ databaseB }, stack) => {
  if (databaseB === undefined) return [];
  const identifier = databaseBIdentifier({ stack, databaseB });
  if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(identifier) && identifier.length <= RDS_IDENTIFIER_MAXIMUM) return [];
  return [
    {
      path: "stack",
      read: readText(stack),
      expected: `a stack name that makes an RDS identifier: ${identifier} is none`,
      remedy: "pulumi stack init NAME, with lower-case letters, digits and single hyphens",
      concernsListener: false,
    },
  ];
};

const RULES: readonly Rule[] = [
  stageExists,
  stepsRise,
  overrideNamesStages,
  versionsFit,
  databaseMajors,
  listenerComplete,
  groupsFit,
  pinningHolds,
  sizesFit,
  clustersDiffer,
  databaseNameFits,
  (parsed) => databaseSourceFindings(parsed).map((found) => ({ ...found, concernsListener: false })),
];

function finding(
  path: readonly (string | number)[],
  value: unknown,
  expected: string,
  concernsListener: boolean,
): RuleFinding {
  return { path: pathText(path), read: readText(value), expected, remedy: setCommand(path, false), concernsListener };
}

/** Groups that say the same where each must say something of its own. */
function repeated(
  groups: Groups,
  field: readonly string[],
  of: (group: Groups[number]) => unknown,
): readonly RuleFinding[] {
  const seen = new Map<unknown, number>();
  return groups.flatMap((group, index) => {
    const value = of(group);
    if (value === undefined) return [];
    const before = seen.get(value);
    seen.set(value, index);
    if (before === undefined) return [];
    const expected = `another one than gatewayGroups[${before}] has`;
    return [finding(["gatewayGroups", index, ...field], value, expected, true)];
  });
}
