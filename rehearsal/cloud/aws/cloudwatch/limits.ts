/** What CloudWatch and its provider refuse in alarms and dashboards, for the API and for the plugin's checks alike. */

/** One thing wrong with one property. */
export interface Fault {
  readonly property: string;
  readonly reason: string;
}

/** An alarm in the provider's form. Values that are not known yet are absent. */
export interface AlarmInput {
  readonly name?: string | undefined;
  readonly alarmDescription?: string | undefined;
  readonly comparisonOperator?: string | undefined;
  readonly evaluationPeriods?: number | undefined;
  readonly datapointsToAlarm?: number | undefined;
  readonly metricName?: string | undefined;
  readonly namespace?: string | undefined;
  readonly period?: number | undefined;
  readonly statistic?: string | undefined;
  readonly extendedStatistic?: string | undefined;
  readonly threshold?: number | undefined;
  readonly thresholdMetricId?: string | undefined;
  readonly treatMissingData?: string | undefined;
  readonly evaluateLowSampleCountPercentiles?: string | undefined;
  readonly dimensions?: Readonly<Record<string, unknown>> | undefined;
  readonly alarmActions?: readonly unknown[] | undefined;
  readonly okActions?: readonly unknown[] | undefined;
  readonly insufficientDataActions?: readonly unknown[] | undefined;
  readonly metricQueries?: readonly MetricQuery[] | undefined;
}

export interface MetricQuery {
  readonly id?: string | undefined;
  readonly expression?: string | undefined;
  readonly returnData?: boolean | undefined;
  readonly metric?:
    | {
        readonly metricName?: string | undefined;
        readonly period?: number | undefined;
        readonly stat?: string | undefined;
      }
    | undefined;
}

export const COMPARISON_OPERATORS = [
  "GreaterThanOrEqualToThreshold",
  "GreaterThanThreshold",
  "LessThanThreshold",
  "LessThanOrEqualToThreshold",
] as const;
/** These compare with a band, so they need `thresholdMetricId`. */
export const BAND_OPERATORS = [
  "LessThanLowerOrGreaterThanUpperThreshold",
  "LessThanLowerThreshold",
  "GreaterThanUpperThreshold",
] as const;
export const STATISTICS = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] as const;
export const MISSING_DATA = ["breaching", "notBreaching", "ignore", "missing"] as const;
/** As the provider has it: percentiles, trimmed and winsorized means, counts, sums, ranks. */
export const EXTENDED_STATISTIC =
  /^((p|tm|wm|tc|ts)((\d{1,2}(\.\d{1,2})?)|(100))|IQM|(TM|WM|PR|TC|TS)\((\d+(\.\d+)?%?)?:(\d+(\.\d+)?%?)?\))$/;

const MAXIMUM_ACTIONS = 5;
const MAXIMUM_QUERIES = 20;
const MAXIMUM_DIMENSIONS = 30;
const DAY_SECONDS = 86_400;

/** Everything wrong with an alarm. `known` says whether a property is given, even if its value is not known yet. */
export function alarmFaults(alarm: AlarmInput, known: (property: keyof AlarmInput) => boolean): readonly Fault[] {
  return [
    ...valueFaults(alarm),
    ...combinationFaults(known),
    ...windowFaults(alarm),
    ...(alarm.metricQueries ?? []).flatMap((query, index) => queryFaults(query, `metricQueries[${index}]`)),
    ...queriesFaults(alarm),
  ];
}

/** Everything wrong with a dashboard's body. */
export function dashboardFaults(body: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    return [`The dashboard body is no valid JSON: ${error instanceof Error ? error.message : String(error)}`];
  }
  const widgets = isObject(parsed) ? parsed["widgets"] : undefined;
  if (!Array.isArray(widgets)) return ["The dashboard body must be an object with an array `widgets`."];
  if (widgets.length > 500) return [`A dashboard can have at most 500 widgets, not ${widgets.length}.`];
  return widgets.flatMap((widget, index) => widgetFaults(widget, `/widgets/${index}`));
}

/** What is wrong with a dashboard's name, if anything. */
export function dashboardNameFault(name: string): string | undefined {
  return /^[A-Za-z0-9_-]{1,255}$/.test(name)
    ? undefined
    : `"${name}" must have 1 to 255 letters, digits, hyphens and underscores.`;
}

