import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./iamPolicies";

/** What the code asks of AWS: the SDK's calls as they stand in the sources, and what the provider does for a resource. */

/** Package of a client -> prefix of its actions. */
const SERVICES: Readonly<Record<string, string>> = {
  "client-cloudwatch": "cloudwatch",
  "client-elastic-load-balancing-v2": "elasticloadbalancing",
  "client-rds": "rds",
  "client-sns": "sns",
  "client-sts": "sts",
};

/** Calls that every identity may make. */
export const FREE: ReadonlySet<string> = new Set(["sts:GetCallerIdentity"]);

const actions = (service: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${service}:${name}`);
const elb = (...names: readonly string[]): readonly string[] => actions("elasticloadbalancing", ...names);
const rds = (...names: readonly string[]): readonly string[] => actions("rds", ...names);
const ec2 = (...names: readonly string[]): readonly string[] => actions("ec2", ...names);
const cloudwatch = (...names: readonly string[]): readonly string[] => actions("cloudwatch", ...names);

const TAGS = elb("AddTags", "RemoveTags", "DescribeTags");
const RDS_TAGS = rds("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource");
const RULE_TAGS = ec2("CreateTags", "DeleteTags");

/**
 * What the provider asks for one resource over its life: to read it, make it, change what the program changes, and delete
 * it. Two actions are left out on purpose. `SetRulePriorities` would let a change of a priority move the rules of the
 * listener's owner as well. `DeleteDBSnapshot`: snapshots are the safety copies, and the program never deletes one.
 */
export const RESOURCES: Readonly<Record<string, readonly string[]>> = {
  "cloudwatch.Dashboard": cloudwatch("PutDashboard", "GetDashboard", "DeleteDashboards"),
  "cloudwatch.MetricAlarm": cloudwatch(
    ...["PutMetricAlarm", "DescribeAlarms", "DeleteAlarms", "TagResource", "UntagResource", "ListTagsForResource"],
  ),
  "ec2.SecurityGroup": ec2(
    ...["CreateSecurityGroup", "DeleteSecurityGroup", "DescribeSecurityGroups", "DescribeNetworkInterfaces"],
    // A new group begins with a rule that lets everything out, which the provider takes away.
    ...["RevokeSecurityGroupEgress", "CreateTags", "DeleteTags"],
  ),
  "lb.Listener": [
    ...elb("CreateListener", "ModifyListener", "DeleteListener", "DescribeListeners"),
    ...elb("DescribeListenerAttributes", "ModifyListenerAttributes"),
    ...TAGS,
  ],
  "lb.ListenerRule": [...elb("CreateRule", "ModifyRule", "DeleteRule", "DescribeRules"), ...TAGS],
  "lb.LoadBalancer": [
    ...elb("CreateLoadBalancer", "DeleteLoadBalancer", "DescribeLoadBalancers", "DescribeLoadBalancerAttributes"),
    ...elb("ModifyLoadBalancerAttributes", "SetIpAddressType", "SetSecurityGroups", "SetSubnets"),
    ...TAGS,
    ...ec2("DescribeAccountAttributes", "DescribeInternetGateways", "DescribeSubnets", "DescribeVpcs"),
    ...ec2("DescribeNetworkInterfaces", "DescribeSecurityGroups"),
  ],
  "lb.TargetGroup": [
    ...elb("CreateTargetGroup", "ModifyTargetGroup", "DeleteTargetGroup", "DescribeTargetGroups"),
    ...elb("DescribeTargetGroupAttributes", "ModifyTargetGroupAttributes"),
    ...TAGS,
    ...ec2("DescribeVpcs"),
  ],
  "rds.Instance": [
    ...rds("RestoreDBInstanceFromDBSnapshot", "CreateDBInstance", "DescribeDBInstances", "ModifyDBInstance"),
    // The last snapshot before it is deleted.
    ...rds("RebootDBInstance", "DeleteDBInstance", "CreateDBSnapshot", "DescribeDBSnapshots"),
    ...RDS_TAGS,
    ...ec2("DescribeAvailabilityZones", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"),
    ...actions("kms", "CreateGrant", "DescribeKey"),
  ],
  "rds.ParameterGroup": [
    ...rds("CreateDBParameterGroup", "ModifyDBParameterGroup", "ResetDBParameterGroup", "DeleteDBParameterGroup"),
    ...rds("DescribeDBParameterGroups", "DescribeDBParameters"),
    ...RDS_TAGS,
  ],
  "rds.Snapshot": [...rds("CreateDBSnapshot", "DescribeDBSnapshots", "DescribeDBSnapshotAttributes"), ...RDS_TAGS],
  "rds.SnapshotCopy": [
    ...rds("CopyDBSnapshot", "DescribeDBSnapshots", "DescribeDBSnapshotAttributes"),
    ...RDS_TAGS,
    ...actions("kms", "CreateGrant", "DescribeKey"),
  ],
  "rds.SubnetGroup": [
    ...rds("CreateDBSubnetGroup", "ModifyDBSubnetGroup", "DeleteDBSubnetGroup", "DescribeDBSubnetGroups"),
    ...RDS_TAGS,
  ],
  "route53.Record": actions(
    "route53",
    ...["ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets"],
  ),
  "vpc.SecurityGroupEgressRule": [
    ...ec2("AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress", "ModifySecurityGroupRules"),
    ...ec2("DescribeSecurityGroupRules"),
    ...RULE_TAGS,
  ],
  "vpc.SecurityGroupIngressRule": [
    ...ec2("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", "ModifySecurityGroupRules"),
    ...ec2("DescribeSecurityGroupRules"),
    ...RULE_TAGS,
  ],
};

/** The state in a bucket: a lock is an object beside it. Secrets in state and stack files are encrypted by one key. */
export const STATE = [
  ...actions("s3", "GetObject", "PutObject", "DeleteObject", "ListBucket"),
  ...actions("kms", "Encrypt", "Decrypt", "GenerateDataKey"),
];
/** To read it is enough for whoever only looks. */
export const STATE_READ = [...actions("s3", "GetObject", "ListBucket"), "kms:Decrypt"];

/** Action -> the files whose code calls it. @param folders of the project */
export function sdkCalls(folders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const calls = new Map<string, string[]>();
  for (const [file, text] of sources(folders)) {
    for (const action of callsIn(file, text)) calls.set(action, [...(calls.get(action) ?? []), file]);
  }
  return calls;
}

/** Actions that one source file calls: every command of the SDK that it imports. */
export function callsIn(file: string, text: string): readonly string[] {
  const imports = [...text.matchAll(/import \{([^}]*)\} from "@aws-sdk\/([\w-]+)"/g)];
  const loads = (text.match(/@aws-sdk\//g) ?? []).length;
  if (imports.length !== loads) throw new Error(`${file} loads an AWS client in a way that this test cannot read`);
  return imports.flatMap(([, names = "", client = ""]) => {
    const service = SERVICES[client];
    if (service === undefined) throw new Error(`${file} uses ${client}: say which actions it stands for`);
    return [...names.matchAll(/\b(\w+)Command\b(?!\w)/g)].map(([, name = ""]) => `${service}:${name}`);
  });
}

/** `lb.ListenerRule` -> the files of the program that declare one. */
export function declared(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [file, text] of sources(["components", "index.ts"])) {
    for (const resource of resourcesIn(file, text)) found.set(resource, [...(found.get(resource) ?? []), file]);
  }
  return found;
}

/** Resources of AWS that one source file declares. */
export function resourcesIn(file: string, text: string): readonly string[] {
  const imports = [...text.matchAll(/import (?:type )?\{([^}]*)\} from "@pulumi\/aws(?:\/(\w+))?"/g)];
  return imports.flatMap(([line, names = "", module]) => {
    const classes = names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "" && !name.startsWith("type ") && !line.startsWith("import type"));
    const made = classes.filter((name) => text.includes(`new ${name}(`));
    if (module === undefined && classes.length > 0) throw new Error(`${file}: import AWS resources by their module`);
    return made.map((name) => `${module ?? ""}.${name}`);
  });
}

function sources(places: readonly string[]): readonly (readonly [file: string, text: string])[] {
  const files = places.flatMap((place) =>
    /\.m?ts$/.test(place)
      ? [place]
      : readdirSync(join(ROOT, place), { recursive: true, encoding: "utf8" })
          .filter((file) => /\.m?ts$/.test(file))
          .map((file) => join(place, file)),
  );
  return files.sort().map((file) => [file, readFileSync(join(ROOT, file), "utf8")] as const);
}
