import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GateRequest } from "../../migration/gateRequest";
import {
  appendEntry,
  EMPTY_RECORD,
  lastEntry,
  parseRecord,
  renderRecord,
  type MigrationRecord,
} from "../../migration/record";
import { shapeOf } from "../../migration/stages";
import { AwsFake } from "./support/awsFake";
import { NO_INSPECTION } from "../../migration/inspection";
import { API_TOKEN, healthyClusterB, instances, LICENCE } from "./support/clusterB";
import { KubernetesFake } from "./support/kubernetesFake";
import { autoscaler, configMap, deployment, gatewayConfig, pod } from "./support/objects";
import { TestServer } from "./support/postgres";
import { GROUP_A, GROUP_B, REQUEST, SCOPE } from "./support/scope";

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function check(words: readonly string[], stdin = "", environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(process.execPath, ["--import", "tsx", "checks/cli.ts", ...words], {
    env: { ...process.env, ...environment },
  });
  const streams = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk: Buffer) => (streams[name] += chunk.toString("utf8")));
  child.stdin.end(stdin);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...streams })));
}

describe("check, as a command", function () {
  // Each command is a process of its own, on a computer that may have other work.
  this.timeout(90_000);
  let server: TestServer;
  let aws: AwsFake;
  let a: KubernetesFake;
  let b: KubernetesFake;
  let folder: string;

  before(async () => {
    server = await TestServer.start("127.241.5.1");
    aws = await AwsFake.start();
    a = await KubernetesFake.start("api7");
    b = await KubernetesFake.start("api7");
    folder = mkdtempSync(join(tmpdir(), "cli-"));
  });
  after(async () => {
    await Promise.all([server.stop(), aws.stop(), a.stop(), b.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await server.fresh(`
      create table route (id text primary key, spec text);
      insert into route values ('r1', 'a');
      create table gateway_instance (id text primary key, hostname text, last_heartbeat_time timestamptz)`);
    healthyClusterB(b);
    a.add("apps/v1", "deployments", deployment({ name: "api7ee3-dashboard", app: "d", image: "x", replicas: 0 }));
    clusterA();
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    aws.world.targets.set(
      GROUP_B,
      [1, 2].map((n) => ({ id: `10.2.0.${n}`, port: 9080, state: "healthy" })),
    );
    aws.world.instances.set("api7-test-b-1", { host: server.server.address, port: 5432, status: "available" });
    live(0);
  });

  function live(weightB: number): void {
    const targetGroups = [
      { arn: GROUP_A, weight: 100 - weightB },
      { arn: GROUP_B, weight: weightB },
    ];
    const rules = [{ priority: "default", actions: [{ type: "forward", targetGroups }] }] as const;
    aws.world.loadBalancers = [{ name: "api7-test", arn: "arn:lb", listeners: [{ arn: "arn:l", port: 443, rules }] }];
  }

  /** A as its owners run it: gateways like B's, a DP Manager that is closed to B, and an API that answers. */
  function clusterA(): void {
    const image = "api7/api7-ee-3-gateway:3.9.18";
    const env = [{ name: "API7_GATEWAY_GROUP_SHORT_ID", value: "default" }];
    const gateway = { app: "gateway-a", image, env };
    a.add("apps/v1", "deployments", deployment({ ...gateway, name: "gateway-a", replicas: 2, configMap: "gateway-a" }));
    a.add("v1", "configmaps", configMap("gateway-a", { "config.yaml": gatewayConfig(["https://a:7943"]) }));
    a.add("v1", "pods", pod({ ...gateway, name: "gateway-a-1", ip: "10.1.0.1" }));
    const manager = { name: "api7ee3-dp-manager", app: "dp-manager", image: "api7/api7-ee-dp-manager:v3.9.18" };
    a.add("apps/v1", "deployments", deployment({ ...manager, replicas: 1 }));
    a.add("v1", "pods", pod({ ...manager, name: "api7ee3-dp-manager-1", ip: "127.241.5.9" }));
    const pinned = autoscaler("gateway-a", 2) as unknown as { metadata: { name: string }; spec: object };
    a.add("autoscaling/v2", "horizontalpodautoscalers", {
      ...pinned,
      spec: { ...pinned.spec, scaleTargetRef: { kind: "Deployment", name: "gateway-a" } },
    } as never);
    a.proxied.set("services/https:api7ee3-dashboard:7443", ({ path }) => {
      if (path === "/api/version") return { body: '{"value":"v3.9.18"}' };
      if (path === "/api/license") return { body: JSON.stringify({ value: LICENCE }) };
      if (path === "/api/gateway_groups") return { body: '{"list":[{"id":"g-1","short_id":"default"}],"total":1}' };
      return instances([{ hostname: "gateway-a-1" }]);
    });
  }

  function scope(): GateRequest["scope"] {
    return {
      ...SCOPE,
      clusterA: { ...SCOPE.clusterA, kubeconfig: a.kubeconfig },
      clusterB: { ...SCOPE.clusterB, kubeconfig: b.kubeconfig },
      databaseB: { ...SCOPE.databaseB, database: "b" },
    };
  }

  const secrets = (): NodeJS.ProcessEnv => ({
    MIGRATION_DATABASE_A_DSN: server.dsn("a"),
    MIGRATION_DATABASE_B_PASSWORD: "pw",
    MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN,
  });

  function request(stage: GateRequest["stage"]): string {
    const prerequisites = {
      engineVersion: "15.8",
      databaseSubnetIds: [],
      loadBalancerSubnetIds: [],
      charts: [],
      deploymentsA: [],
      autoscalersA: [{ name: "gateway-a", minimum: 2 }],
    };
    const inspection = { ...NO_INSPECTION, prerequisites, connectionsB: { needed: 60 } };
    return JSON.stringify({ ...REQUEST, scope: scope(), stage, recordFolder: folder, inspection });
  }

  const json = (text: string): Readonly<Record<string, unknown>> =>
    JSON.parse(text) as Readonly<Record<string, unknown>>;

  it("databases: 0 and a summary for equal ones, 1 and the findings for others, 2 for what cannot be reached", async () => {
    const environment = { MIGRATION_DATABASE_A_DSN: server.dsn("a"), MIGRATION_DATABASE_B_DSN: server.dsn("b") };
    const equal = await check(["databases"], "", environment);
    assert.equal(equal.code, 0, equal.stderr);
    const summary = json(equal.stdout);
    assert.deepEqual([summary["tables"], summary["rows"], summary["equal"]], [2, 1, true]);
    assert.ok(typeof summary["seconds"] === "number" && typeof summary["digest"] === "string");

    await server.run("b", "update route set spec = 'b'");
    const different = await check(["databases", "--a", server.dsn("a"), "--b", server.dsn("b")]);
    assert.deepEqual([different.code, different.stdout], [1, ""]);
    assert.match(different.stderr, /table public\.route/);
    const asJson = await check(["databases", "--json"], "", environment);
    assert.equal(asJson.code, 1);
    assert.equal(json(asJson.stdout)["verdict"], "fails");

    const unreachable = await check(["databases", "--b", "postgres://u:hunter2@127.0.0.1:1/x"], "", environment);
    assert.equal(unreachable.code, 2);
    assert.match(unreachable.stderr, /COULD NOT LOOK {2}databases: database B/);
    assert.ok(!unreachable.stderr.includes("hunter2"));
    const without = await check(["databases"], "", { MIGRATION_DATABASE_A_DSN: server.dsn("a") });
    assert.equal(without.code, 2);
    assert.match(without.stderr, /--b DSN, or MIGRATION_DATABASE_B_DSN, or a scope on standard input/);
  });

  it("copy, freeze, health, pinning and live-weights: 0 and a summary when all is well", async () => {
    const stdin = JSON.stringify(scope());
    const [copy, freeze, health, pinning, weights] = await Promise.all([
      check(["copy"], stdin, secrets()),
      check(["freeze"], stdin, secrets()),
      check(["health"], stdin, secrets()),
      check(["pinning"], stdin, secrets()),
      check(["live-weights"], request("start"), secrets()),
    ]);
    for (const ran of [copy, freeze, health, pinning, weights]) assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(Object.keys(json(copy.stdout)).sort(), ["digest", "equal", "rows", "seconds", "tables"]);
    assert.deepEqual(
      { ...json(freeze.stdout), digest: "" },
      { mode: "scale-dashboard", tables: 1, rows: 1, digest: "" },
    );
    assert.deepEqual(json(health.stdout), { healthy: true, version: "3.9.18" });
    assert.deepEqual(json(pinning.stdout), { pinned: true, pods: ["gateway-default-1", "gateway-default-2"] });
    assert.deepEqual(json(weights.stdout), { weightB: 0 });
  });

  it("copy, freeze, health, pinning and live-weights: 1 and the finding when something is wrong", async () => {
    await server.run("b", "delete from route");
    await server.run("a", "insert into gateway_instance values ('i', 'gateway-default-1', now())");
    a.add("apps/v1", "deployments", deployment({ name: "gateway-a", app: "gateway-a", image: "x", replicas: 1 }));
    b.logs.set("gateway-default-1", "heartbeat failed\n");
    live(50);
    const stdin = JSON.stringify(scope());
    const rans = await Promise.all([
      check(["copy"], stdin, secrets()),
      check(["freeze"], stdin, secrets()),
      check(["health"], stdin, secrets()),
      check(["pinning"], stdin, secrets()),
      check(["live-weights", "--weight-b", "5"], stdin, secrets()),
    ]);
    assert.deepEqual(
      rans.map(({ code }) => code),
      [1, 1, 1, 1, 1],
    );
    assert.deepEqual(
      rans.map(({ stdout }) => stdout),
      ["", "", "", "", ""],
    );
    const seen = [/public\.route/, /Deployment gateway-a/, /heartbeat failed/, /database A lists it/, /B has 50 %/];
    for (const [index, text] of seen.entries()) assert.match(rans[index]?.stderr ?? "", text);
  });

  it("gate: reads the record from where Pulumi puts it, runs the real checks, and prints the whole record", async () => {
    const prepare = await check(["gate"], request("prepare"), secrets());
    assert.equal(prepare.code, 0, prepare.stderr);
    const freeze = await check(["gate"], request("freeze"), { ...secrets(), PULUMI_COMMAND_STDOUT: prepare.stdout });
    assert.equal(freeze.code, 0, freeze.stderr);
    const restore = await check(["gate"], request("restore"), { ...secrets(), PULUMI_COMMAND_STDOUT: freeze.stdout });
    assert.equal(restore.code, 0, restore.stderr);
    const start = await check(["gate"], request("start"), { ...secrets(), PULUMI_COMMAND_STDOUT: restore.stdout });
    assert.equal(start.code, 0, start.stderr);
    const record = parseRecord(start.stdout);
    assert.deepEqual(
      record.entries.map(({ stage }) => stage),
      ["prepare", "freeze", "restore", "start"],
    );
    assert.deepEqual(
      lastEntry(record)?.checks.map(({ name }) => name),
      ["window", "live weights", "freeze held", "copy proved", "connections", "still equal"],
    );
    assert.ok(record.entries[2]?.digests?.configurationA?.["public.route"]);
    assert.match(record.entries[3]?.digests?.copy ?? "", /^2:1:[0-9a-f]{12}$/);

    const traffic = await check(["gate"], request("traffic-5"), { ...secrets(), PULUMI_COMMAND_STDOUT: start.stdout });
    assert.equal(traffic.code, 0, traffic.stderr);
    const names = lastEntry(parseRecord(traffic.stdout))?.checks.map(({ name }) => name);
    for (const name of ["live weights", "freeze held", "health", "pinned", "parity", "dependencies", "licence"]) {
      assert.ok(names?.includes(name), name);
    }

    const verify = await check(["gate", "--verify"], request("traffic-25"), {
      ...secrets(),
      PULUMI_COMMAND_STDOUT: traffic.stdout,
    });
    assert.equal(verify.code, 1);
    assert.match(verify.stderr, /B has 0 %/);
    assert.equal(json(verify.stdout)["verdict"], "fails");
  });

  it("gate: a row that was changed in B holds start, naming the table", async () => {
    const restore = ["prepare", "freeze", "restore"] as const;
    let stdout = "";
    for (const stage of restore)
      ({ stdout } = await check(["gate"], request(stage), { ...secrets(), PULUMI_COMMAND_STDOUT: stdout }));
    await server.run("b", "update route set spec = 'changed'");
    const start = await check(["gate"], request("start"), { ...secrets(), PULUMI_COMMAND_STDOUT: stdout });
    assert.deepEqual([start.code, start.stdout], [1, ""]);
    assert.match(start.stderr, /copy proved: table public\.route/);
    assert.match(start.stderr, /r1 \(changed\)/);
  });

  it("gate: a rollback is recorded with everything dead, within seconds, from a record near its limit", async () => {
    let record: MigrationRecord = EMPTY_RECORD;
    for (const stage of ["prepare", "freeze", "restore", "start"] as const) record = grown(record, stage);
    while (renderRecord(record).length < 62_000) record = grown(record, "traffic-5");
    const begin = Date.now();
    const ran = await check(["gate"], JSON.stringify({ ...REQUEST, stage: "rollback", recordFolder: folder }), {
      PULUMI_COMMAND_STDOUT: renderRecord(record),
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    });
    assert.equal(ran.code, 0, ran.stderr);
    assert.ok(Date.now() - begin < 10_000);
    const read = parseRecord(ran.stdout);
    assert.equal(lastEntry(read)?.stage, "rollback");
    assert.equal(read.entries.length, record.entries.length + 1);
  });

  function grown(
    record: MigrationRecord,
    stage: "prepare" | "freeze" | "restore" | "start" | "traffic-5",
  ): MigrationRecord {
    const entry = {
      at: "2026-03-01T00:00:00.000Z",
      stage,
      from: null,
      kind: "up",
      weightB: shapeOf(stage).weightB,
      by: "x".repeat(200),
      commit: "c",
      copy: 1,
      checks: [],
    } as const;
    return appendEntry(record, entry).record;
  }

  const wrong: readonly (readonly [readonly string[], string, RegExp])[] = [
    [[], "", /Usage/],
    [["nonsense"], "", /unknown command 'nonsense'/],
    [["gate", "--very"], "", /unknown option '--very'/],
    [["copy"], "{}", /Expected: a migration scope/],
    [["gate"], "", /Expected: a gate request/],
    [["health", "--wait-seconds", "soon"], "", /0 to 3600 seconds/],
    [["live-weights"], JSON.stringify(SCOPE), /--weight-b N, or a whole gate request/],
  ];
  for (const [words, stdin, text] of wrong) {
    it(`${words.join(" ") || "(nothing)"}: exit code 2, with what was expected`, async () => {
      const ran = await check(words, stdin);
      assert.deepEqual([ran.code, ran.stdout], [2, ""]);
      assert.match(ran.stderr, text);
    });
  }

  it("--help: exit code 0", async () => {
    const ran = await check(["--help"]);
    assert.equal(ran.code, 0);
    for (const name of ["gate", "databases", "copy", "freeze", "health", "pinning", "live-weights"])
      assert.match(ran.stdout, new RegExp(`\\b${name}\\b`));
  });
});
