import { z } from "zod";
import { AwsError, notModelled } from "../errors";
import { type ElbState } from "../elb/state";
import { type GroupMinute, type MetricRecorder } from "./recorder";

/** `GetMetricData` over what the local load balancers counted. */

const MAXIMUM_QUERIES = 500;
const MAXIMUM_DATAPOINTS = 100_800;
const ELB_NAMESPACE = "AWS/ApplicationELB";

/** Strict: a parameter that is not listed is refused, AWS may know it and the local cloud would have to ignore it. */
const REQUEST = z.strictObject({
  StartTime: z.number(),
  EndTime: z.number(),
  ScanBy: z.enum(["TimestampAscending", "TimestampDescending"]).default("TimestampDescending"),
  MaxDatapoints: z.number().int().min(1).max(MAXIMUM_DATAPOINTS).default(MAXIMUM_DATAPOINTS),
  NextToken: z.string().optional(),
  MetricDataQueries: z
    .array(
      z.strictObject({
        Id: z.string().regex(/^[a-z][a-zA-Z0-9_]*$/),
        Label: z.string().optional(),
        ReturnData: z.boolean().default(true),
        Expression: z.string().optional(),
        MetricStat: z
          .strictObject({
            Metric: z.strictObject({
              Namespace: z.string().min(1),
              MetricName: z.string().min(1),
              Dimensions: z.array(z.strictObject({ Name: z.string().min(1), Value: z.string().min(1) })).default([]),
            }),
            Period: z.number().int(),
            Stat: z.string().min(1),
          })
          .optional(),
      }),
    )
    .min(1)
    .max(MAXIMUM_QUERIES),
});

type Query = z.output<typeof REQUEST>["MetricDataQueries"][number];
type MetricStat = NonNullable<Query["MetricStat"]>;

export interface MetricDataResult {
  readonly Id: string;
  readonly Label: string;
  /** Beginnings of periods, seconds since 1970. */
  readonly Timestamps: readonly number[];
  readonly Values: readonly number[];
  readonly StatusCode: "Complete" | "PartialData";
}

export interface MetricDataAnswer {
  readonly MetricDataResults: readonly MetricDataResult[];
  readonly Messages: readonly never[];
  readonly NextToken?: string;
}

/** @throws AwsError as AWS answers what it refuses, and for what is not modelled here */
export function getMetricData(input: unknown, elb: ElbState, recorder: MetricRecorder): MetricDataAnswer {
  const request = parse(input);
  if (!(request.StartTime < request.EndTime)) {
    throw invalid("The parameter StartTime must be less than the parameter EndTime.", "InvalidParameterValue");
  }
  const ids = new Set(request.MetricDataQueries.map(({ Id }) => Id));
  if (ids.size < request.MetricDataQueries.length) throw invalid("The values for parameter Id must be unique.");
  const rows = request.MetricDataQueries.filter(({ ReturnData }) => ReturnData).map((query) => {
    const stat = statOf(query);
    const points = pointsOf(stat, request, elb, recorder);
    if (request.ScanBy === "TimestampDescending") points.reverse();
    return { id: query.Id, label: query.Label ?? stat.Metric.MetricName, points };
  });
  return page(rows, request.MaxDatapoints, offsetOf(request.NextToken));
}

