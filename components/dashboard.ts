/** What the dashboard shows. */
export interface DashboardArgs {
  readonly region: string;
  /** `app/NAME/ID` */
  readonly loadBalancer: string;
  /** In the order A, B of each gateway group. */
  readonly targetGroups: readonly { readonly title: string; readonly targetGroup: string }[];
  /** RDS identifiers; undefined for a database that is none. */
  readonly databaseA: string | undefined;
  readonly databaseB: string | undefined;
}

const WIDTH = 12;
const HEIGHT = 6;
const PERIOD_SECONDS = 60;

/** A CloudWatch dashboard: one row a question, every line in one graph, A and B side by side. */
export function dashboardBody(args: DashboardArgs): string {
  const { region, loadBalancer, targetGroups, databaseA, databaseB } = args;
  const targets = (metric: string, stat: string): unknown[] =>
    targetGroups.map(({ title, targetGroup }) => [
      "AWS/ApplicationELB",
      metric,
      "TargetGroup",
      targetGroup,
      "LoadBalancer",
      loadBalancer,
      { label: title, stat },
    ]);
  const databases = (metric: string): unknown[] =>
    [
      { label: "database A", identifier: databaseA },
      { label: "database B", identifier: databaseB },
    ].flatMap(({ label, identifier }) =>
      identifier === undefined
        ? []
        : [["AWS/RDS", metric, "DBInstanceIdentifier", identifier, { label, stat: "Average" }]],
    );
  const graphs = [
    { title: "Requests a minute", metrics: targets("RequestCount", "Sum") },
    { title: "Answers 5xx a minute", metrics: targets("HTTPCode_Target_5XX_Count", "Sum") },
    { title: "Response time, 50th percentile (s)", metrics: targets("TargetResponseTime", "p50") },
    { title: "Response time, 99th percentile (s)", metrics: targets("TargetResponseTime", "p99") },
    { title: "Healthy gateways", metrics: targets("HealthyHostCount", "Minimum") },
    { title: "Failed connections a minute", metrics: targets("TargetConnectionErrorCount", "Sum") },
    { title: "Database CPU (%)", metrics: databases("CPUUtilization") },
    { title: "Database connections", metrics: databases("DatabaseConnections") },
  ];
  return JSON.stringify({
    widgets: graphs
      .filter(({ metrics }) => metrics.length > 0)
      .map(({ title, metrics }, index) => ({
        type: "metric",
        x: (index % 2) * WIDTH,
        y: Math.floor(index / 2) * HEIGHT,
        width: WIDTH,
        height: HEIGHT,
        properties: { title, metrics, region, view: "timeSeries", stacked: false, period: PERIOD_SECONDS },
      })),
  });
}
