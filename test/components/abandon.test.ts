import assert from "node:assert/strict";
import { abandonShape } from "../../components/abandon";
import program from "../../index";
import { madeOnB } from "../../migration/madeOnB";
import { appendEntry, EMPTY_RECORD, type MigrationRecord, renderRecord } from "../../migration/record";
import { shapeOf, type Stage } from "../../migration/stages";
import { configOf, SECRET_KEYS } from "../migration/stackConfig";
import { record, type Recording } from "./recorder";

function recordOf(stages: readonly Stage[]): MigrationRecord {
  return stages.reduce<MigrationRecord>((before, stage, index) => {
    const from = stages[index - 1] ?? null;
    const { weightB } = shapeOf(stage);
    const draft = {
      at: new Date(index).toISOString(),
      stage,
      from,
      kind: "up",
      weightB,
      by: "t",
      commit: "-",
      copy: 1,
      checks: [],
    } as const;
    return appendEntry(before, draft).record;
  }, EMPTY_RECORD);
}

describe("abandon: what was made of B", () => {
  const cases: readonly (readonly [readonly Stage[], boolean, boolean])[] = [
    [["prepare"], false, false],
    [["prepare", "freeze"], false, false],
    [["prepare", "freeze", "abandon"], false, false],
    [["prepare", "freeze", "restore"], true, false],
    [["prepare", "freeze", "restore", "start"], true, true],
    [["prepare", "freeze", "restore", "start", "traffic-5", "rollback", "abandon"], true, true],
    [["prepare", "freeze", "restore", "start", "abandon", "prepare"], false, false],
    [["prepare", "freeze", "restore", "start", "abandon", "prepare", "freeze", "abandon"], false, false],
    [["prepare", "freeze", "restore", "abandon", "prepare", "freeze", "restore", "abandon"], true, false],
  ];
  for (const [stages, database, planes] of cases) {
    it(`${stages.join(" ")}: ${database ? "database" : "no database"}, ${planes ? "planes" : "no planes"}`, () => {
      assert.deepEqual(madeOnB(recordOf(stages)), { database, planes });
    });
  }

  it("nothing without a record", () => assert.deepEqual(madeOnB(undefined), { database: false, planes: false }));

  it("is known from what a folded record carries", () => {
    const { entries } = recordOf(["start", "traffic-5", "rollback", "abandon"]);
    const carried = {
      stage: "start",
      weightB: 0,
      enteredFrom: null,
      stageSince: "",
      weightSince: "",
      copy: 1,
    } as const;
    const folded = {
      folded: { count: 1, from: "", to: "", digest: "" },
      seq: 1,
      hash: "",
      carried,
    };
    assert.deepEqual(madeOnB({ folded, entries: entries.slice(2) }), { database: true, planes: true });
  });
});

describe("abandon: what it means in this run", () => {
  it("keeps B's planes without protection first, and drops them the next time", () => {
    const made = { database: true, planes: true };
    for (const last of ["rollback", "start", undefined, 7]) {
      const { databaseB, controlPlaneB, dataPlaneB, protectB } = abandonShape(made, last);
      assert.deepEqual([databaseB, controlPlaneB, dataPlaneB, protectB], ["kept", true, true, false]);
    }
    const { databaseB, controlPlaneB, dataPlaneB } = abandonShape(made, "abandon");
    assert.deepEqual([databaseB, controlPlaneB, dataPlaneB], ["kept", false, false]);
  });

  it("makes nothing that was not there", () => {
    const { databaseB, controlPlaneB } = abandonShape({ database: false, planes: false }, "freeze");
    assert.deepEqual([databaseB, controlPlaneB], ["none", false]);
  });

  const references: string[] = [];
  const run = (stages: readonly Stage[], lastStage: string): Promise<Recording> =>
    record(program, {
      stack: "staging",
      config: configOf("staging", { stage: "abandon" }),
      secretKeys: SECRET_KEYS,
      outputsOf: (type, name) => {
        if (type === "pulumi:pulumi:StackReference") {
          references.push(name);
          return { outputs: { stage: lastStage }, secretOutputNames: [] };
        }
        return name === "gate" ? { stdout: renderRecord(recordOf([...stages, "abandon"])) } : {};
      },
    });
  const types = (recording: Recording): ReadonlySet<string> => new Set(recording.resources.map(({ type }) => type));

  it("after freeze takes no copy of A", async () => {
    const made = types(await run(["prepare", "freeze"], "freeze"));
    assert.ok(!made.has("aws:rds/snapshot:Snapshot") && !made.has("aws:rds/instance:Instance"));
    assert.ok(made.has("kubernetes:apps/v1:DeploymentPatch"), "A is opened again");
  });

  it("after restore keeps the database and starts nothing", async () => {
    const made = types(await run(["prepare", "freeze", "restore"], "restore"));
    assert.ok(made.has("aws:rds/instance:Instance"));
    assert.ok(!made.has("kubernetes:helm.sh/v3:Release"));
  });

  it("tells that a second update is needed, once", async () => {
    const stages: readonly Stage[] = ["prepare", "freeze", "restore", "start"];
    const first = await run(stages, "start");
    assert.ok(types(first).has("kubernetes:helm.sh/v3:Release"));
    assert.match(first.logs.join("\n"), /the next one deletes its planes/);
    const second = await run(stages, "abandon");
    assert.ok(!types(second).has("kubernetes:helm.sh/v3:Release"));
    assert.ok(types(second).has("aws:rds/instance:Instance"));
    assert.deepEqual(second.logs, []);
  });

  it("reads the last stage of this very stack", async () => {
    references.length = 0;
    await run(["prepare", "freeze", "restore", "start"], "start");
    assert.deepEqual(references, ["organization/api7-migration/staging"]);
  });
});
