import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { judgeGateStep, StageGate } from "../../components/stageGate";
import { appendEntry, EMPTY_RECORD, renderRecord } from "../../migration/record";
import { gateRequestOf } from "../../migration/scope";
import { type Plan } from "../../migration/moves";
import { type MoveKind, shapeOf, type Stage } from "../../migration/stages";
import { settingsOf } from "../migration/stackConfig";
import { type Answer, record, type Recording, SECRET, the } from "./recorder";

const ROOT = resolve(__dirname, "..", "..");
const COMMAND = "command:local:Command";

/** A record as the gate prints it: the stages entered, the last one at a given time. */
function recordText(stages: readonly Stage[], options: { at?: Date; kind?: MoveKind; plan?: Plan } = {}): string {
  const record = stages.reduce((before, stage, index) => {
    const last = index === stages.length - 1;
    const usual = index === 0 ? "first" : stage === "rollback" || stage === "abandon" ? stage : "up";
    return appendEntry(before, {
      at: (last ? (options.at ?? new Date(0)) : new Date(0)).toISOString(),
      stage,
      from: stages[index - 1] ?? null,
      kind: last ? (options.kind ?? usual) : usual,
      weightB: shapeOf(stage).weightB,
      by: "test",
      commit: "-",
      copy: 1,
      ...(shapeOf(stage).controlPlaneB && { plan: options.plan }),
      checks: [],
    }).record;
  }, EMPTY_RECORD);
  return renderRecord(record);
}

const request = (stage: Stage, more: object = {}): ReturnType<typeof gateRequestOf> =>
  gateRequestOf(settingsOf("prod", { stage, ...more }));

const groupText = ({ group, deployment }: { group: string; deployment: string }): string => `${group} (${deployment})`;

/** A step of the gate as its hook sees it. */
function stepFrom(stages: readonly Stage[]): Parameters<typeof judgeGateStep>[0] {
  return {
    oldInputs: { stdin: JSON.stringify({ stage: stages.at(-1) }) },
    oldOutputs: { stdout: recordText(stages) },
  };
}

const UP: readonly Stage[] = ["prepare", "freeze", "restore", "start", "traffic-5"];

