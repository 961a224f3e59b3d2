import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { capacity } from "../../../checks/capacity";
import { Systems, type GateCheck, type GateContext } from "../../../checks/context";
import { judge } from "../../../checks/judge";
import { type CheckResult } from "../../../checks/result";
import { split } from "../../../checks/split";
import { appendEntry, EMPTY_RECORD, type MigrationRecord } from "../../../migration/record";
import { judge as judgeSchema } from "../../../migration/settings/judgeSchema";
import { metrics as metricsSchema } from "../../../migration/settings/metricsSchema";
import { shapeOf, type Stage } from "../../../migration/stages";
import { type World } from "../../../rehearsal/cloud";
import { Metrics } from "../../../rehearsal/cloud/gateways/gateway/metrics";
import { type CompiledRoute } from "../../../rehearsal/cloud/gateways/gateway/router";
import { MetricsServers } from "../../../rehearsal/cloud/metrics";
import { type TrafficSample } from "../../../rehearsal/cloud/traffic";
import { judgingSettings, scrapeSecondsOf, type Judging } from "../../../rehearsal/judging";
import { SCOPE } from "../../checks/support/scope";

/**
 * The gate's own checks on the stand-in servers: gateways' metrics as the stand-in gateways write them, scraped by the
 * stand-in Prometheus, judged with a rehearsal's limits. Requests are made up, at the pace of the clock.
 */

const NETWORK = "127.142";
const PATH = "/apisix/prometheus/metrics";
const PORT = 9091;
/** Of A and B together. */
const PER_SECOND = 200;
const TICK_MS = 100;
const SERVICES = [
  { name: "orders-core", share: 0.7 },
  { name: "payments-core", share: 0.3 },
] as const;
/** Until then a verdict has to be there; on a quiet computer it takes a tenth of it. */
const VERDICT_SECONDS = 150;

interface Fault {
  readonly errors: number;
  readonly extraMs: number;
  /** B's requests for each that its weight gives it. */
  readonly share: number;
}

const NO_FAULT: Fault = { errors: 0, extraMs: 0, share: 1 };

/** One gateway: its counters, and the exporter that tells them. */
class Gateway {
  readonly metrics = new Metrics();
  private readonly server: Server;

