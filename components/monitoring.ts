import { Dashboard, MetricAlarm } from "@pulumi/aws/cloudwatch";
import * as pulumi from "@pulumi/pulumi";
import { databaseBInstance } from "../migration/names";
import { type Settings } from "../migration/settings";
import { dashboardBody } from "./dashboard";
import { type TrafficSplit } from "./trafficSplit";

export interface MonitoringArgs {
  readonly settings: Settings;
  readonly split: TrafficSplit;
  /** Whether database B is there to be watched. */
  readonly database: boolean;
}

const GIBIBYTE = 1024 ** 3;
const MINUTE_SECONDS = 60;

/** One limit that raises an alarm. */
interface Limit {
  readonly what: string;
  readonly namespace: string;
  readonly metric: string;
  readonly statistic?: string;
  readonly percentile?: string;
  readonly above: boolean;
  readonly threshold: number;
  /** Minutes in a row. */
  readonly minutes: number;
}

/**
 * A and B side by side: one dashboard, and the same alarms for each. CloudWatch is the slow brake, minutes behind
 * (facts/aws.md 3); its alarms are for people.
 */
export class Monitoring extends pulumi.ComponentResource {
  constructor(name: string, args: MonitoringArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:Monitoring", name, {}, options);
    const { settings, split } = args;
    const { monitoring, stack, region } = settings;
    const identifier = databaseBInstance(settings);
    const child = { parent: this };

    const alarm = (alarmName: string, limit: Limit, dimensions: Record<string, pulumi.Input<string>>): void => {
      new MetricAlarm(
        `${name}-${alarmName}`,
        {
          alarmDescription: `API7 migration ${stack}: ${limit.what}`,
          namespace: limit.namespace,
          metricName: limit.metric,
          ...(limit.statistic === undefined ? {} : { statistic: limit.statistic }),
          ...(limit.percentile === undefined ? {} : { extendedStatistic: limit.percentile }),
          dimensions,
          period: MINUTE_SECONDS,
          evaluationPeriods: limit.minutes,
          comparisonOperator: limit.above ? "GreaterThanThreshold" : "LessThanThreshold",
          threshold: limit.threshold,
          // These metrics have points only while something happens: no answers are no errors.
          treatMissingData: "notBreaching",
          alarmActions: monitoring.topicArn === undefined ? [] : [monitoring.topicArn],
          okActions: monitoring.topicArn === undefined ? [] : [monitoring.topicArn],
          tags: settings.tags,
        },
        child,
      );
    };

    const sides = split.groups.flatMap(({ group, targetGroupA, targetGroupB }) => [
      { side: `${group.name}-a`, title: `${group.name} A`, targetGroup: targetGroupA.apply(targetGroupDimension) },
      { side: `${group.name}-b`, title: `${group.name} B`, targetGroup: targetGroupB.apply(targetGroupDimension) },
    ]);
    for (const { side, title, targetGroup } of sides) {
      const dimensions = { LoadBalancer: split.loadBalancerDimension, TargetGroup: targetGroup };
      for (const [suffix, limit] of Object.entries(targetLimits(title, settings)))
        alarm(`${side}-${suffix}`, limit, dimensions);
    }
    if (args.database && identifier !== undefined) {
      const limits = databaseLimits(settings);
      for (const [suffix, limit] of Object.entries(limits)) {
        alarm(suffix, limit, { DBInstanceIdentifier: identifier });
      }
    }
    new Dashboard(
      name,
      {
        dashboardName: `api7-migration-${stack}`,
        // The names are known from the beginning, so the dashboard is the same at every stage.
        dashboardBody: pulumi
          .all([split.loadBalancerDimension, sides.map(({ title, targetGroup }) => ({ title, targetGroup }))])
          .apply(([loadBalancer, targetGroups]) =>
            dashboardBody({
              region,
              loadBalancer,
              targetGroups,
              databaseA: settings.clusterA.databaseIdentifier,
              databaseB: identifier,
            }),
          ),
      },
      child,
    );
    this.registerOutputs();
  }
}

function targetLimits(title: string, { monitoring }: Settings): Readonly<Record<string, Limit>> {
  const namespace = "AWS/ApplicationELB";
  return {
    unhealthy: {
      what: `${title}: unhealthy gateways`,
      namespace,
      metric: "UnHealthyHostCount",
      statistic: "Maximum",
      above: true,
      threshold: 0,
      minutes: 2,
    },
    errors: {
      what: `${title}: answers 5xx`,
      namespace,
      metric: "HTTPCode_Target_5XX_Count",
      statistic: "Sum",
      above: true,
      threshold: monitoring.errorsPerMinute,
      minutes: 2,
    },
    connections: {
      what: `${title}: failed connections`,
      namespace,
      metric: "TargetConnectionErrorCount",
      statistic: "Sum",
      above: true,
      threshold: 0,
      minutes: 2,
    },
    latency: {
      what: `${title}: response time, 99th percentile`,
      namespace,
      metric: "TargetResponseTime",
      percentile: "p99",
      above: true,
      threshold: monitoring.latencySeconds,
      minutes: 3,
    },
  };
}

function databaseLimits({ monitoring }: Settings): Readonly<Record<string, Limit>> {
  const namespace = "AWS/RDS";
  const statistic = "Average";
  return {
    "database-cpu": {
      what: "database B: CPU",
      namespace,
      metric: "CPUUtilization",
      statistic,
      above: true,
      threshold: monitoring.databaseCpuPercent,
      minutes: 5,
    },
    "database-connections": {
      what: "database B: connections",
      namespace,
      metric: "DatabaseConnections",
      statistic,
      above: true,
      threshold: monitoring.databaseConnections,
      minutes: 5,
    },
    "database-storage": {
      what: "database B: free storage",
      namespace,
      metric: "FreeStorageSpace",
      statistic,
      above: false,
      threshold: monitoring.databaseFreeStorageGiB * GIBIBYTE,
      minutes: 5,
    },
  };
}

/** `arn:...:targetgroup/NAME/ID` -> `targetgroup/NAME/ID`, as CloudWatch names it. */
function targetGroupDimension(arn: string): string {
  return arn.split(":").at(-1) ?? arn;
}