describe("stage gate: what its hook refuses", () => {
  it("a new stack begins at prepare", () => {
    assert.equal(judgeGateStep({}, request("prepare")).allowed, true);
    for (const stage of ["freeze", "traffic-5", "complete", "rollback", "abandon"] as const) {
      const verdict = judgeGateStep({}, request(stage));
      assert.equal(verdict.allowed, false);
      assert.deepEqual(verdict.legal, ["prepare"]);
    }
  });

  it("one step up is legal, two are not", () => {
    assert.equal(judgeGateStep(stepFrom(UP), request("traffic-25")).allowed, true);
    const verdict = judgeGateStep(stepFrom(UP), request("traffic-75"));
    assert.equal(verdict.allowed, false);
    assert.deepEqual(verdict.legal, ["traffic-5", "traffic-25", "rollback"]);
    assert.equal(verdict.remedy, "pulumi config set stage traffic-25");
  });

  it("the record counts, not what the last request asked for", () => {
    // An update whose gate failed leaves the old record, whatever was asked for.
    const step = { ...stepFrom(UP), oldInputs: { stdin: JSON.stringify({ stage: "traffic-50" }) } };
    assert.equal(judgeGateStep(step, request("traffic-75")).allowed, false);
    assert.equal(judgeGateStep(step, request("traffic-25")).allowed, true);
  });

  it("without a record the last request counts", () => {
    const step = { oldInputs: { stdin: JSON.stringify({ stage: "freeze" }) }, oldOutputs: { stdout: "" } };
    assert.equal(judgeGateStep(step, request("restore")).allowed, true);
    assert.equal(judgeGateStep(step, request("start")).allowed, false);
  });

  it("rollback is left with its own acknowledgement only", () => {
    const stages: readonly Stage[] = [...UP, "rollback"];
    const step = stepFrom(stages);
    const refused = judgeGateStep(step, request("traffic-5"));
    assert.equal(refused.allowed, false);
    const id = /acknowledgeRollback ([0-9a-f]{12})/.exec(refused.remedy)?.[1];
    assert.ok(id !== undefined, refused.remedy);
    assert.equal(judgeGateStep(step, request("traffic-5", { acknowledgeRollback: id })).allowed, true);
    const another = judgeGateStep(step, request("traffic-5", { acknowledgeRollback: "0123456789ab" }));
    assert.equal(another.allowed, false);
  });

  it("an unreadable record holds every way but the way back", () => {
    const step = { oldInputs: { stdin: JSON.stringify({ stage: "traffic-5" }) }, oldOutputs: { stdout: "{broken" } };
    assert.equal(judgeGateStep(step, request("rollback")).allowed, true);
    assert.throws(() => judgeGateStep(step, request("traffic-25")));
  });

  it("an override permits exactly its move", () => {
    const override = { from: "traffic-5", to: "traffic-75", by: "Ada", reason: "quiet night" };
    assert.equal(judgeGateStep(stepFrom(UP), request("traffic-75", { override })).allowed, true);
    assert.equal(judgeGateStep(stepFrom(UP), request("traffic-100", { override })).allowed, false);
  });

  it("a step taken out of the settings on the way is a step skipped", () => {
    // A record without a plan is held to what the update before asked for.
    const step = { ...stepFrom(UP), oldInputs: { stdin: JSON.stringify(request("traffic-5")) } };
    const verdict = judgeGateStep(step, request("traffic-100", { trafficSteps: [5, 100] }));
    assert.equal(verdict.allowed, false);
    assert.match(verdict.reason, /the record has 25, 50, 75/);
    // A record with one is held to that, whatever the update before asked for.
    const planned = { steps: [5, 50, 100], groups: request("start").scope.clusterB.dataPlanes.map(groupText) };
    const kept = { ...step, oldOutputs: { stdout: recordText(UP, { plan: planned }) } };
    const other = judgeGateStep(kept, request("traffic-100", { trafficSteps: [5, 100] }));
    assert.equal(other.allowed, false);
    assert.match(other.reason, /the record has 50\./);
  });

  it("gateway groups are fixed from start on", () => {
    const step = { ...stepFrom(UP), oldInputs: { stdin: JSON.stringify(request("traffic-5")) } };
    const fewer = { gatewayGroups: settingsOf("prod").gatewayGroups.slice(0, 1) };
    const verdict = judgeGateStep(step, request("traffic-5", fewer));
    assert.equal(verdict.allowed, false);
    assert.match(verdict.reason, /partner \(gateway-partner\) gone/);
    assert.equal(judgeGateStep(step, request("rollback", fewer)).allowed, true);
    assert.equal(judgeGateStep(step, request("traffic-5")).allowed, true);
  });
});

interface Run {
  readonly gate: StageGate;
  readonly recording: Recording;
  readonly passed: Error | undefined;
}

/** Registers a gate, waits for it, and says how that ended. */
async function run(options: {
  stage?: Stage;
  stdout?: string;
  answer?: Answer;
  preview?: boolean;
  host?: Partial<{ programFolder: string; projectFolder: string; startedAt: Date }>;
}): Promise<Run> {
  let gate: StageGate | undefined;
  let passed: Error | undefined;
  const recording = await record(
    async () => {
      gate = new StageGate("gate", {
        request: request(options.stage ?? "traffic-25"),
        secrets: { databaseADsn: "dsn-a", databaseBPassword: "password-b", controlPlaneToken: "token" },
        host: {
          startedAt: new Date(1000),
          programFolder: ROOT,
          projectFolder: ROOT,
          environment: { PATH: process.env["PATH"], INHERITED: "yes" },
          ...options.host,
        },
      });
      try {
        await gate.passed();
      } catch (error) {
        passed = error as Error;
      }
      return {};
    },
    {
      preview: options.preview ?? false,
      answer: (type) => (type === COMMAND ? (options.answer ?? "done") : "done"),
      outputsOf: (type) => (type === COMMAND ? { stdout: options.stdout ?? recordText([...UP, "traffic-25"]) } : {}),
    },
  );
  assert.ok(gate !== undefined);
  return { gate, recording, passed };
}

