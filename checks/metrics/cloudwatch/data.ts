import {
  CloudWatchClient,
  GetMetricDataCommand,
  type GetMetricDataCommandOutput,
  type MetricDataQuery,
} from "@aws-sdk/client-cloudwatch";
import { type Grid } from "../../../migration/metrics/grid";
import { awsCouldNotLook, clientOptions } from "../../clients/aws";
import { CouldNotLook } from "../../result";

/** GetMetricData, read as strictly as a verdict deserves. */

export interface MetricQuery {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** `Sum`, `Average`, `Maximum`, or a count in a range: `TC(0.1:0.2)`. */
  readonly stat: string;
}

/** Queries, values and pages of one call that AWS allows (API reference of GetMetricData). */
const MAX_QUERIES = 500;
const MAX_DATAPOINTS = 100_000;
const MAX_PAGES = 40;
/** Attempts of one call: it is throttled at 50 a second, for the whole account. */
const ATTEMPTS = 5;

const CALL = "cloudwatch:GetMetricData";

export interface CloudWatchOptions {
  readonly region: string;
  /** How far AWS's clock may be from this machine's. */
  readonly clockSkewSeconds: number;
  readonly signal: AbortSignal;
}

export class CloudWatchData {
  private readonly client: CloudWatchClient;

  constructor(private readonly options: CloudWatchOptions) {
    this.client = new CloudWatchClient({ ...clientOptions(options.region), maxAttempts: ATTEMPTS });
    this.client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        this.compareClocks(result.response);
        return result;
      },
      { step: "deserialize", name: "compareClocks" },
    );
  }

  /** Values of each query in each interval of the grid, NaN where there is none. @throws CouldNotLook */
  async values(queries: readonly MetricQuery[], grid: Grid): Promise<readonly Float64Array[]> {
    const values = queries.map(() => new Float64Array(grid.count).fill(Number.NaN));
    if (grid.count <= 0) return values;
    const parts = Array.from({ length: Math.ceil(queries.length / MAX_QUERIES) }, (_, part) => part * MAX_QUERIES);
    await Promise.all(
      parts.map((first) => this.part(queries.slice(first, first + MAX_QUERIES), grid, values.slice(first))),
    );
    return values;
  }

  private async part(queries: readonly MetricQuery[], grid: Grid, into: readonly Float64Array[]): Promise<void> {
    const asked = queries.map((query, index) => queryOf(query, index, grid));
    const status = new Map<string, string>();
    let token: string | undefined;
    for (let page = 0; ; page += 1) {
      const answer = await this.ask(asked, grid, token);
      for (const message of answer.Messages ?? []) {
        throw partial(CALL, `${message.Code ?? "a message"}: ${message.Value ?? ""}`);
      }
      for (const { Id = "", StatusCode = "missing", Timestamps = [], Values = [] } of answer.MetricDataResults ?? []) {
        const index = Number(Id.slice(1));
        const [query, target] = [queries[index], into[index]];
        if (query === undefined || target === undefined) throw partial(CALL, `a result ${Id} that was not asked for`);
        status.set(Id, StatusCode);
        place(target, Timestamps, Values, grid, describe(query));
      }
      token = answer.NextToken;
      if (token === undefined || token === "") break;
      if (page + 1 >= MAX_PAGES) throw partial(CALL, `more than ${MAX_PAGES} pages`);
    }
    for (const [index, query] of queries.entries()) {
      const state = status.get(`q${index}`);
      if (state !== "Complete") throw partial(describe(query), `its status is ${state ?? "missing"}`);
    }
  }

  private async ask(
    queries: MetricDataQuery[],
    grid: Grid,
    token: string | undefined,
  ): Promise<GetMetricDataCommandOutput> {
    try {
      return await this.client.send(
        new GetMetricDataCommand({
          MetricDataQueries: queries,
          StartTime: new Date(grid.fromMs),
          EndTime: new Date(grid.fromMs + grid.count * grid.periodMs),
          ScanBy: "TimestampAscending",
          MaxDatapoints: MAX_DATAPOINTS,
          ...(token !== undefined && { NextToken: token }),
        }),
        { abortSignal: this.options.signal },
      );
    } catch (error) {
      throw awsCouldNotLook(error, CALL, "CloudWatch");
    }
  }

  private compareClocks(response: unknown): void {
    const headers = (response as { readonly headers?: Readonly<Record<string, string>> } | undefined)?.headers;
    const date = Date.parse(headers?.["date"] ?? "");
    const { clockSkewSeconds } = this.options;
    if (Number.isNaN(date)) {
      throw new CouldNotLook(
        "CloudWatch",
        "the answer has no header Date: its clock is not known",
        "ask AWS itself, or let the proxy in front of it keep the header Date",
      );
    }
    // Whole seconds, cut off; the answer may have been under way for as long.
    const skew = Math.abs(Date.now() - date) / 1000 - 1;
    if (skew <= clockSkewSeconds) return;
    throw new CouldNotLook(
      "CloudWatch",
      `its clock is ${Math.round(skew)} s from this machine's (limit ${clockSkewSeconds} s): nothing tells how old its counts are`,
      "synchronize this machine's clock (chronyc tracking, timedatectl), then run again",
    );
  }
}

function queryOf({ namespace, metric, dimensions, stat }: MetricQuery, index: number, grid: Grid): MetricDataQuery {
  return {
    Id: `q${index}`,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: metric,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Period: grid.periodMs / 1000,
      Stat: stat,
    },
    ReturnData: true,
  };
}

/** CloudWatch names an interval by its begin. */
function place(
  target: Float64Array,
  times: readonly Date[],
  values: readonly number[],
  grid: Grid,
  subject: string,
): void {
  if (times.length !== values.length) throw partial(subject, `${times.length} times and ${values.length} values`);
  for (const [at, time] of times.entries()) {
    const index = (time.getTime() - grid.fromMs) / grid.periodMs;
    if (!Number.isInteger(index) || index < 0 || index >= grid.count) {
      throw partial(subject, `a value for ${time.toISOString()}, which was not asked for`);
    }
    if (!Number.isNaN(target[index] ?? Number.NaN)) throw partial(subject, `a second value for ${time.toISOString()}`);
    target[index] = values[at] ?? Number.NaN;
  }
}

export function describe({ namespace, metric, dimensions, stat }: MetricQuery): string {
  return `${namespace} ${metric} ${stat} of ${Object.values(dimensions).join(", ")}`;
}

function partial(subject: string, seen: string): CouldNotLook {
  return new CouldNotLook(
    subject,
    `a partial answer: ${seen}`,
    "run again in a minute; look at AWS Health if it stays",
  );
}
