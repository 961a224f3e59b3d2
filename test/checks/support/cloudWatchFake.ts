import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";

/** CloudWatch's GetMetricData in AWS JSON 1.0, over values that a test gives it; with pages, and throttled when asked. */

interface Request {
  readonly StartTime: number;
  readonly EndTime: number;
  readonly NextToken?: string;
  readonly MetricDataQueries: readonly {
    readonly Id: string;
    readonly MetricStat: {
      readonly Metric: {
        readonly Namespace: string;
        readonly MetricName: string;
        readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
      };
      readonly Period: number;
      readonly Stat: string;
    };
  }[];
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

export class CloudWatchFake {
  /** `METRIC STAT DIMENSION,DIMENSION` -> begin of the minute in seconds -> value. */
  readonly values = new Map<string, Map<number, number>>();
  /** Values of one page at most. */
  pageSize = Number.POSITIVE_INFINITY;
  /** So many calls are throttled first. */
  throttled = 0;
  fault: ((request: Request) => Answer | undefined) | undefined;
  readonly requests: Request[] = [];
  private readonly server: Server;
  private readonly environment = new Map<string, string | undefined>();

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const target = request.headers["x-amz-target"];
        const answer =
          target === "GraniteServiceVersion20100801.GetMetricData"
            ? this.answer(JSON.parse(Buffer.concat(chunks).toString("utf8")) as Request)
            : refused("UnknownOperationException", `no operation ${String(target)}`);
        for (const [name, value] of Object.entries(answer.headers ?? {})) {
          if (value === undefined) response.sendDate = false;
          else response.setHeader(name, value);
        }
        response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" });
        response.end(JSON.stringify(answer.body));
      });
    });
  }

  /** Starts it, and points the CloudWatch client of this process at it. */
  static async start(): Promise<CloudWatchFake> {
    const fake = new CloudWatchFake();
    await new Promise<void>((resolve) => fake.server.listen(0, "127.0.0.1", resolve));
    const settings = {
      AWS_ENDPOINT_URL_CLOUDWATCH: `http://127.0.0.1:${(fake.server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    };
    for (const [name, value] of Object.entries(settings)) {
      fake.environment.set(name, process.env[name]);
      process.env[name] = value;
    }
    return fake;
  }

  async stop(): Promise<void> {
    for (const [name, value] of this.environment) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  set(metric: string, stat: string, dimensions: string, atMs: number, value: number): void {
    const key = `${metric} ${stat} ${dimensions}`;
    const values = this.values.get(key) ?? new Map<number, number>();
    this.values.set(key, values.set(atMs / 1000, value));
  }

  private answer(request: Request): Answer {
    this.requests.push(request);
    if (this.throttled > 0) {
      this.throttled -= 1;
      return refused("ThrottlingException", "Rate exceeded");
    }
    const fault = this.fault?.(request);
    if (fault !== undefined) return fault;
    const all = request.MetricDataQueries.flatMap(({ Id, MetricStat: { Metric, Period, Stat } }) => {
      const dimensions = Metric.Dimensions.map(({ Value }) => Value).join(",");
      const minutes = this.values.get(`${Metric.MetricName} ${Stat} ${dimensions}`) ?? new Map<number, number>();
      const sums = new Map<number, number>();
      for (const [at, value] of minutes) {
        if (at < request.StartTime || at >= request.EndTime) continue;
        const begin = Math.floor(at / Period) * Period;
        const before = sums.get(begin);
        const added =
          Stat === "Sum" || Stat.startsWith("TC") ? (before ?? 0) + value : Math.max(before ?? value, value);
        sums.set(begin, added);
      }
      return [...sums].sort(([one], [other]) => one - other).map(([at, value]) => ({ Id, at, value }));
    });
    const first = Number(request.NextToken ?? 0);
    const page = all.slice(first, first + this.pageSize);
    const more = first + this.pageSize < all.length;
    const results = request.MetricDataQueries.map(({ Id }) => {
      const own = page.filter((entry) => entry.Id === Id);
      const left = all.slice(first + page.length).some((entry) => entry.Id === Id);
      return {
        Id,
        Label: Id,
        Timestamps: own.map(({ at }) => at),
        Values: own.map(({ value }) => value),
        StatusCode: left ? "PartialData" : "Complete",
      };
    });
    const body = {
      MetricDataResults: results,
      Messages: [],
      ...(more && { NextToken: String(first + this.pageSize) }),
    };
    return { status: 200, body };
  }
}

export function refused(type: string, message: string): Answer {
  return { status: 400, body: { __type: type, message } };
}