  constructor(
    readonly pod: string,
    readonly ip: string,
  ) {
    this.server = createServer((request, response) => {
      const text = this.metrics.render("apisix_", {
        instanceId: pod,
        gatewayGroupId: "default",
        hostname: pod,
        version: "3.9.18",
        etcdReachable: true,
        modifyIndexes: new Map(),
        connections: { active: 3, waiting: 1 },
      });
      response.writeHead(request.url === PATH ? 200 : 404).end(text);
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(PORT, this.ip, resolve));
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Requests, as many as there are whole ones. */
  serve(count: number, fault: Fault, random: () => number): void {
    for (let i = 0; i < count; i += 1) {
      const service = random() < SERVICES[0].share ? SERVICES[0] : SERVICES[1];
      const upstreamMs = -30 * Math.log(1 - random());
      this.metrics.record({
        route: {
          id: service.name,
          name: service.name,
          uri: "/*",
          serviceName: service.name,
          serviceId: service.name,
        } as CompiledRoute,
        host: "shop.example",
        status: random() < fault.errors ? 500 : 200,
        consumer: "",
        node: "10.0.0.1",
        requestMs: upstreamMs + 1 + fault.extraMs,
        upstreamMs,
        egressBytes: 100,
        ingressBytes: 0,
      });
    }
  }
}

describe("a rehearsal's traffic, judged by the gate's checks on the stand-in servers", function () {
  this.timeout(3 * VERDICT_SECONDS * 1000);
  const [dataPlane] = SCOPE.clusterB.dataPlanes;
  const gateways = {
    a: [new Gateway("gateway-a-1", `${NETWORK}.10.1`), new Gateway("gateway-a-2", `${NETWORK}.10.2`)],
    b: [1, 2].map((n) => new Gateway(`${dataPlane?.deployment ?? ""}-5d9-${n}`, `${NETWORK}.20.${n}`)),
  };
  const catalogue = SERVICES.map(({ name, share }): TrafficSample => {
    return { service: name, host: "shop.example", path: "/", headers: {}, weight: share, kind: "plain" };
  });
  let servers: MetricsServers;
  let timer: NodeJS.Timeout;
  let weightB = 0;
  let fault = NO_FAULT;
  let record: MigrationRecord = EMPTY_RECORD;

  before(async () => {
    servers = await MetricsServers.start({
      addresses: { a: `${NETWORK}.30.3`, b: `${NETWORK}.30.4` },
      periodMs: scrapeSecondsOf("wide") * 1000,
      exporter: { port: PORT, path: PATH },
    });
    for (const cluster of ["a", "b"] as const) {
      for (const gateway of gateways[cluster]) await gateway.open();
      const { namespace } = SCOPE.clusterB;
      await servers.usePods(
        cluster,
        gateways[cluster].map(({ pod, ip }) => ({ namespace, name: pod, ip })),
      );
    }
    let seed = 1;
    // A multiplicative generator: the same requests in every run, whatever their times.
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    let last = Date.now();
    const owed = [0, 0, 0, 0];
    timer = setInterval(() => {
      const now = Date.now();
      const requests = (PER_SECOND * (now - last)) / 1000;
      last = now;
      const ofB = (requests * weightB) / 100;
      for (const [index, gateway] of [...gateways.a, ...gateways.b].entries()) {
        const isB = index >= gateways.a.length;
        const sum = (owed[index] ?? 0) + (isB ? ofB * fault.share : requests - ofB) / 2;
        owed[index] = sum % 1;
        gateway.serve(Math.floor(sum), isB ? fault : NO_FAULT, random);
      }
    }, TICK_MS);
  });

  after(async () => {
    clearInterval(timer);
    await servers.stop();
    for (const gateway of [...gateways.a, ...gateways.b]) gateway.close();
  });

  afterEach(async () => {
    fault = NO_FAULT;
    await servers.useCost("b", 1);
    await servers.useFault("b", undefined);
  });

  function enter(stage: Stage, kind: "up" | "rollback" | "leave-rollback" = "up"): void {
    weightB = shapeOf(stage).weightB;
    record = appendEntry(record, {
      at: new Date().toISOString(),
      stage,
      from: null,
      kind,
      weightB,
      by: "x",
      commit: "-",
      copy: 1,
      checks: [],
    }).record;
  }

  async function ask(check: GateCheck, judging: Judging): Promise<CheckResult> {
    const world = {
      catalogue,
      services: SERVICES.map(({ name }) => name),
      metrics: { ...servers.urls, periodSeconds: scrapeSecondsOf(judging) },
    } as unknown as World;
    const { metrics, judge: limits } = judgingSettings(world, judging);
    const { signal } = new AbortController();
    return check.run({
      scope: SCOPE,
      signal,
      systems: new Systems(SCOPE, signal, {}),
      move: { from: "traffic-25", to: "traffic-50", kind: "up", copiesAnew: false, mode: "record", liveWeightsB: [25] },
      record,
      soakHours: 24,
      standbyHours: 72,
      calendar: { blackouts: [] },
      now: new Date(),
      verifiedAt: undefined,
      metrics: {
        source: metricsSchema.unwrap().parse(metrics),
        judge: judgeSchema.parse(limits),
        gatewaysB: { cpuCores: 1, memoryBytes: 2 ** 30 },
        databaseConnections: 300,
      },
      trafficSteps: [25, 50, 100],
    } satisfies GateContext);
  }

  async function until(
    check: GateCheck,
    judging: Judging,
    holds: (result: CheckResult) => boolean,
  ): Promise<CheckResult> {
    for (const end = Date.now() + VERDICT_SECONDS * 1000; ;) {
      const result = await ask(check, judging);
      if (holds(result)) return result;
      assert.ok(Date.now() < end, `not within ${VERDICT_SECONDS} s: ${JSON.stringify(result.findings)}`);
      await sleep(1000);
    }
  }
  const says =
    (verdict: "go" | "back") =>
    ({ evidence }: CheckResult): boolean =>
      evidence["judge"] === verdict;

  /** Back to A and up again: the evidence begins anew. */
  async function again(restMs = 3000): Promise<void> {
    enter("rollback", "rollback");
    await sleep(restMs);
    enter("traffic-25", "leave-rollback");
  }

  it("equal clusters: go, the share fits, and the capacity does", async () => {
    enter("start");
    await sleep(10_000);
    enter("traffic-25");
    await until(judge, "wide", says("go"));
    assert.equal((await until(split, "wide", ({ verdict }) => verdict === "holds")).evidence["weightB"], 25);
    const { evidence } = await until(capacity, "wide", ({ verdict }) => verdict === "holds");
    const [cpu] = evidence["projected"] as { expected: number }[];
    // 50 % of 200 requests/s at 0.25 ms, and two idle gateways at 0.02 of a core.
    assert.ok(Math.abs((cpu?.expected ?? 0) - 0.065) < 0.02, `${cpu?.expected ?? "?"} cores expected`);
  });

  it("metrics gone: nobody says go, and the server is named", async () => {
    await servers.useFault("b", { kind: "down" });
    const { verdict, findings } = await ask(judge, "wide");
    assert.equal(verdict, "unknown");
    assert.match(JSON.stringify(findings), /127\.142\.30\.4:9090/);
  });

  for (const kind of ["late", "zero"] as const) {
    it(`metrics ${kind}: never go`, async () => {
      await servers.useFault("b", kind === "late" ? { kind, seconds: 120 } : { kind });
      const { verdict, evidence } = await ask(judge, "wide");
      assert.notEqual(verdict, "holds");
      assert.notEqual(evidence["judge"], "go");
    });
  }

  it("B needs more than it has: the projection says so", async () => {
    // What a request costs shows by the time without any.
    await again(20_000);
    await servers.useCost("b", 300);
    const { findings } = await until(capacity, "impatient", ({ findings: found }) =>
      found.some(({ seen }) => /CPU.* of its limit expected/.test(seen)),
    );
    assert.match(JSON.stringify(findings), /allowed 75 %/);
  });

  const bad: readonly (readonly [string, Partial<Fault>, RegExp])[] = [
    ["5 % errors", { errors: 0.05 }, /back: .*errors: B/],
    ["200 ms slower", { extraMs: 200 }, /back: .*slower than \d+ ms/],
    ["far beyond its share", { share: 6 }, /back: .*share: B gets/],
  ];
  for (const [name, wrong, reason] of bad) {
    it(`${name}: back, with production's limits`, async () => {
      await again();
      fault = { ...NO_FAULT, ...wrong };
      const { findings } = await until(judge, "impatient", says("back"));
      assert.match(findings.map(({ seen }) => seen).join("; "), reason);
    });
  }
});