function valueFaults(alarm: AlarmInput): Fault[] {
  const faults: Fault[] = [];
  const demand = (property: keyof AlarmInput, holds: (value: never) => boolean, expected: string): void => {
    const value = alarm[property];
    if (value !== undefined && !holds(value as never)) {
      faults.push({ property, reason: `${JSON.stringify(value)} must be ${expected}.` });
    }
  };
  const among =
    (values: readonly string[]) =>
    (value: string): boolean =>
      values.includes(value);
  const few = (list: readonly unknown[]): boolean => list.length <= MAXIMUM_ACTIONS;
  const operators = [...COMPARISON_OPERATORS, ...BAND_OPERATORS];
  demand("name", (name: string) => name.length >= 1 && name.length <= 255, "1 to 255 characters long");
  demand("comparisonOperator", among(operators), `one of ${operators.join(", ")}`);
  demand("evaluationPeriods", (n: number) => Number.isInteger(n) && n >= 1, "a whole number from 1 on");
  demand("datapointsToAlarm", (n: number) => Number.isInteger(n) && n >= 1, "a whole number from 1 on");
  demand("period", isPeriod, "10, 20, 30 or a multiple of 60 seconds");
  demand("statistic", among(STATISTICS), `one of ${STATISTICS.join(", ")}`);
  demand("extendedStatistic", (text: string) => EXTENDED_STATISTIC.test(text), 'a statistic as "p99" or "tm90"');
  demand("treatMissingData", among(MISSING_DATA), `one of ${MISSING_DATA.join(", ")}`);
  demand("evaluateLowSampleCountPercentiles", among(["evaluate", "ignore"]), "evaluate or ignore");
  demand("namespace", (text: string) => /^[^:]{1,255}$/.test(text), "1 to 255 characters without a colon");
  demand("metricName", (text: string) => text.length >= 1 && text.length <= 255, "1 to 255 characters long");
  demand("alarmActions", few, `at most ${MAXIMUM_ACTIONS} ARNs`);
  demand("okActions", few, `at most ${MAXIMUM_ACTIONS} ARNs`);
  demand("insufficientDataActions", few, `at most ${MAXIMUM_ACTIONS} ARNs`);
  demand(
    "dimensions",
    (map: Readonly<Record<string, unknown>>) => Object.keys(map).length <= MAXIMUM_DIMENSIONS,
    `at most ${MAXIMUM_DIMENSIONS} dimensions`,
  );
  return faults;
}

function combinationFaults(known: (property: keyof AlarmInput) => boolean): Fault[] {
  const faults: Fault[] = [];
  const need = (property: keyof AlarmInput, reason: string): void => {
    if (!known(property)) faults.push({ property, reason });
  };
  need("comparisonOperator", "An alarm needs a comparison operator.");
  need("evaluationPeriods", "An alarm needs a number of evaluation periods.");
  if (known("metricQueries")) {
    for (const property of [
      "metricName",
      "namespace",
      "period",
      "statistic",
      "extendedStatistic",
      "dimensions",
    ] as const) {
      if (known(property)) faults.push({ property, reason: "Conflicts with metricQueries." });
    }
  } else {
    need("metricName", "An alarm needs metricName or metricQueries.");
    need("namespace", "An alarm with metricName needs its namespace.");
    need("period", "An alarm with metricName needs a period.");
    if (known("statistic") === known("extendedStatistic")) {
      faults.push({ property: "statistic", reason: "Exactly one of statistic and extendedStatistic must be given." });
    }
  }
  if (known("threshold") === known("thresholdMetricId")) {
    faults.push({ property: "threshold", reason: "Exactly one of threshold and thresholdMetricId must be given." });
  }
  return faults;
}

