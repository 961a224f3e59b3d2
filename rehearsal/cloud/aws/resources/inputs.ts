import { z } from "zod";

/**
 * The inputs of every resource type that the local AWS models, by the names of the Pulumi SDK. What is not listed here
 * is refused: the plugin's checks refuse it in the preview, with the names of `modelled.ts`.
 */
const tags = z.record(z.string(), z.string()).default({});
const region = z.string().optional();
const text = z.string().optional();
const number = z.number().optional();
const flag = z.boolean().optional();
const texts = z.array(z.string()).optional();

const forward = z.strictObject({
  targetGroups: z.array(z.strictObject({ arn: z.string(), weight: number })),
  stickiness: z.strictObject({ duration: z.number(), enabled: flag }).optional(),
});

export const actionInputs = z.strictObject({
  type: z.string(),
  order: number,
  targetGroupArn: text,
  forward: forward.optional(),
  fixedResponse: z.strictObject({ contentType: z.string(), messageBody: text, statusCode: text }).optional(),
});

const values = z.strictObject({ values: z.array(z.string()) }).optional();

export const conditionInputs = z.strictObject({
  hostHeader: values,
  pathPattern: values,
  httpRequestMethod: values,
  httpHeader: z.strictObject({ httpHeaderName: z.string(), values: z.array(z.string()) }).optional(),
});

const healthCheckInputs = z.strictObject({
  enabled: flag,
  healthyThreshold: number,
  interval: number,
  matcher: text,
  path: text,
  port: text,
  protocol: text,
  timeout: number,
  unhealthyThreshold: number,
});

const logs = z.strictObject({ bucket: z.string(), enabled: flag, prefix: text }).optional();

const securityGroupRuleBlock = z.strictObject({
  protocol: z.string(),
  fromPort: z.number(),
  toPort: z.number(),
  cidrBlocks: texts,
  ipv6CidrBlocks: texts,
  prefixListIds: texts,
  securityGroups: texts,
  self: flag,
  description: text,
});

const securityGroupRule = z.strictObject({
  securityGroupId: z.string(),
  ipProtocol: z.string(),
  fromPort: number,
  toPort: number,
  cidrIpv4: text,
  cidrIpv6: text,
  prefixListId: text,
  referencedSecurityGroupId: text,
  description: text,
  tags,
  region,
});

const metric = z.strictObject({
  metricName: z.string(),
  namespace: text,
  period: z.number(),
  stat: z.string(),
  unit: text,
  dimensions: z.record(z.string(), z.string()).optional(),
});

