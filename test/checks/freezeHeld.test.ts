import assert from "node:assert/strict";
import { Systems, type GateContext, type Move } from "../../checks/context";
import { checkFreeze, freezeHeld, recordedFingerprint } from "../../checks/freezeHeld";
import { type CheckResult } from "../../checks/result";
import { type MigrationScope } from "../../migration/gateRequest";
import { appendEntry, EMPTY_RECORD, type ConfigurationDigest, type MigrationRecord } from "../../migration/record";
import { AwsFake, type FakeRule } from "./support/awsFake";
import { KubernetesFake } from "./support/kubernetesFake";
import { autoscaler, deployment, pod } from "./support/objects";
import { TestServer } from "./support/postgres";
import { findingOn, GROUP_A, SCOPE } from "./support/scope";

const SCHEMA = `
  create table route (id text primary key, spec text);
  insert into route values ('r1', 'a'), ('r2', 'b');
  create table service (id text primary key);
  insert into service values ('s1');
  create table audit_log (id bigserial primary key, text text);
  create table gateway_instance (id text primary key, hostname text, last_heartbeat_time timestamptz)`;

const ENTRY = {
  at: "2026-03-01T08:00:00.000Z",
  stage: "restore",
  from: "freeze",
  kind: "up",
  weightB: 0,
  by: "x",
  commit: "-",
  copy: 1,
  checks: [],
} as const;