describe("stage gate: the command", () => {
  it("gets the request on standard input, each secret in its own variable, and no triggers", async () => {
    const { recording } = await run({});
    const { inputs, options } = the(recording, COMMAND, "gate");
    const { stdin, ...rest } = inputs;
    assert.deepEqual(rest, {
      create: "node --import tsx checks/cli.ts gate",
      update: "node --import tsx checks/cli.ts gate",
      environment: {
        MIGRATION_DATABASE_A_DSN: { [SECRET]: "dsn-a" },
        MIGRATION_DATABASE_B_PASSWORD: { [SECRET]: "password-b" },
        MIGRATION_CONTROL_PLANE_TOKEN: { [SECRET]: "token" },
      },
      logging: "none",
    });
    assert.deepEqual(JSON.parse(String(stdin)), JSON.parse(JSON.stringify(request("traffic-25"))));
    assert.deepEqual(options, {
      parent: "StageGate gate",
      dependsOn: [],
      protect: true,
      retainOnDelete: false,
      ignoreChanges: [],
      hooks: { beforeCreate: ["gate-legal-move"], beforeUpdate: ["gate-legal-move"] },
    });
  });

  it("can be destroyed at abandon only", async () => {
    for (const stage of ["prepare", "rollback", "decommission", "abandon"] as const) {
      const { recording } = await run({ stage });
      assert.equal(the(recording, COMMAND, "gate").options.protect, stage !== "abandon", stage);
    }
  });

  it("is guarded by a hook that runs in preview too, and names the remedy", async () => {
    const { recording } = await run({ stage: "traffic-75" });
    const hook = recording.hooks.get("gate-legal-move");
    assert.ok(hook !== undefined);
    assert.deepEqual(hook.opts, { onDryRun: true });
    const args = stepFrom(UP) as pulumi.ResourceHookArgs;
    assert.throws(
      () => void hook.callback(args),
      /from traffic-5 to traffic-75 is not legal\.[^\n]*override\.to traffic-75[^\n]*\nLegal stages now: traffic-5, traffic-25, rollback\.\nTo go on: pulumi config set stage traffic-25/,
    );
  });
});

describe("stage gate: waiting for it", () => {
  it("ends when it passed", async () => {
    const { passed, gate } = await run({});
    assert.equal(passed, undefined);
    assert.equal(gate.history()?.entries.length, 6);
  });

  it("ends in a preview that will run it, with the record before", async () => {
    let history: unknown;
    const recording = await record(
      async () => {
        const gate = new StageGate("gate", {
          request: request("traffic-25"),
          secrets: {},
          host: { startedAt: new Date(), programFolder: ROOT, projectFolder: ROOT, environment: {} },
        });
        await gate.passed();
        assert.equal(gate.judge(), undefined, "the engine's hook judges, this run does not know the record yet");
        history = gate.history();
        return {};
      },
      { preview: true, outputsOf: () => ({ stdout: undefined }) },
    );
    assert.equal(recording.error, undefined);
    assert.equal(history, undefined);
  });

  it("fails when it was left out (--target) of a stage that nothing else proves", async () => {
    for (const stage of ["restore", "start", "complete", "decommission"] as const) {
      const { passed } = await run({ stage });
      assert.match(passed?.message ?? "", new RegExp(`left out of this update[^]*not at ${stage}`), stage);
    }
    for (const stage of ["rollback", "abandon", "traffic-50"] as const) {
      const { passed } = await run({ stage });
      assert.equal(passed, undefined, stage);
    }
  });

  it("fails when it failed", async () => {
    const { passed } = await run({ answer: "error" });
    assert.match(passed?.message ?? "", /the resource failed/);
  });

  it("fails when it failed and the engine goes on (--continue-on-error)", async () => {
    const { passed } = await run({ answer: "failed", stdout: "" });
    assert.match(passed?.message ?? "", /did not pass/);
  });
});

