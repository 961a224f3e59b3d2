import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GateCheck, type GateContext, type Move } from "../../checks/context";
import { runGate } from "../../checks/gate";
import { type GateInput, type Outcome } from "../../checks/gateInput";
import { CouldNotLook, type CheckResult, type Finding } from "../../checks/result";
import { verifyGate } from "../../checks/verify";
import { type GateRequest } from "../../migration/gateRequest";
import { lastEntry, MAX_RECORD_BYTES, parseRecord, rollbackId, sha256, verifyChain } from "../../migration/record";
import { AwsFake, type FakeAction } from "./support/awsFake";
import { GROUP_A, GROUP_B, REQUEST } from "./support/scope";

const FINDING: Omit<Finding, "check"> = {
  subject: "pod x",
  seen: "it is ill",
  expected: "it is well",
  remedy: "heal it",
};

describe("stage gate", () => {
  let folder: string;
  let aws: AwsFake;
  let record: string;
  let hour: number;
  let moves: Move[];
  let contexts: GateContext[];
  let verdict: () => Promise<CheckResult> | CheckResult;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "gate-"));
    aws = await AwsFake.start();
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    record = "";
    hour = 0;
    moves = [];
    contexts = [];
    verdict = () => result();
  });
  afterEach(async () => {
    chmodSync(folder, 0o755);
    rmSync(folder, { recursive: true, force: true });
    await aws.stop();
  });

  function result(findings: readonly Finding[] = []): CheckResult {
    const verdictOf = findings.length === 0 ? "holds" : findings.every(({ unknown }) => unknown) ? "unknown" : "fails";
    return { check: "stand-in", verdict: verdictOf, findings, notes: [], evidence: { looked: hour } };
  }

  const standIn: GateCheck = {
    name: "stand-in",
    limitSeconds: 1,
    appliesTo: (move) => {
      moves.push(move);
      return true;
    },
    run: async (context) => {
      contexts.push(context);
      return verdict();
    },
  };

  function input(request: unknown, more: Partial<GateInput> = {}): GateInput {
    return {
      stdin: JSON.stringify(request),
      previous: record,
      environment: {},
      projectFolder: folder,
      checks: [standIn],
      now: () => new Date(Date.parse("2026-03-01T00:00:00Z") + hour * 3_600_000),
      ...more,
    };
  }

  const request = (stage: GateRequest["stage"], more: Partial<GateRequest> = {}): GateRequest => ({
    ...REQUEST,
    stage,
    ...more,
  });

  /** Enters a stage, or says why not; the record goes on as Pulumi's state would. */
  async function enter(stage: GateRequest["stage"], more: Partial<GateRequest> = {}): Promise<Outcome> {
    hour += 1;
    const outcome = await runGate(input(request(stage, more)));
    if (outcome.exitCode === 0) record = outcome.stdout;
    else assert.equal(outcome.stdout, "");
    return outcome;
  }

  async function way(...stages: readonly GateRequest["stage"][]): Promise<void> {
    for (const stage of stages) assert.equal((await enter(stage)).exitCode, 0, stage);
  }

  async function verify(stage: GateRequest["stage"], more: Partial<GateRequest> = {}): Promise<Outcome> {
    hour += 1;
    return verifyGate(input(request(stage, more)));
  }

  /** What the load balancer holds. */
  function live(weightB: number): void {
    const targetGroups = [
      { arn: GROUP_A, weight: 100 - weightB },
      { arn: GROUP_B, weight: weightB },
    ];
    const actions: readonly FakeAction[] = [{ type: "forward", targetGroups }];
    const listeners = [{ arn: "arn:listener", port: 443, rules: [{ priority: "default", actions } as const] }];
    aws.world.loadBalancers = [{ name: "api7-test", arn: "arn:lb", listeners }];
  }

  const lines = (name: string): readonly Readonly<Record<string, unknown>>[] =>
    readFileSync(join(folder, "record", name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

  it("records a whole migration, one entry a stage, and keeps files beside it", async () => {
    const stages = [
      "prepare",
      "freeze",
      "restore",
      "start",
      "traffic-5",
      "traffic-25",
      "traffic-5",
      "traffic-25",
      "traffic-50",
      "traffic-75",
      "traffic-100",
      "complete",
      "decommission",
    ] as const;
    await way(...stages);
    const read = parseRecord(record);
    assert.deepEqual(verifyChain(read), []);
    assert.deepEqual(
      read.entries.map(({ stage }) => stage),
      stages,
    );
    const kinds = ["first", "up", "up", "up", "up", "up", "down", "up", "up", "up", "up", "up", "up"];
    assert.deepEqual(
      read.entries.map(({ kind }) => kind),
      kinds,
    );
    assert.deepEqual(
      read.entries.map(({ weightB }) => weightB),
      [0, 0, 0, 0, 5, 25, 5, 25, 50, 75, 100, 100, 100],
    );
    const last = lastEntry(read);
    assert.equal(last?.by, "arn:aws:sts::123456789012:assumed-role/deploy/ada");
    assert.equal(last.at, "2026-03-01T13:00:00.000Z");
    assert.deepEqual(last.checks, [{ name: "stand-in", verdict: "holds" }]);
    assert.deepEqual(
      lines("record.jsonl").map(({ seq }) => seq),
      read.entries.map(({ seq }) => seq),
    );
    const evidence = readFileSync(join(folder, "record", "evidence", `${last.evidence ?? ""}.json`), "utf8");
    assert.equal(sha256(evidence), last.evidence);
    assert.match(evidence, /"looked":13/);
    for (const line of record.split("\n")) assert.ok(Buffer.byteLength(line) < 4096);
  });

  it("tells the checks the move, and what the load balancer may hold", async () => {
    await way("prepare", "freeze");
    await way("restore", "start", "traffic-5", "traffic-25");
    assert.deepEqual(
      moves.map(({ from, to, kind, liveWeightsB }) => [from, to, kind, liveWeightsB]),
      [
        [undefined, "prepare", "first", []],
        ["prepare", "freeze", "up", [0]],
        ["freeze", "restore", "up", [0]],
        ["restore", "start", "up", [0]],
        ["start", "traffic-5", "up", [0]],
        ["traffic-5", "traffic-25", "up", [5]],
      ],
    );
  });

  it("refuses an illegal move, with the legal ones and the command", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    moves.length = 0;
    const outcome = await enter("traffic-75");
    assert.equal(outcome.exitCode, 1);
    assert.match(outcome.stderr, /NOT LEGAL {2}traffic-5 -> traffic-75/);
    assert.match(outcome.stderr, /legal {5}traffic-5, traffic-25, rollback/);
    assert.match(outcome.stderr, /pulumi config set stage traffic-25/);
    assert.deepEqual(moves, []);
  });

  it("records an override with the step that it permitted, and not afterwards", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    const override = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "load test" } as const;
    assert.equal((await enter("traffic-75", { override })).exitCode, 0);
    assert.deepEqual(lastEntry(parseRecord(record))?.override, override);
    assert.equal((await enter("traffic-100", { override })).exitCode, 0);
    assert.equal(lastEntry(parseRecord(record))?.override, undefined);
    verdict = () => result([{ check: "stand-in", ...FINDING }]);
    const again = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "x" } as const;
    record = record.slice();
    await enter("traffic-5");
    assert.equal((await enter("traffic-75", { override: again })).exitCode, 1, "an override permits no failed check");
    verdict = () => result();
    const used = await enter("traffic-75", { override });
    assert.equal(used.exitCode, 1);
    assert.match(used.stderr, /This override was used before/);
  });

  it("holds the way up when a check finds something: exit code 1, and the text tells what to do", async () => {
    await way("prepare", "freeze");
    verdict = () => result([{ check: "stand-in", ...FINDING }]);
    const outcome = await enter("restore");
    assert.equal(outcome.exitCode, 1);
    for (const text of ["stand-in: pod x", "seen      it is ill", "expected  it is well", "remedy    heal it"]) {
      assert.ok(outcome.stderr.includes(text), outcome.stderr);
    }
    assert.match(outcome.stderr, /Stage restore was not entered.*stays at freeze/);
    assert.equal(parseRecord(record).entries.length, 2);
    verdict = () => result();
    await way("restore");
  });

  const silent: readonly (readonly [string, () => Promise<CheckResult> | CheckResult])[] = [
    ["cannot look", () => result([{ check: "stand-in", ...FINDING, unknown: true }])],
    ["throws", () => Promise.reject(new CouldNotLook("pod x", "no answer", "wait"))],
    ["has a mistake", () => Promise.reject(new TypeError("x is undefined"))],
    ["does not end", () => new Promise(() => undefined)],
  ];
  for (const [what, silence] of silent) {
    it(`holds the way up when a check ${what}: exit code 2`, async () => {
      await way("prepare");
      verdict = silence;
      const outcome = await enter("freeze");
      assert.equal(outcome.exitCode, 2);
      assert.match(outcome.stderr, /COULD NOT LOOK/);
      assert.match(outcome.stderr, /stays at prepare/);
    });
  }

  it("refuses a step down that would raise B after the weights were lowered by hand", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5", "traffic-25", "traffic-50");
    live(0);
    const refused = await enter("traffic-25");
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /B has less already[^]*pulumi up --skip-preview --refresh/);
    live(50);
    assert.equal((await enter("traffic-25")).exitCode, 0);
    live(0);
    assert.equal((await enter("rollback")).exitCode, 0, "the way back asks nobody");
  });

  it("holds no step down, no staying and no rollback, whatever the checks would say", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5", "traffic-25");
    verdict = () => result([{ check: "stand-in", ...FINDING }]);
    moves.length = 0;
    await way("traffic-5", "traffic-5", "rollback", "rollback");
    const id = rollbackId(parseRecord(record)) ?? assert.fail();
    assert.equal((await enter("abandon", { acknowledgeRollback: id })).exitCode, 1, "leaving rollback is proved");
    assert.equal(moves.length, 1);
  });

  it("abandons only what the checks let go: the load balancer has to give A everything", async () => {
    await way("prepare", "freeze", "restore");
    verdict = () => result([{ check: "stand-in", ...FINDING }]);
    assert.equal((await enter("abandon")).exitCode, 1);
    verdict = () => result([]);
    await way("abandon");
  });

  it("leaves rollback only with the acknowledgement of this very one, and records it", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5", "rollback");
    const id = rollbackId(parseRecord(record)) ?? assert.fail();
    const outcome = await enter("traffic-5");
    assert.equal(outcome.exitCode, 1);
    assert.match(outcome.stderr, new RegExp(`pulumi config set acknowledgeRollback ${id}`));
    assert.equal((await enter("traffic-5", { acknowledgeRollback: id })).exitCode, 0);
    const last = lastEntry(parseRecord(record));
    assert.deepEqual([last?.kind, last?.acknowledged], ["leave-rollback", id]);
    await way("rollback");
    assert.equal((await enter("start", { acknowledgeRollback: id })).exitCode, 1, "the old one's");
  });

  it("proves a new copy at restore like the first one, and other stays not", async () => {
    await way("prepare", "freeze", "restore");
    moves.length = 0;
    await enter("restore");
    assert.deepEqual(moves, []);
    const scope = { ...REQUEST.scope, databaseB: { ...REQUEST.scope.databaseB, copy: 2 } };
    await enter("restore", { scope });
    assert.deepEqual(
      moves.map(({ kind, copiesAnew }) => [kind, copiesAnew]),
      [["stay", true]],
    );
    assert.equal(lastEntry(parseRecord(record))?.copy, 2);
    verdict = () => result([{ check: "stand-in", ...FINDING }]);
    const third = { ...REQUEST.scope, databaseB: { ...REQUEST.scope.databaseB, copy: 3 } };
    assert.equal((await enter("restore", { scope: third })).exitCode, 1);
  });

  it("keeps the digests of the checks in the entry", async () => {
    const configurationA = { "*": "3:aaaaaaaaaaaa" };
    verdict = () => ({ ...result(), evidence: { configurationA, copy: "4:30:bbbbbbbbbbbb" } });
    await way("prepare", "freeze", "restore", "start");
    const read = parseRecord(record);
    assert.deepEqual(
      read.entries.map(({ digests }) => digests?.configurationA),
      [undefined, undefined, configurationA, undefined],
    );
    assert.equal(read.entries[3]?.digests?.copy, "4:30:bbbbbbbbbbbb");
  });

  it("stays within its limits over many steps", async () => {
    await way("prepare", "freeze", "restore", "start", "traffic-5");
    for (let step = 0; step < 90; step += 1) {
      await way(step % 2 === 0 ? "traffic-25" : "traffic-5");
      assert.ok(Buffer.byteLength(record) <= MAX_RECORD_BYTES);
    }
    const read = parseRecord(record);
    assert.deepEqual(verifyChain(read), []);
    assert.equal(lastEntry(read)?.seq, 95);
    if (read.folded) assert.ok(existsSync(join(folder, "record", "evidence", `${read.folded.folded.digest}.json`)));
  });

  describe("rollback", () => {
    it("is recorded with every system dead, within seconds", async () => {
      await way("prepare", "freeze", "restore", "start", "traffic-5", "traffic-25");
      aws.fault = () => "hang";
      chmodSync(join(folder, "record"), 0o555);
      const begin = Date.now();
      await way("rollback");
      assert.ok(Date.now() - begin < 4_000, `${Date.now() - begin} ms`);
      const last = lastEntry(parseRecord(record));
      assert.equal(last?.stage, "rollback");
      assert.match(last.by, /^os:/);
      assert.deepEqual(last.live, { "*": "could not be seen (limit 2 s)" });
      chmodSync(join(folder, "record"), 0o755);
    });

    it("is recorded when its folder cannot even be made", async () => {
      await way("prepare", "freeze", "restore", "start");
      rmSync(join(folder, "record"), { recursive: true });
      writeFileSync(join(folder, "record"), "a file");
      const outcome = await enter("rollback");
      assert.equal(outcome.exitCode, 0);
      assert.match(outcome.stderr, /could not be written/);
      assert.equal((await enter("rollback")).exitCode, 0);
    });

    it("says what was live, when that is not what was recorded", async () => {
      await way("prepare", "freeze", "restore", "start", "traffic-5");
      live(0);
      await way("rollback");
      assert.deepEqual(lastEntry(parseRecord(record))?.live, { default: "B had 0 %, recorded was 5 %" });
    });

    it("says nothing of it when it is", async () => {
      await way("prepare", "freeze", "restore", "start", "traffic-5");
      live(5);
      await way("rollback");
      assert.equal(lastEntry(parseRecord(record))?.live, undefined);
    });

    for (const [what, spoil] of [
      ["no JSON", () => "<html>"],
      ["changed", (text: string) => text.replace('"weightB":5', '"weightB":9')],
      ["cut off", (text: string) => text.slice(0, -20)],
    ] satisfies readonly (readonly [string, (text: string) => string])[]) {
      it(`goes on after a record that is ${what}, which holds everything else`, async () => {
        await way("prepare", "freeze", "restore", "start", "traffic-5");
        record = spoil(record);
        const spoiled = record;
        const up = await enter("traffic-25");
        assert.equal(up.exitCode, 1);
        assert.match(up.stderr, /record.*\n.*seen/);
        assert.match(up.stderr, /pulumi config set stage rollback/);
        await way("rollback");
        const read = parseRecord(record);
        assert.deepEqual(verifyChain(read), []);
        const kept = readFileSync(
          join(folder, "record", "evidence", `${read.folded?.folded.digest ?? ""}.json`),
          "utf8",
        );
        assert.equal(kept, spoiled);
        const id = rollbackId(read) ?? assert.fail();
        assert.equal((await enter("start", { acknowledgeRollback: id })).exitCode, 0);
      });
    }

    it("goes on with a request that fits nothing else", async () => {
      await way("prepare", "freeze", "restore", "start", "traffic-5");
      const outcome = await runGate(input({ stage: "rollback", recordFolder: "record", scope: "?" }));
      assert.equal(outcome.exitCode, 0);
      assert.match(outcome.stderr, /scope: Invalid input/);
      assert.equal(lastEntry(parseRecord(outcome.stdout))?.stage, "rollback");
      const other = await runGate(input({ stage: "traffic-25", recordFolder: "record", scope: "?" }));
      assert.equal(other.exitCode, 2);
      assert.match(other.stderr, /Standard input does not fit/);
    });

    it("is refused where there is nothing to go back from", async () => {
      assert.equal((await enter("rollback")).exitCode, 1);
      await way("prepare", "freeze");
      assert.equal((await enter("rollback")).exitCode, 1);
      assert.equal((await runGate(input({ stage: "rollback", scope: "?" }))).exitCode, 2);
    });
  });

  describe("a disk that cannot be written", () => {
    it("holds the way up, since evidence could not be shown later", async () => {
      await way("prepare");
      rmSync(join(folder, "record"), { recursive: true });
      writeFileSync(join(folder, "record"), "a file");
      const outcome = await enter("freeze");
      assert.equal(outcome.exitCode, 2);
      assert.match(outcome.stderr, /evidence cannot be kept/);
    });
  });

  describe("verify", () => {
    beforeEach(() => way("prepare", "freeze", "restore", "start", "traffic-5"));

    it("judges and checks a step that the gate did not see, and writes an event", async () => {
      moves.length = 0;
      const outcome = await verify("traffic-25");
      assert.equal(outcome.exitCode, 0);
      assert.deepEqual(JSON.parse(outcome.stdout), {
        verdict: "holds",
        stage: "traffic-25",
        from: "traffic-5",
        checks: ["stand-in"],
        findings: [],
      });
      assert.ok(!outcome.stdout.includes("\n"));
      assert.deepEqual(
        moves.map(({ from, to, kind, mode, liveWeightsB }) => [from, to, kind, mode, liveWeightsB]),
        [["traffic-5", "traffic-25", "up", "verify", [5]]],
      );
      const [event] = lines("events.jsonl");
      assert.deepEqual([event?.["event"], event?.["stage"], event?.["verdict"]], ["verify", "traffic-25", "holds"]);
      assert.equal(parseRecord(record).entries.length, 5);
    });

    it("lets the gate find the weights that a verified step has raised already, and holds the events' digest", async () => {
      await verify("traffic-25");
      moves.length = 0;
      await way("traffic-25");
      assert.deepEqual(moves[0]?.liveWeightsB, [5, 25]);
      const content = readFileSync(join(folder, "record", "events.jsonl"));
      assert.deepEqual(lastEntry(parseRecord(record))?.events, {
        bytes: content.length,
        sha256: sha256(content.toString("utf8")),
      });
      moves.length = 0;
      await way("traffic-50");
      assert.deepEqual(
        moves.map(({ liveWeightsB }) => liveWeightsB),
        [[25]],
      );
    });

    it("refuses an illegal step, one whose checks fail, and one that cannot be looked at", async () => {
      const illegal = await verify("traffic-75");
      assert.equal(illegal.exitCode, 1);
      assert.equal((JSON.parse(illegal.stdout) as { verdict: string }).verdict, "fails");
      verdict = () => result([{ check: "stand-in", ...FINDING }]);
      const failing = await verify("traffic-25");
      assert.equal(failing.exitCode, 1);
      assert.match(failing.stderr, /it is ill/);
      verdict = () => result([{ check: "stand-in", ...FINDING, unknown: true }]);
      assert.equal((await verify("traffic-25")).exitCode, 2);
      assert.deepEqual(
        lines("events.jsonl").map(({ verdict: said }) => said),
        ["fails", "unknown"],
      );
      moves.length = 0;
      verdict = () => result();
      await way("traffic-25");
      assert.deepEqual(moves[0]?.liveWeightsB, [5], "a refused verification permits nothing");
    });

    it("takes a retry of the recorded stage for the step from the one before", async () => {
      moves.length = 0;
      await verify("traffic-5");
      await enter("traffic-5");
      await verify("traffic-5");
      assert.deepEqual(
        moves.map(({ from, to, kind, liveWeightsB }) => [from, to, kind, liveWeightsB]),
        [
          ["start", "traffic-5", "up", [0, 5]],
          ["start", "traffic-5", "up", [0, 5]],
        ],
      );
    });

    it("knows after leaving rollback where it came from", async () => {
      await way("rollback");
      const acknowledgeRollback = rollbackId(parseRecord(record));
      await enter("traffic-5", { acknowledgeRollback });
      moves.length = 0;
      await verify("traffic-5");
      assert.deepEqual(
        moves.map(({ from, kind }) => [from, kind]),
        [["rollback", "leave-rollback"]],
      );
    });

    it("asks nothing of A after decommission", async () => {
      await way("traffic-25", "traffic-50", "traffic-75", "traffic-100", "complete", "decommission");
      moves.length = 0;
      await verify("decommission");
      assert.equal(moves[0]?.from, "decommission");
    });

    it("looks at nothing where B gets nothing", async () => {
      await way("rollback");
      moves.length = 0;
      assert.equal((await verify("rollback")).exitCode, 0);
      assert.deepEqual(moves, []);
    });

    it("refuses a record that cannot be read", async () => {
      record = "<html>";
      assert.equal((await verify("traffic-25")).exitCode, 1);
      assert.equal((await verify("rollback")).exitCode, 2);
    });

    it("gives the check on the soak the time when the weights really rose", async () => {
      const rose = hour + 1;
      await verify("traffic-5");
      contexts.length = 0;
      await way("traffic-25");
      assert.equal(contexts[0]?.verifiedAt?.getTime(), Date.parse("2026-03-01T00:00:00Z") + rose * 3_600_000);
    });
  });

  it("refuses what is no request: exit code 2, with what was expected", async () => {
    for (const stdin of [
      "",
      "{",
      "[]",
      '{"stage":"prepare"}',
      JSON.stringify(request("traffic-5", { trafficSteps: [10, 100] })),
    ]) {
      const outcome = await runGate(input(undefined, { stdin }));
      assert.equal(outcome.exitCode, 2, stdin);
      assert.match(outcome.stderr, /Expected: a gate request/);
      assert.equal(outcome.stdout, "");
    }
    const misspelled = { ...request("prepare"), soakHour: 1 };
    assert.match((await runGate(input(misspelled))).stderr, /soakHour/);
  });

  it("leaves no partial files", async () => {
    await way("prepare", "freeze");
    assert.ok(readdirSync(join(folder, "record", "evidence")).every((name) => /^[0-9a-f]{64}\.json$/.test(name)));
  });
});