describe("check: freeze held", () => {
  let server: TestServer;
  let fake: KubernetesFake;

  before(async () => {
    server = await TestServer.start("127.241.4.1");
  });
  after(() => server.stop());
  beforeEach(async () => {
    await server.fresh(SCHEMA);
    fake = await KubernetesFake.start("api7");
    closed("dashboard", 0);
    size(2, 2);
    fake.add("autoscaling/v2", "horizontalpodautoscalers", autoscaler("gateway-a", 2));
  });
  afterEach(() => fake.stop());

  function closed(component: string, replicas: number): void {
    const name = `api7ee3-${component}`;
    fake.add("apps/v1", "deployments", deployment({ name, app: name, image: "x", replicas }));
  }

  function size(replicas: number, ready: number): void {
    fake.add(
      "apps/v1",
      "deployments",
      deployment({ name: "gateway-a", app: "gateway-a", image: "x", replicas, ready }),
    );
  }

  function scopeOf(more: Partial<MigrationScope> = {}): MigrationScope {
    return { ...SCOPE, clusterA: { ...SCOPE.clusterA, kubeconfig: fake.kubeconfig }, ...more };
  }

  function context(move: Partial<Move>, record: MigrationRecord, scope: MigrationScope): GateContext {
    const { signal } = new AbortController();
    return {
      scope,
      signal,
      systems: new Systems(scope, signal, {
        MIGRATION_DATABASE_A_DSN: server.dsn("a"),
        MIGRATION_DATABASE_B_DSN: server.dsn("b"),
      }),
      move: { from: "restore", to: "start", kind: "up", copiesAnew: false, mode: "record", liveWeightsB: [0], ...move },
      record,
      soakHours: 1,
      standbyHours: 1,
      calendar: { blackouts: [] },
      now: new Date(),
      verifiedAt: undefined,
    };
  }

  function recorded(configurationA?: ConfigurationDigest): MigrationRecord {
    const digests = configurationA && { configurationA };
    return appendEntry(EMPTY_RECORD, { ...ENTRY, digests }).record;
  }

  /** The fingerprint as entering `restore` records it. */
  async function fingerprint(scope = scopeOf()): Promise<ConfigurationDigest> {
    const result = await freezeHeld.run(context({ from: "freeze", to: "restore" }, EMPTY_RECORD, scope));
    assert.deepEqual(result.findings, []);
    return recordedFingerprint(result) ?? assert.fail("no fingerprint");
  }

  async function check(record: MigrationRecord, scope = scopeOf()): Promise<CheckResult> {
    return freezeHeld.run(context({}, record, scope));
  }

  it("takes the fingerprint when restore is entered, and holds while A stays as it was", async () => {
    const taken = await fingerprint();
    assert.deepEqual(Object.keys(taken).sort(), ["*", "public.route", "public.service"]);
    await server.run(
      "a",
      "insert into audit_log (text) values ('x')",
      "insert into gateway_instance values ('i', 'h', now())",
    );
    const result = await check(recorded(taken));
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
  });

  it("names each table that moved", async () => {
    const record = recorded(await fingerprint());
    await server.run("a", "update route set spec = 'c' where id = 'r1'");
    const finding = findingOn(await check(record), "table public.route of A");
    assert.match(finding.seen, /moved since the freeze; 2 rows/);
    assert.match(finding.remedy, /databaseB\.copy/);
    await server.run("a", "insert into service values ('s2')", "create table added (id int)");
    assert.deepEqual(
      (await check(record)).findings.map(({ subject }) => subject),
      ["table public.added of A", "table public.route of A", "table public.service of A"],
    );
  });

  it("names a changed column", async () => {
    const record = recorded(await fingerprint());
    await server.run("a", "alter table service add column note text");
    findingOn(await check(record), "public.service");
  });

  it("leaves out what the settings declare", async () => {
    const scope = scopeOf({ volatile: [{ table: "service", reason: "the portal stays open" }] });
    const record = recorded(await fingerprint(scope));
    await server.run("a", "insert into service values ('s2')");
    assert.deepEqual((await check(record, scope)).findings, []);
  });

  it("knows nothing without a recorded fingerprint: the present one proves nothing", async () => {
    const result = await check(recorded());
    assert.equal(result.verdict, "unknown");
    assert.match(findingOn(result, "configuration of A").seen, /holds no fingerprint/);
  });

  const cluster: readonly (readonly [string, () => void, string, RegExp, boolean])[] = [
    ["a dashboard that was scaled up again", () => closed("dashboard", 1), "Deployment api7ee3-dashboard", /1 replicas wanted/, false],
    ["a portal that was left open", () => closed("developer-portal", 1), "Deployment api7ee3-developer-portal", /1 replicas wanted/, false],
    ["a dashboard's pod that is still ending", () => fake.add("v1", "pods", pod({ name: "api7ee3-dashboard-x", app: "api7ee3-dashboard", image: "x", ip: "10.1.0.1", deleting: true })), "Deployment api7ee3-dashboard", /0 replicas wanted, 1 pods/, true],
    ["a missing dashboard", () => void fake.objects.delete("apps/v1/deployments/api7ee3-dashboard"), "Deployment api7ee3-dashboard", /none/, false],
    ["a data plane that was made smaller", () => size(1, 1), "Deployment gateway-a", /1 replicas wanted, 1 ready/, false],
    ["a data plane that is not wholly ready", () => size(2, 1), "Deployment gateway-a", /2 replicas wanted, 1 ready/, true],
    ["a missing data plane", () => void fake.objects.delete("apps/v1/deployments/gateway-a"), "Deployment gateway-a", /none/, false],
    ["an autoscaler that may shrink A", () => fake.add("autoscaling/v2", "horizontalpodautoscalers", autoscaler("gateway-a", 1)), "HorizontalPodAutoscaler", /minReplicas 1/, false],
    ["a missing autoscaler", () => void fake.objects.delete("autoscaling/v2/horizontalpodautoscalers/gateway-a"), "HorizontalPodAutoscaler", /none/, false],
  ]; // prettier-ignore
  for (const [what, arrange, subject, seen, transient] of cluster) {
    it(`refuses ${what}`, async () => {
      const record = recorded(await fingerprint());
      arrange();
      const result = await check(record);
      assert.equal(result.verdict, "fails");
      const finding = findingOn(result, subject);
      assert.match(finding.seen, seen);
      assert.equal(finding.transient ?? false, transient);
    });
  }

  it("lets A be larger than recorded", async () => {
    size(5, 4);
    fake.add("autoscaling/v2", "horizontalpodautoscalers", autoscaler("gateway-a", 4));
    assert.deepEqual((await check(recorded(await fingerprint()))).findings, []);
  });

  it("mode announced: an open dashboard is no finding, A's size and configuration are", async () => {
    closed("dashboard", 2);
    const scope = scopeOf({ freezeMode: "announced" });
    const record = recorded(await fingerprint(scope));
    assert.deepEqual((await check(record, scope)).findings, []);
    size(1, 1);
    await server.run("a", "delete from service");
    assert.equal((await check(record, scope)).findings.length, 2);
  });

  describe("mode writes-only", () => {
    const LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/admin/1/2";
    const DASHBOARD = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/admin/3";
    const WRITES = ["POST", "PUT", "PATCH", "DELETE"];
    const toDashboard = [{ type: "forward", plainTargetGroup: DASHBOARD }];
    const refuse: FakeRule = { priority: 11, methods: WRITES, actions: [{ type: "fixed-response", status: "503" }] };
    const login: FakeRule = { priority: 10, actions: toDashboard };
    let aws: AwsFake;

    beforeEach(async () => {
      aws = await AwsFake.start();
      closed("dashboard", 2);
    });
    afterEach(() => aws.stop());

    async function checkWith(rules: readonly FakeRule[]): Promise<CheckResult> {
      const scope = scopeOf({
        freezeMode: "writes-only",
        writesRefused: { listenerArn: LISTENER, priority: 11, targetGroupArn: DASHBOARD },
      });
      const hold = (held: readonly FakeRule[]): void => {
        const listeners = [{ arn: LISTENER, port: 443, rules: held }];
        aws.world.loadBalancers = [{ name: "admin", arn: "arn:lb", listeners }];
      };
      hold([login, refuse]);
      const record = recorded(await fingerprint(scope));
      hold(rules);
      return check(record, scope);
    }

    it("an open dashboard is no finding where its load balancer refuses writes", async () => {
      const other: FakeRule = { priority: 5, actions: [{ type: "forward", plainTargetGroup: GROUP_A }] };
      const readers: FakeRule = { priority: 6, methods: ["GET"], actions: toDashboard };
      assert.deepEqual((await checkWith([login, refuse, other, readers])).findings, []);
    });

    const open: readonly (readonly [string, readonly FakeRule[], RegExp])[] = [
      ["there is no such rule", [login], /^there is none$/],
      ["it forwards", [login, { ...refuse, actions: toDashboard }], /forward arn:/],
      ["it forgets a method", [login, { ...refuse, methods: ["POST", "PUT", "PATCH"] }], /POST, PUT, PATCH: fixed/],
      ["another is asked first", [{ priority: 4, actions: toDashboard }, login, refuse], /asked before the rule/],
    ];
    for (const [title, rules, seen] of open) {
      it(`A takes writes: ${title}`, async () => {
        const result = await checkWith(rules);
        assert.equal(result.verdict, "fails");
        assert.match(findingOn(result, LISTENER).seen, seen);
      });
    }

    it("could not look when AWS does not answer", async () => {
      const scope = scopeOf({
        freezeMode: "writes-only",
        writesRefused: { listenerArn: LISTENER, priority: 11, targetGroupArn: DASHBOARD },
      });
      aws.fault = () => ({
        status: 403,
        body: "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
      });
      assert.equal((await check(recorded(), scope)).verdict, "unknown");
    });
  });

  it("knows nothing of a dead cluster A, and still compares the configuration", async () => {
    const record = recorded(await fingerprint());
    await fake.die();
    assert.equal((await check(record)).verdict, "unknown");
    await server.run("a", "delete from service");
    assert.equal((await check(record)).verdict, "fails");
  });

  it("applies from restore to decommission, and to nothing else", () => {
    const move = (from: Move["from"], to: Move["to"]): boolean =>
      freezeHeld.appliesTo(context({ from, to }, EMPTY_RECORD, SCOPE).move);
    for (const to of ["restore", "start", "traffic-5", "traffic-100", "complete", "decommission"] as const)
      assert.ok(move("freeze", to), to);
    for (const to of ["prepare", "freeze", "abandon"] as const) assert.ok(!move(undefined, to), to);
    assert.ok(!move("decommission", "decommission"));
  });

  /** A record whose fingerprint has its rows in an evidence file. */
  async function withRows(): Promise<{ record: MigrationRecord; readEvidence: (digest: string) => Promise<string> }> {
    const now = new Date(ENTRY.at);
    const look = { ...context({ from: "freeze", to: "restore" }, EMPTY_RECORD, scopeOf()), now };
    const result = await freezeHeld.run(look);
    const content = JSON.stringify({ results: [result] });
    const entry = { ...ENTRY, digests: { configurationA: recordedFingerprint(result) }, evidence: "a".repeat(64) };
    return { record: appendEntry(EMPTY_RECORD, entry).record, readEvidence: () => Promise.resolve(content) };
  }

  it("names each row by its key, what became of it, and when it was written", async () => {
    await server.run("a", "alter table route add column updated_at timestamptz default '2026-01-01Z'");
    const { record, readEvidence } = await withRows();
    await server.run("a", "update route set spec = 'c', updated_at = '2026-03-01 09:00Z' where id = 'r1'");
    await server.run("a", "update route set spec = 'd' where id = 'r2'");
    await server.run("a", "insert into route values ('r3', 'n', '2026-03-01 09:30Z')", "delete from service");
    const look = { ...context({}, record, scopeOf()), readEvidence };
    const result = await freezeHeld.run(look);
    const route = findingOn(result, "table public.route of A").seen;
    assert.match(route, /public\.route r1 changed \(written 2026-03-01T09:00:00\.000Z\)/);
    assert.match(route, /public\.route r2 changed \(its own time of writing did not move: 2026-01-01T/);
    assert.match(route, /public\.route r3 added \(written 2026-03-01T09:30:00\.000Z\)/);
    assert.match(route, /last seen as recorded at 2026-03-01T08:00:00\.000Z/);
    // Without a B its name is not to be had any more.
    assert.match(
      findingOn(result, "table public.service of A").seen,
      /a row that is gone; its key has the hash [0-9a-f]{12}\) gone/,
    );
    assert.deepEqual(result.evidence["changedRows"], 4);
  });

  it("names a row that is gone by what B still has", async () => {
    const { record, readEvidence } = await withRows();
    await server.run("a", "delete from service");
    const databaseB = { ...SCOPE.databaseB, instanceIdentifier: undefined };
    const look = { ...context({}, record, scopeOf({ databaseB })), readEvidence };
    assert.match(findingOn(await freezeHeld.run(look), "table public.service of A").seen, /public\.service s1 gone/);
  });

  it("as a command with the record: what moved since, whoever asks", async () => {
    const { record, readEvidence } = await withRows();
    assert.deepEqual((await checkFreeze(context({}, record, scopeOf()), { record, readEvidence })).result.findings, []);
    await server.run("a", "update route set spec = 'c' where id = 'r1'");
    const { result } = await checkFreeze(context({}, record, scopeOf()), { record, readEvidence });
    assert.match(findingOn(result, "table public.route of A").seen, /public\.route r1 changed/);
  });

  it("as a command: what stage freeze had to achieve, with the fingerprint", async () => {
    const { result, fingerprint: taken } = await checkFreeze(context({}, EMPTY_RECORD, scopeOf()));
    assert.deepEqual(result.findings, []);
    assert.deepEqual(
      taken?.tables.map(({ table, rows }) => [table, rows]),
      [
        ["public.route", 2n],
        ["public.service", 1n],
      ],
    );
    closed("dashboard", 1);
    assert.equal((await checkFreeze(context({}, EMPTY_RECORD, scopeOf()))).result.verdict, "fails");
  });
});
