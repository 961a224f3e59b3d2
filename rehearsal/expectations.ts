import { type Stage, trafficShare } from "../migration/stages";
import { type Change } from "./stack";

/** What the stage table lets one move do to the engine's resources: a change outside of it fails the rehearsal. */
interface Allowed {
  readonly op: "create" | "update" | "delete";
  /** Pulumi type tokens. */
  readonly types: readonly string[];
  /** Only resources of this name. */
  readonly name?: string;
}

const GATE = "command:local:Command gate";
const ALERTS = "control-plane-b-alerts";
const RULE_TYPES = ["aws:lb/listenerRule:ListenerRule", "aws:lb/listener:Listener"];
/** Rules for tests, by which a header picks the cluster: they carry no weights. */
const TEST_RULE = /^answers-/;
const COMPONENT = /^(api7-migration:|pulumi:pulumi:Stack$|pulumi:providers:)/;

const CREATED: Readonly<Record<"prepare" | "freeze" | "restore" | "start", readonly string[]>> = {
  prepare: [
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:lb/targetGroup:TargetGroup",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
    "command:local:Command",
    "random:index/randomPassword:RandomPassword",
    ...RULE_TYPES,
  ],
  freeze: [
    "kubernetes:apps/v1:DeploymentPatch",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch",
    "command:local:Command",
  ],
  restore: [
    "aws:rds/snapshot:Snapshot",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/instance:Instance",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "random:index/randomPassword:RandomPassword",
    "command:local:Command",
  ],
  start: [
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:Service",
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:policy/v1:PodDisruptionBudget",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
    "command:local:Command",
    // The test rules; the groups' own are there from `prepare` on.
    "aws:lb/listenerRule:ListenerRule",
  ],
};

/** How `freeze` closes A: its dashboard is scaled to zero, or rules of its load balancer refuse what writes. */
export type FreezeBy = "scale" | "rules";

const FREEZES: Readonly<Record<FreezeBy, readonly string[]>> = {
  scale: CREATED.freeze,
  rules: [...CREATED.freeze, "aws:lb/listenerRule:ListenerRule"],
};

/** Which of the changes the stage table does not allow for entering this stage. Empty when all is well. */
export function unexpectedChanges(stage: Stage, changes: readonly Change[], by: FreezeBy): readonly Change[] {
  const allowed = allowedFor(stage, by);
  return changes.filter((change) => {
    if (COMPONENT.test(change.type) && change.op !== "replace") return false;
    if (isGate(change)) return change.op !== "update" && !(stage === "prepare" && change.op === "create");
    return !allowed.some(
      ({ op, types, name = change.name }) => op === change.op && types.includes(change.type) && name === change.name,
    );
  });
}

/** What entering a stage for the first time has to do, by type and step: without it the stage was not entered. */
const REQUIRED: Partial<Record<Stage, readonly string[]>> = {
  prepare: ["create aws:lb/targetGroup:TargetGroup", "create aws:cloudwatch/metricAlarm:MetricAlarm"],
  freeze: ["create kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch", "create command:local:Command"],
  restore: ["create aws:rds/instance:Instance", "create command:local:Command"],
  start: [
    "create kubernetes:helm.sh/v3:Release",
    "create kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
    "update aws:rds/instance:Instance",
    "create command:local:Command",
  ],
  complete: ["create kubernetes:networking.k8s.io/v1:NetworkPolicy", "update command:local:Command"],
  decommission: ["create aws:rds/snapshot:Snapshot", "create kubernetes:apps/v1:DeploymentPatch"],
};

const CLOSES: Readonly<Record<FreezeBy, string>> = {
  scale: "create kubernetes:apps/v1:DeploymentPatch",
  rules: "create aws:lb/listenerRule:ListenerRule",
};

/** What a stage has to do and did not. Empty when all is well. */
export function missingChanges(stage: Stage, changes: readonly Change[], by: FreezeBy): readonly string[] {
  const done = new Set(changes.map(({ op, type }) => `${op} ${type}`));
  const required = [...(REQUIRED[stage] ?? []), ...(stage === "freeze" ? [CLOSES[by]] : [])];
  const missing = required.filter((step) => !done.has(step));
  return trafficShare(stage) !== undefined && !changes.some(carriesWeights)
    ? [...missing, "update of a rule"]
    : missing;
}

/** Whether this is a step of the stage gate. */
export function isGate(change: Change): boolean {
  return `${change.type} ${change.name}` === GATE;
}

/** Whether this is a step of a resource that carries the weights. */
export function carriesWeights(change: Change): boolean {
  return RULE_TYPES.includes(change.type) && !TEST_RULE.test(change.name);
}

function allowedFor(stage: Stage, by: FreezeBy): readonly Allowed[] {
  if (stage === "rollback" || trafficShare(stage) !== undefined) return [{ op: "update", types: RULE_TYPES }];
  switch (stage) {
    case "prepare":
      return [
        { op: "create", types: CREATED.prepare },
        // After `abandon`: the copy goes, and with it the patches' hold on A.
        { op: "delete", types: [...FREEZES[by], ...CREATED.restore] },
      ];
    case "freeze":
      return [{ op: "create", types: FREEZES[by] }];
    case "restore":
      return [{ op: "create", types: CREATED.restore }];
    case "start":
      return [
        { op: "create", types: CREATED.start },
        // Automated backups and deletion protection of database B begin here.
        { op: "update", types: ["aws:rds/instance:Instance", "aws:cloudwatch/dashboard:Dashboard"] },
      ];
    case "complete":
      return [
        { op: "create", types: ["kubernetes:networking.k8s.io/v1:NetworkPolicy"] },
        // From here on B's alert policies sound.
        { op: "update", types: ["command:local:Command"], name: ALERTS },
      ];
    case "decommission":
      return [
        { op: "create", types: ["kubernetes:apps/v1:DeploymentPatch", "aws:rds/snapshot:Snapshot"] },
        { op: "update", types: ["kubernetes:apps/v1:DeploymentPatch"] },
      ];
    case "abandon":
      return [
        { op: "delete", types: [...CREATED.start, ...(by === "rules" ? ["aws:lb/listenerRule:ListenerRule"] : [])] },
        // A gets its sizes back; the protection of database B is lifted.
        {
          op: "update",
          types: [
            "kubernetes:apps/v1:DeploymentPatch",
            "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch",
            "aws:rds/instance:Instance",
          ],
        },
      ];
    default:
      return [];
  }
}