function windowFaults({ period, evaluationPeriods, datapointsToAlarm }: AlarmInput): Fault[] {
  const faults: Fault[] = [];
  if (period !== undefined && evaluationPeriods !== undefined) {
    const maximum = period < 3600 ? DAY_SECONDS : 7 * DAY_SECONDS;
    if (period * evaluationPeriods > maximum) {
      const reason = `Periods of ${period} s times ${evaluationPeriods} exceed ${maximum} s.`;
      faults.push({ property: "evaluationPeriods", reason });
    }
  }
  if (datapointsToAlarm !== undefined && evaluationPeriods !== undefined && datapointsToAlarm > evaluationPeriods) {
    const reason = `${datapointsToAlarm} is more than evaluationPeriods (${evaluationPeriods}).`;
    faults.push({ property: "datapointsToAlarm", reason });
  }
  return faults;
}

function queryFaults(query: MetricQuery, path: string): Fault[] {
  const faults: Fault[] = [];
  if (query.id !== undefined && !/^[a-z][A-Za-z0-9_]{0,254}$/.test(query.id)) {
    faults.push({
      property: `${path}.id`,
      reason: `"${query.id}" must begin with a lower-case letter and hold letters, digits and underscores.`,
    });
  }
  if ((query.expression === undefined) === (query.metric === undefined)) {
    faults.push({ property: path, reason: "Exactly one of expression and metric must be given." });
  }
  const { period, stat } = query.metric ?? {};
  if (period !== undefined && period !== 1 && period !== 5 && !isPeriod(period)) {
    faults.push({
      property: `${path}.metric.period`,
      reason: `${period} must be 1, 5, 10, 20, 30 or a multiple of 60 seconds.`,
    });
  }
  if (stat !== undefined && !STATISTICS.some((known) => known === stat) && !EXTENDED_STATISTIC.test(stat)) {
    faults.push({ property: `${path}.metric.stat`, reason: `"${stat}" is no statistic.` });
  }
  return faults;
}

function queriesFaults({ metricQueries: queries, thresholdMetricId: band }: AlarmInput): Fault[] {
  if (queries === undefined) return [];
  const property = "metricQueries";
  const faults: Fault[] = [];
  if (queries.length > MAXIMUM_QUERIES) faults.push({ property, reason: `At most ${MAXIMUM_QUERIES} queries.` });
  const ids = queries.map(({ id }) => id);
  if (new Set(ids).size < ids.length) faults.push({ property, reason: "Every query needs an id of its own." });
  const returning = queries.filter(({ returnData }) => returnData === true).length;
  if (band === undefined && returning !== 1) {
    faults.push({ property, reason: `Exactly one query must have returnData: true, not ${returning}.` });
  }
  return faults;
}

function widgetFaults(widget: unknown, path: string): readonly string[] {
  if (!isObject(widget)) return [`${path} must be an object.`];
  const faults: string[] = [];
  const types = ["metric", "text", "log", "alarm", "explorer", "custom"];
  const { type, properties, x, y, width, height } = widget;
  if (typeof type !== "string" || !types.includes(type))
    faults.push(`${path}/type must be one of ${types.join(", ")}.`);
  if (!isObject(properties)) return [...faults, `${path}/properties must be an object.`];
  const within = (name: string, value: unknown, minimum: number, maximum: number): void => {
    if (value === undefined || (Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum))
      return;
    faults.push(`${path}/${name} must be a whole number of ${minimum} to ${maximum}.`);
  };
  within("x", x, 0, 23);
  within("y", y, 0, Number.MAX_SAFE_INTEGER);
  within("width", width, 1, 24);
  within("height", height, 1, 1000);
  if (type === "metric") {
    if (typeof properties["region"] !== "string") faults.push(`${path}/properties/region is required.`);
    if (!Array.isArray(properties["metrics"]) && !isObject(properties["annotations"])) {
      faults.push(`${path}/properties must have metrics or annotations.`);
    }
  }
  if (type === "text" && typeof properties["markdown"] !== "string") {
    faults.push(`${path}/properties/markdown is required.`);
  }
  if (type === "log" && typeof properties["query"] !== "string") faults.push(`${path}/properties/query is required.`);
  if (type === "alarm" && !Array.isArray(properties["alarms"])) faults.push(`${path}/properties/alarms is required.`);
  return faults;
}

function isPeriod(seconds: number): boolean {
  return [10, 20, 30].includes(seconds) || (Number.isInteger(seconds) && seconds > 0 && seconds % 60 === 0);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
