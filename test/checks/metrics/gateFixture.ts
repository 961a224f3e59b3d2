import { Systems, type GateCheck, type GateContext, type Move } from "../../../checks/context";
import { type CheckResult } from "../../../checks/result";
import { type MetricsRequest } from "../../../migration/metrics/metricsRequest";
import { judge as judgeSchema } from "../../../migration/settings/judgeSchema";
import { metrics as metricsSchema } from "../../../migration/settings/metricsSchema";
import { recordOf } from "../../support/recordOf";
import { AwsFake } from "../support/awsFake";
import { PrometheusFake } from "../support/prometheusFake";
import { GROUP_B, SCOPE } from "../support/scope";

/** A gate at `traffic-5` with counts from a Prometheus of the test's own. */

const MINUTE_MS = 60_000;
/** The gate's time, on a whole interval. */
export const NOW = Math.floor(Date.now() / 15_000) * 15_000;

export function ago(minutes: number): number {
  return NOW - minutes * MINUTE_MS;
}

/** B's weight, when it has had 5 % for so many minutes. */
export function since(minutes: number): (atMs: number) => number {
  return (atMs) => (atMs > ago(minutes) ? 5 : 0);
}

export function run(check: GateCheck, context: GateContext): Promise<CheckResult> {
  return check.run(context);
}

export class GateFixture {
  private constructor(
    readonly fake: PrometheusFake,
    readonly aws: AwsFake,
  ) {}

  static async start(): Promise<GateFixture> {
    const [fake, aws] = await Promise.all([PrometheusFake.start(), AwsFake.start()]);
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    aws.world.targets.set(GROUP_B, [
      { id: "10.0.0.1", port: 9080, state: "healthy" },
      { id: "10.0.0.2", port: 9080, state: "unhealthy" },
    ]);
    return new GateFixture(fake, aws);
  }

  async stop(): Promise<void> {
    await Promise.all([this.fake.stop(), this.aws.stop()]);
  }

  request(source?: unknown, limits: unknown = {}): MetricsRequest {
    const { url } = this.fake;
    return {
      source: metricsSchema.unwrap().parse(
        source ?? {
          source: "prometheus",
          delaySeconds: 0,
          a: { url, selector: 'cluster="a"', gateways: 'job="gateways"' },
          b: { url: `${url}/`, selector: 'cluster="b"', gateways: 'job="gateways"' },
        },
      ),
      judge: judgeSchema.parse(limits),
      gatewaysB: { cpuCores: 2, memoryBytes: 2 ** 30 },
      databaseConnections: 300,
    };
  }

  /** The usual source with something changed. */
  with(changes: Readonly<Record<string, unknown>>): MetricsRequest {
    return this.request({ ...(this.request().source as object), ...changes });
  }

  context(more: Partial<GateContext> = {}): GateContext {
    const { signal } = new AbortController();
    const move: Move = {
      from: "traffic-5",
      to: "traffic-25",
      kind: "up",
      copiesAnew: false,
      mode: "record",
      liveWeightsB: [5],
    };
    return {
      scope: SCOPE,
      signal,
      systems: new Systems(SCOPE, signal, {}),
      move,
      record: recordOf(["start", ago(120)], ["traffic-5", ago(35)]),
      soakHours: 24,
      standbyHours: 72,
      calendar: { blackouts: [] },
      now: new Date(NOW),
      verifiedAt: undefined,
      metrics: this.request(),
      trafficSteps: [5, 25, 50, 75, 100],
      ...more,
    };
  }
}