function parse(input: unknown): z.output<typeof REQUEST> {
  const parsed = REQUEST.safeParse(input);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`.trim()).join("; "));
}

function statOf({ Id, Expression, MetricStat }: Query): MetricStat {
  if (Expression !== undefined) throw notModelled(`the expression ${Expression}`, "Ask for each metric by MetricStat.");
  if (MetricStat === undefined) {
    throw invalid(`The query ${Id} must have either Expression or MetricStat.`);
  }
  if (MetricStat.Period < 60 || MetricStat.Period % 60 !== 0) {
    throw invalid(
      `Period must be a multiple of 60 for metrics of a minute, read ${MetricStat.Period}.`,
      "InvalidParameterValue",
    );
  }
  return MetricStat;
}

interface Row {
  readonly id: string;
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** So many data points a page, counted over all queries in their order. */
function page(rows: readonly Row[], limit: number, offset: number): MetricDataAnswer {
  const results: MetricDataResult[] = [];
  let passed = 0;
  const total = rows.reduce((sum, { points }) => sum + points.length, 0);
  const end = offset + limit;
  for (const { id, label, points } of rows) {
    const from = Math.max(0, offset - passed);
    const to = Math.min(points.length, end - passed);
    const before = passed;
    passed += points.length;
    // Without data it comes with the first page; a row that begins beyond this page comes later.
    if (points.length === 0 ? offset > 0 : from >= points.length || to <= 0) continue;
    const shown = points.slice(from, to);
    results.push({
      Id: id,
      Label: label,
      Timestamps: shown.map(([at]) => at),
      Values: shown.map(([, value]) => value),
      StatusCode: before + points.length > end ? "PartialData" : "Complete",
    });
  }
  return { MetricDataResults: results, Messages: [], ...(total > end ? { NextToken: tokenOf(end) } : {}) };
}

function tokenOf(offset: number): string {
  return Buffer.from(`metric-data:${offset}`).toString("base64url");
}

function offsetOf(token: string | undefined): number {
  if (token === undefined) return 0;
  const found = /^metric-data:(\d+)$/.exec(Buffer.from(token, "base64url").toString("utf8"));
  if (found === null) throw invalid("The NextToken is invalid.", "InvalidNextToken");
  return Number(found[1]);
}

/** Values of one metric by period. A metric that nobody writes has none, and is no error. */
function pointsOf(
  { Metric, Period, Stat }: MetricStat,
  { StartTime, EndTime }: { readonly StartTime: number; readonly EndTime: number },
  elb: ElbState,
  recorder: MetricRecorder,
): (readonly [number, number])[] {
  const source = sourceOf(Metric, elb, recorder);
  if (source === undefined) return [];
  const periods = new Map<number, GroupMinute[]>();
  for (const minutes of source.groups) {
    for (const [minuteMs, minute] of minutes) {
      const at = Math.floor(minuteMs / 1000 / Period) * Period;
      if (at + Period <= StartTime || at >= EndTime) continue;
      periods.set(at, [...(periods.get(at) ?? []), minute]);
    }
  }
  return [...periods]
    .sort(([one], [other]) => one - other)
    .flatMap(([at, minutes]) => {
      const value = source.value(minutes, Stat);
      return value === undefined ? [] : [[at, value] as const];
    });
}

interface Source {
  readonly groups: readonly ReadonlyMap<number, GroupMinute>[];
  /** Undefined: no data point. */
  value(minutes: readonly GroupMinute[], stat: string): number | undefined;
}

function sourceOf(
  { Namespace, MetricName, Dimensions }: MetricStat["Metric"],
  elb: ElbState,
  recorder: MetricRecorder,
): Source | undefined {
  if (Namespace !== ELB_NAMESPACE) return undefined;
  const names = Dimensions.map(({ Name }) => Name)
    .sort()
    .join();
  const value = (name: string): string => Dimensions.find(({ Name }) => Name === name)?.Value ?? "";
  const arnOf = (arns: Iterable<string>, ending: string): string => [...arns].find((arn) => arn.endsWith(ending)) ?? "";
  const balancer = arnOf(elb.loadBalancers.keys(), `:loadbalancer/${value("LoadBalancer")}`);
  if (names === "LoadBalancer" && MetricName === "HTTPCode_ELB_5XX_Count") {
    return { groups: recorder.groups(balancer), value: sumOf(MetricName, ({ elb5xx }) => elb5xx) };
  }
  const read = names === "LoadBalancer,TargetGroup" ? GROUP_METRICS[MetricName] : undefined;
  if (read === undefined) return undefined;
  return {
    groups: [recorder.group(balancer, arnOf(elb.targetGroups.keys(), `:${value("TargetGroup")}`))],
    value: read,
  };
}

/** Counts have a data point only where something was counted. */
function sumOf(metric: string, read: (minute: GroupMinute) => number): Source["value"] {
  return (minutes, stat) => {
    if (stat !== "Sum") throw notModelled(`the statistic ${stat} of ${metric}`, "Ask for its Sum.");
    const sum = minutes.reduce((total, minute) => total + read(minute), 0);
    return sum === 0 ? undefined : sum;
  };
}

const GROUP_METRICS: Readonly<Record<string, Source["value"]>> = {
  RequestCount: sumOf("RequestCount", ({ requests }) => requests),
  HTTPCode_Target_5XX_Count: sumOf("HTTPCode_Target_5XX_Count", ({ target5xx }) => target5xx),
  TargetConnectionErrorCount: sumOf("TargetConnectionErrorCount", ({ connectionErrors }) => connectionErrors),
  HealthyHostCount: (minutes, stat) => {
    if (stat === "Minimum") return Math.min(...minutes.map(({ healthyLeast }) => healthyLeast));
    if (stat === "Maximum") return Math.max(...minutes.map(({ healthyMost }) => healthyMost));
    throw notModelled(`the statistic ${stat} of HealthyHostCount`, "Ask for its Minimum or Maximum.");
  },
  TargetResponseTime: (minutes, stat) => {
    const range = /^TC\((\d*\.?\d*):(\d*\.?\d*)\)$/.exec(stat);
    if (range === null)
      throw notModelled(`the statistic ${stat} of TargetResponseTime`, "Ask for counts: TC(0.1:0.2).");
    // Without the lower bound, with the upper one (CloudWatch, statistics definitions).
    const above = range[1] === "" ? -Infinity : Number(range[1]) * 1000;
    const upTo = range[2] === "" ? Infinity : Number(range[2]) * 1000;
    let answers = 0;
    let count = 0;
    for (const { times } of minutes) {
      for (const [timeMs, n] of times) {
        answers += n;
        if (timeMs > above && timeMs <= upTo) count += n;
      }
    }
    return answers === 0 ? undefined : count;
  },
};

function invalid(message: string, code = "ValidationError"): AwsError {
  return new AwsError(code, message);
}
