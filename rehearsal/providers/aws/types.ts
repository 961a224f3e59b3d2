import { versionNames } from "../../cloud/aws/rds/limits";
import { type ResourceType } from "../framework";
import { dashboardFailures, metricAlarmFailures } from "./checks/cloudWatch";
import { securityGroupFailures, securityGroupRuleFailures } from "./checks/ec2";
import { listenerFailures, listenerRuleFailures, loadBalancerFailures, targetGroupFailures } from "./checks/elb";
import {
  instanceFailures,
  parameterGroupFailures,
  snapshotCopyFailures,
  snapshotFailures,
  subnetGroupFailures,
} from "./checks/rds";
import { type AwsType, resourceType } from "./resource";

const MANAGED = "Managed by Pulumi";

/**
 * The resource types of the stand-in. What replaces, the defaults and the made-up names are those of the real provider
 * (after the schemas of terraform-provider-aws).
 */
const TYPES: readonly AwsType[] = [
  {
    token: "aws:ec2/securityGroup:SecurityGroup",
    path: "ec2/securityGroup",
    replaceOn: ["name", "namePrefix", "description", "vpcId"],
    defaults: { description: MANAGED, revokeRulesOnDelete: false },
    autoName: { property: "name", maximum: 255 },
    untold: ["revokeRulesOnDelete"],
    updatedOutputs: ["ingress", "egress"],
    check: securityGroupFailures,
  },
  ...(["Ingress", "Egress"] as const).map((direction): AwsType => ({
    token: `aws:vpc/securityGroup${direction}Rule:SecurityGroup${direction}Rule`,
    path: `vpc/securityGroup${direction}Rule`,
    replaceOn: ["securityGroupId"],
    check: securityGroupRuleFailures,
  })),
  {
    token: "aws:lb/loadBalancer:LoadBalancer",
    path: "lb/loadBalancer",
    replaceOn: ["name", "namePrefix", "internal", "loadBalancerType"],
    defaults: {
      clientKeepAlive: 3600,
      desyncMitigationMode: "defensive",
      dropInvalidHeaderFields: false,
      enableDeletionProtection: false,
      enableHttp2: true,
      enableTlsVersionAndCipherSuiteHeaders: false,
      enableWafFailOpen: false,
      enableXffClientPort: false,
      enableZonalShift: false,
      idleTimeout: 60,
      loadBalancerType: "application",
      preserveHostHeader: false,
      xffHeaderProcessingMode: "append",
    },
    autoName: { property: "name", maximum: 32 },
    updatedOutputs: ["subnetMappings"],
    check: loadBalancerFailures,
  },
  {
    token: "aws:lb/targetGroup:TargetGroup",
    path: "lb/targetGroup",
    replaceOn: ["name", "namePrefix", "port", "protocol", "protocolVersion", "vpcId", "targetType", "ipAddressType"],
    defaults: { deregistrationDelay: 300, slowStart: 0, targetType: "instance" },
    autoName: { property: "name", maximum: 32 },
    check: targetGroupFailures,
  },
  {
    token: "aws:lb/listener:Listener",
    path: "lb/listener",
    replaceOn: ["loadBalancerArn"],
    check: listenerFailures,
  },
  {
    token: "aws:lb/listenerRule:ListenerRule",
    path: "lb/listenerRule",
    replaceOn: ["listenerArn"],
    check: listenerRuleFailures,
  },
  {
    token: "aws:rds/instance:Instance",
    path: "rds/instance",
    // The identifier is not among them: an instance is renamed in place.
    replaceOn: [
      "identifierPrefix",
      "snapshotIdentifier",
      "engine",
      "username",
      "dbName",
      "availabilityZone",
      "storageEncrypted",
      "kmsKeyId",
    ],
    defaults: {
      autoMinorVersionUpgrade: true,
      copyTagsToSnapshot: false,
      deleteAutomatedBackups: true,
      monitoringInterval: 0,
      performanceInsightsEnabled: false,
      publiclyAccessible: false,
      skipFinalSnapshot: false,
    },
    autoName: { property: "identifier", maximum: 63, lowerCase: true },
    untold: [
      "allowMajorVersionUpgrade",
      "applyImmediately",
      "deleteAutomatedBackups",
      "finalSnapshotIdentifier",
      "password",
      "skipFinalSnapshot",
      "snapshotIdentifier",
    ],
    secretOutputs: ["password"],
    updatedOutputs: ["arn", "status", "engineVersionActual"],
    same: (property, before, live) =>
      (property === "engineVersion" && versionNames(String(before), String(live))) ||
      (property === "maintenanceWindow" && String(before).toLowerCase() === live),
    check: instanceFailures,
  },
  {
    token: "aws:rds/snapshot:Snapshot",
    path: "rds/snapshot",
    replaceOn: ["dbInstanceIdentifier", "dbSnapshotIdentifier"],
    check: snapshotFailures,
  },
  {
    token: "aws:rds/snapshotCopy:SnapshotCopy",
    path: "rds/snapshotCopy",
    replaceOn: ["sourceDbSnapshotIdentifier", "targetDbSnapshotIdentifier", "kmsKeyId", "copyTags"],
    untold: ["copyTags", "sourceDbSnapshotIdentifier"],
    check: snapshotCopyFailures,
  },
  {
    token: "aws:rds/subnetGroup:SubnetGroup",
    path: "rds/subnetGroup",
    replaceOn: ["name", "namePrefix"],
    defaults: { description: MANAGED },
    autoName: { property: "name", maximum: 255, lowerCase: true },
    check: subnetGroupFailures,
  },
  {
    token: "aws:rds/parameterGroup:ParameterGroup",
    path: "rds/parameterGroup",
    replaceOn: ["name", "namePrefix", "family", "description"],
    defaults: { description: MANAGED, skipDestroy: false },
    autoName: { property: "name", maximum: 255, lowerCase: true },
    untold: ["skipDestroy"],
    check: parameterGroupFailures,
  },
  {
    token: "aws:cloudwatch/dashboard:Dashboard",
    path: "cloudwatch/dashboard",
    replaceOn: ["dashboardName"],
    check: dashboardFailures,
  },
  {
    token: "aws:cloudwatch/metricAlarm:MetricAlarm",
    path: "cloudwatch/metricAlarm",
    replaceOn: ["name"],
    defaults: { actionsEnabled: true, treatMissingData: "missing" },
    autoName: { property: "name", maximum: 255 },
    check: metricAlarmFailures,
  },
];

export const types: readonly ResourceType[] = TYPES.map(resourceType);