describe("stage gate: whether it passed in this very run", () => {
  const started = new Date(Date.UTC(2026, 0, 1));
  const later = new Date(started.getTime() + 1);
  const earlier = new Date(started.getTime() - 1);
  const cases: readonly (readonly [string, readonly Stage[], Date, MoveKind, boolean])[] = [
    ["an entry of this run for this stage", [...UP, "traffic-25"], later, "up", true],
    ["an override", [...UP, "traffic-25"], later, "override", true],
    ["leaving a rollback", [...UP, "traffic-25"], later, "leave-rollback", true],
    ["an entry of an earlier run", [...UP, "traffic-25"], earlier, "up", false],
    ["an entry for another stage", UP, later, "up", false],
    ["staying, which proves less", [...UP, "traffic-25"], later, "stay", false],
    ["a rollback", [...UP, "rollback"], later, "rollback", false],
  ];
  for (const [what, stages, at, kind, expected] of cases) {
    it(`${what}: ${expected ? "yes" : "no"}`, async () => {
      const { gate } = await run({ stdout: recordText(stages, { at, kind }), host: { startedAt: started } });
      assert.equal(gate.passedInThisRun(), expected);
    });
  }
});

describe("stage gate: its checks on their own", function () {
  this.timeout(60_000);
  let folder: string;

  /** A folder with a check of ours in place of the project's. */
  async function folderWith(script: string): Promise<string> {
    await mkdir(join(folder, "checks"), { recursive: true });
    await writeFile(join(folder, "checks", "cli.ts"), script);
    return folder;
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "stage-gate-"));
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("get the request, the record and the secrets, and run in the project folder", async () => {
    const programFolder = await folderWith(
      `import { readFileSync, writeFileSync } from "node:fs";
       const { MIGRATION_DATABASE_A_DSN: a, MIGRATION_DATABASE_B_PASSWORD: b, MIGRATION_CONTROL_PLANE_TOKEN: t, PULUMI_COMMAND_STDOUT: r, INHERITED: i } = process.env;
       writeFileSync("seen.json", JSON.stringify({ argv: process.argv.slice(2), stdin: readFileSync(0, "utf8"), a, b, t, r, i }));`,
    );
    const { gate } = await run({ host: { programFolder, projectFolder: folder } });
    await gate.verify();
    const seen = JSON.parse(await readFile(join(folder, "seen.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual(seen["argv"], ["gate", "--verify"]);
    assert.deepEqual(JSON.parse(String(seen["stdin"])), JSON.parse(JSON.stringify(request("traffic-25"))));
    assert.deepEqual([seen["a"], seen["b"], seen["t"], seen["i"]], ["dsn-a", "password-b", "token", "yes"]);
    assert.equal(seen["r"], recordText([...UP, "traffic-25"]));
  });

  it("refuse with what they found", async () => {
    const programFolder = await folderWith(
      `process.stderr.write("DOES NOT HOLD copy: route 17 differs\\n"); process.exitCode = 1;`,
    );
    const { gate } = await run({ host: { programFolder, projectFolder: folder } });
    await assert.rejects(
      gate.verify(),
      /The gate for traffic-25 does not hold \(exit code 1\)\.\nDOES NOT HOLD copy: route 17 differs/,
    );
  });

  it("prove the copy once more, and say why", async () => {
    const programFolder = await folderWith(
      `process.stderr.write(process.argv.slice(2).join() + "\\nDOES NOT HOLD copy: route 17 differs\\n"); process.exitCode = 1;`,
    );
    const { gate } = await run({ host: { programFolder, projectFolder: folder } });
    await assert.rejects(
      gate.proveCopy("proved 30 hours ago"),
      /Control plane B does not start: proved 30 hours ago, and the new proof does not hold \(exit code 1\)\.\ncopy\nDOES NOT HOLD copy/,
    );
  });

  it("refuse when they cannot even start", async () => {
    const { gate } = await run({ host: { programFolder: join(folder, "nowhere"), projectFolder: folder } });
    await assert.rejects(gate.verify(), /does not hold/);
  });
});