/** By the path under which the plugin asks. */
export const INPUTS = {
  "ec2/securityGroup": z.strictObject({
    name: z.string(),
    description: z.string(),
    vpcId: z.string(),
    ingress: z.array(securityGroupRuleBlock).optional(),
    egress: z.array(securityGroupRuleBlock).optional(),
    revokeRulesOnDelete: flag,
    tags,
    region,
  }),
  "vpc/securityGroupIngressRule": securityGroupRule,
  "vpc/securityGroupEgressRule": securityGroupRule,
  "lb/loadBalancer": z.strictObject({
    name: z.string(),
    internal: flag,
    loadBalancerType: text,
    ipAddressType: text,
    subnets: texts,
    securityGroups: texts,
    accessLogs: logs,
    clientKeepAlive: number,
    connectionLogs: logs,
    desyncMitigationMode: text,
    dropInvalidHeaderFields: flag,
    enableDeletionProtection: flag,
    enableHttp2: flag,
    enableTlsVersionAndCipherSuiteHeaders: flag,
    enableWafFailOpen: flag,
    enableXffClientPort: flag,
    enableZonalShift: flag,
    idleTimeout: number,
    preserveHostHeader: flag,
    xffHeaderProcessingMode: text,
    tags,
    region,
  }),
  "lb/targetGroup": z.strictObject({
    name: z.string(),
    port: number,
    protocol: text,
    vpcId: text,
    protocolVersion: text,
    targetType: text,
    ipAddressType: text,
    deregistrationDelay: number,
    slowStart: number,
    loadBalancingAlgorithmType: text,
    loadBalancingAnomalyMitigation: text,
    loadBalancingCrossZoneEnabled: text,
    healthCheck: healthCheckInputs.optional(),
    stickiness: z
      .strictObject({ type: z.string(), enabled: flag, cookieDuration: number, cookieName: text })
      .optional(),
    targetGroupHealth: z
      .strictObject({
        dnsFailover: z
          .strictObject({ minimumHealthyTargetsCount: text, minimumHealthyTargetsPercentage: text })
          .optional(),
        unhealthyStateRouting: z
          .strictObject({ minimumHealthyTargetsCount: number, minimumHealthyTargetsPercentage: text })
          .optional(),
      })
      .optional(),
    tags,
    region,
  }),
  "lb/listener": z.strictObject({
    loadBalancerArn: z.string(),
    port: number,
    protocol: text,
    sslPolicy: text,
    certificateArn: text,
    defaultActions: z.array(actionInputs),
    tags,
    region,
  }),
  "lb/listenerRule": z.strictObject({
    listenerArn: z.string(),
    priority: number,
    actions: z.array(actionInputs),
    conditions: z.array(conditionInputs),
    tags,
    region,
  }),
  "rds/instance": z.strictObject({
    identifier: z.string(),
    instanceClass: z.string(),
    allocatedStorage: number,
    allowMajorVersionUpgrade: flag,
    applyImmediately: flag,
    autoMinorVersionUpgrade: flag,
    availabilityZone: text,
    backupRetentionPeriod: number,
    backupWindow: text,
    caCertIdentifier: text,
    copyTagsToSnapshot: flag,
    dbName: text,
    dbSubnetGroupName: text,
    deleteAutomatedBackups: flag,
    deletionProtection: flag,
    enabledCloudwatchLogsExports: texts,
    engine: text,
    engineVersion: text,
    finalSnapshotIdentifier: text,
    iamDatabaseAuthenticationEnabled: flag,
    iops: number,
    kmsKeyId: text,
    licenseModel: text,
    maintenanceWindow: text,
    maxAllocatedStorage: number,
    monitoringInterval: number,
    monitoringRoleArn: text,
    multiAz: flag,
    networkType: text,
    optionGroupName: text,
    parameterGroupName: text,
    password: text,
    performanceInsightsEnabled: flag,
    performanceInsightsKmsKeyId: text,
    performanceInsightsRetentionPeriod: number,
    port: number,
    publiclyAccessible: flag,
    skipFinalSnapshot: flag,
    snapshotIdentifier: text,
    storageEncrypted: flag,
    storageThroughput: number,
    storageType: text,
    username: text,
    vpcSecurityGroupIds: texts,
    tags,
    region,
  }),
  "rds/snapshot": z.strictObject({
    dbInstanceIdentifier: z.string(),
    dbSnapshotIdentifier: z.string(),
    tags,
    region,
  }),
  "rds/snapshotCopy": z.strictObject({
    sourceDbSnapshotIdentifier: z.string(),
    targetDbSnapshotIdentifier: z.string(),
    kmsKeyId: text,
    copyTags: flag,
    tags,
    region,
  }),
  "rds/subnetGroup": z.strictObject({
    name: z.string(),
    description: z.string(),
    subnetIds: z.array(z.string()),
    tags,
    region,
  }),
  "rds/parameterGroup": z.strictObject({
    name: z.string(),
    description: z.string(),
    family: z.string(),
    parameters: z.array(z.strictObject({ name: z.string(), value: z.string(), applyMethod: text })).optional(),
    skipDestroy: flag,
    tags,
    region,
  }),
  "cloudwatch/dashboard": z.strictObject({ dashboardName: z.string(), dashboardBody: z.string(), region }),
  "cloudwatch/metricAlarm": z.strictObject({
    name: z.string(),
    actionsEnabled: flag,
    alarmActions: texts,
    alarmDescription: text,
    comparisonOperator: text,
    datapointsToAlarm: number,
    dimensions: z.record(z.string(), z.string()).optional(),
    evaluateLowSampleCountPercentiles: text,
    evaluationPeriods: number,
    extendedStatistic: text,
    insufficientDataActions: texts,
    metricName: text,
    metricQueries: z
      .array(
        z.strictObject({
          id: z.string(),
          accountId: text,
          expression: text,
          label: text,
          metric: metric.optional(),
          period: number,
          returnData: flag,
        }),
      )
      .optional(),
    namespace: text,
    okActions: texts,
    period: number,
    statistic: text,
    threshold: number,
    thresholdMetricId: text,
    treatMissingData: text,
    unit: text,
    tags,
    region,
  }),
} as const;

export type ResourcePath = keyof typeof INPUTS;
export type InputsOf<P extends ResourcePath> = z.output<(typeof INPUTS)[P]>;
export type ActionInputs = z.output<typeof actionInputs>;
export type ConditionInputs = z.output<typeof conditionInputs>;

export function isResourcePath(path: string): path is ResourcePath {
  return Object.hasOwn(INPUTS, path);
}
