import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GateCheck } from "../../../checks/context";
import { freezeHeld } from "../../../checks/freezeHeld";
import { runGate } from "../../../checks/gate";
import { type GateInput, type Outcome } from "../../../checks/gateInput";
import { stillEqual } from "../../../checks/stillEqual";
import { verifyGate } from "../../../checks/verify";
import { type GateRequest } from "../../../migration/gateRequest";
import { lastEntry, parseRecord, stateOf, type MigrationRecord } from "../../../migration/record";
import { AwsFake } from "../support/awsFake";
import { KubernetesFake } from "../support/kubernetesFake";
import { autoscaler, deployment } from "../support/objects";
import { REQUEST, SCOPE } from "../support/scope";
import { SeededPair } from "./seeded";

const BY = { by: "ada", reason: "the payment provider changes its address tonight" };
const CHANGE = `update upstream set nodes = '[{"host": "new.example", "port": 443}]' where name = 'payments-core-upstream'`;

/** A stand-in for the checks that look at other things: asked on the way, and not when an emergency change ends. */
const other: GateCheck = {
  name: "other",
  limitSeconds: 1,
  appliesTo: () => true,
  run: () => Promise.resolve({ check: "other", verdict: "holds", findings: [], notes: [], evidence: {} }),
};

describe("emergency change", function () {
  this.timeout(60_000);
  let pair: SeededPair;
  let folder: string;
  let aws: AwsFake;
  let kubernetes: KubernetesFake;
  let record: string;

  before(async () => {
    pair = await SeededPair.start("127.241.22.1");
  });
  after(() => pair.stop());
  beforeEach(async () => {
    await pair.copy();
    folder = mkdtempSync(join(tmpdir(), "emergency-"));
    aws = await AwsFake.start();
    kubernetes = await KubernetesFake.start("api7");
    dashboards(0);
    kubernetes.add(
      "apps/v1",
      "deployments",
      deployment({ name: "gateway-a", app: "gateway-a", image: "x", replicas: 2 }),
    );
    kubernetes.add("autoscaling/v2", "horizontalpodautoscalers", autoscaler("gateway-a", 2));
    record = "";
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all([aws.stop(), kubernetes.stop()]);
  });

  function dashboards(replicas: number): void {
    const name = "api7ee3-dashboard";
    kubernetes.add("apps/v1", "deployments", deployment({ name, app: name, image: "x", replicas }));
  }

  function input(stage: GateRequest["stage"], more: Partial<GateRequest>): GateInput {
    const databaseB = { ...SCOPE.databaseB, instanceIdentifier: undefined };
    const clusterA = { ...SCOPE.clusterA, kubeconfig: kubernetes.kubeconfig };
    const request: GateRequest = { ...REQUEST, scope: { ...SCOPE, clusterA, databaseB }, stage, ...more };
    return {
      stdin: JSON.stringify(request),
      previous: record,
      environment: { MIGRATION_DATABASE_A_DSN: pair.server.dsn("a"), MIGRATION_DATABASE_B_DSN: pair.server.dsn("b") },
      projectFolder: folder,
      checks: [other, freezeHeld, stillEqual],
      now: () => new Date(),
    };
  }

  async function enter(stage: GateRequest["stage"], more: Partial<GateRequest> = {}): Promise<Outcome> {
    const outcome = await runGate(input(stage, more));
    if (outcome.exitCode === 0) record = outcome.stdout;
    return outcome;
  }

  async function way(...stages: readonly GateRequest["stage"][]): Promise<void> {
    for (const stage of stages) {
      const { exitCode, stderr } = await enter(stage);
      assert.equal(exitCode, 0, `${stage}: ${stderr}`);
    }
  }

  const read = (): MigrationRecord => parseRecord(record);
  const whole = (digest: string | undefined): string =>
    readFileSync(join(folder, "record", "evidence", `${digest ?? ""}.json`), "utf8");

  it("opens, holds every move up, and closes when both sides are equal again", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5", "traffic-25");
    const before = stateOf(read());
    assert.ok(before?.baselineB?.evidence !== undefined && before.fingerprintA?.evidence !== undefined);

    assert.equal((await enter("traffic-25", { emergencyChange: BY })).exitCode, 0);
    assert.deepEqual(lastEntry(read())?.emergency, { state: "open", ...BY });
    assert.deepEqual(lastEntry(read())?.checks, [], "opening waits for nothing");
    dashboards(1);
    const held = await enter("traffic-50", { emergencyChange: BY });
    assert.equal(held.exitCode, 1);
    assert.match(held.stderr, /emergency change is open \(ada: the payment/);
    assert.match(held.stderr, /pulumi config rm emergencyChange/);
    assert.equal(
      (await verifyGate(input("traffic-25", { emergencyChange: BY }))).exitCode,
      1,
      "nor does a rule rise alone",
    );

    // Made on A alone, it cannot end.
    await pair.server.run("a", CHANGE);
    const unequal = await enter("traffic-25");
    assert.equal(unequal.exitCode, 1);
    assert.match(unequal.stderr, /public\.upstream default\/payments-core\/payments-core-upstream/);
    assert.match(unequal.stderr, /nodes\[0\]\.host: A "new\.example", B "127\.0\.0\.1"/);
    assert.match(unequal.stderr, /changed on A since .*, written .*; on B as it was at/);
    assert.match(unequal.stderr, /A stays open, and nothing moves up/);
    assert.equal(lastEntry(read())?.emergency?.state, "open");

    await pair.server.run("b", CHANGE);
    await way("traffic-25");
    const closed = lastEntry(read());
    // The upstream, and its key in the key-value table, on either side.
    assert.deepEqual(closed?.emergency, { state: "closed", ...BY, changes: { a: 2, b: 2 } });
    assert.deepEqual(closed.checks, [{ name: "still equal", verdict: "holds" }]);
    assert.match(whole(closed.evidence), /"changedOnB":\{"changes":\[\{"kind":"changed","object":"public\.kine/);
    assert.ok(Buffer.byteLength(JSON.stringify(closed)) < 2048);
    const after = stateOf(read());
    assert.equal(after?.emergency, undefined);
    assert.notDeepEqual(after?.configurationA, before.configurationA, "the fingerprint is taken anew");
    assert.equal(after?.baselineB?.evidence, closed.evidence);

    // What was permitted is no late change any more; the next one is.
    dashboards(0);
    await way("traffic-50");
    await pair.server.run("a", "update consumer set description = 'late' where username = 'consumer-0002'");
    const late = await enter("traffic-75");
    assert.equal(late.exitCode, 1);
    assert.match(
      late.stderr,
      /table public\.consumer of A[\s\S]*public\.consumer default\/consumer-0002 changed \(written 20/,
    );
    assert.match(late.stderr, /It was last seen as recorded at 20/);
  });

  it("ends with the step up when the setting is taken away together with it", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    await enter("traffic-5", { emergencyChange: BY });
    await pair.both(CHANGE);
    dashboards(1);
    await way("traffic-25");
    assert.deepEqual(lastEntry(read())?.emergency, { state: "closed", ...BY, changes: { a: 2, b: 2 } });
    dashboards(0);
    await way("traffic-50");
  });

  it("never holds a way back, and stays open over it", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5", "traffic-25");
    await enter("traffic-25", { emergencyChange: BY });
    await pair.server.run("a", CHANGE);
    assert.equal((await enter("traffic-5", { emergencyChange: BY })).exitCode, 0);
    assert.equal((await enter("rollback", { emergencyChange: BY })).exitCode, 0);
    const acknowledgeRollback = stateOf(read())?.rollbackId;
    const leave = await enter("traffic-5", { acknowledgeRollback, emergencyChange: BY });
    assert.match(leave.stderr, /emergency change is open/);
    const unequal = await enter("traffic-5", { acknowledgeRollback });
    assert.equal(unequal.exitCode, 1);
    assert.match(unequal.stderr, /payments-core-upstream/);
    await pair.server.run("b", CHANGE);
    assert.equal((await enter("traffic-5", { acknowledgeRollback })).exitCode, 0);
    assert.equal(stateOf(read())?.emergency, undefined);
  });

  it("without it a late change made on both sides is refused all the same", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    await pair.both(CHANGE);
    const { exitCode, stderr } = await enter("traffic-25");
    assert.equal(exitCode, 1);
    assert.match(stderr, /freeze held: table public\.upstream of A/);
    assert.ok(!stderr.includes("still equal:"), stderr);
  });

  it("at restore, where B is a copy that nobody edits, it ends with a new copy", async () => {
    await way("prepare", "freeze", "restore");
    await enter("restore", { emergencyChange: BY });
    await pair.server.run("a", CHANGE);
    assert.equal((await enter("restore")).exitCode, 1);
    const { stdin } = input("restore", {});
    const { scope } = JSON.parse(stdin) as GateRequest;
    const again = { scope: { ...scope, databaseB: { ...scope.databaseB, copy: 2 } } };
    assert.equal((await enter("restore", again)).exitCode, 0);
    assert.equal(lastEntry(read())?.emergency?.state, "closed");
    await pair.server.run("b", CHANGE);
    assert.equal((await enter("start", again)).exitCode, 0);
  });

  it("at complete, where B has more than A on purpose, it ends without equality and tells the differences", async () => {
    await way(
      "prepare",
      "freeze",
      "restore",
      "start",
      "traffic-5",
      "traffic-25",
      "traffic-50",
      "traffic-75",
      "traffic-100",
      "complete",
    );
    await pair.server.run(
      "b",
      "insert into consumer (id, gateway_group_id, username) values ('n', 'default', 'newcomer')",
    );
    await enter("complete", { emergencyChange: BY });
    await pair.both(CHANGE);
    const { exitCode, stderr } = await enter("complete");
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /note {2}still equal: public\.consumer default\/newcomer: only in B/);
    assert.equal(stateOf(read())?.emergency, undefined);
    await way("decommission");
  });

  it("goes on without the evidence files: the fingerprint in the record tells the table, and says what is lost", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    for (const name of readdirSync(join(folder, "record", "evidence")))
      rmSync(join(folder, "record", "evidence", name));
    await pair.server.run("a", CHANGE);
    const { stderr } = await enter("traffic-25");
    assert.match(stderr, /table public\.upstream of A[\s\S]*evidence file [0-9a-f]{64}\.json is lost/);
    assert.match(stderr, /still equal: public\.upstream default\/payments-core/);
    await enter("traffic-5", { emergencyChange: BY });
    await pair.server.run("b", CHANGE);
    await way("traffic-5");
    assert.deepEqual(lastEntry(read())?.emergency, { state: "closed", ...BY });
  });

  it("could not look is no equality", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    await enter("traffic-5", { emergencyChange: BY });
    const blind = input("traffic-5", {});
    const outcome = await runGate({
      ...blind,
      environment: { ...blind.environment, MIGRATION_DATABASE_B_DSN: "postgres://api7ee:pw@127.241.22.9:5432/b" },
    });
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /COULD NOT LOOK {2}still equal: database B/);
  });
});
