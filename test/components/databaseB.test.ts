import assert from "node:assert/strict";
import { DatabaseB, judgeNewCopy } from "../../components/databaseB";
import { DatabaseNetwork } from "../../components/network";
import { type Changes, settingsOf, type StackName } from "../migration/stackConfig";
import { record, type Recording, SECRET, the } from "./recorder";

const INSTANCE = "aws:rds/instance:Instance";
const SNAPSHOT = "aws:rds/snapshot:Snapshot";
const COMMAND = "command:local:Command";

/** Database B alone, with a password that has to be encoded in a connection string. */
function databaseOf(stack: StackName, changes: Changes = {}): Promise<Recording> {
  const settings = settingsOf(stack, { stage: "restore", ...changes });
  return record(() => {
    const secrets = { databaseADsn: "dsn-a", databaseBPassword: "p@ss/w:rd", controlPlaneToken: "token" };
    const network = new DatabaseNetwork("database-network", settings);
    const database = new DatabaseB("database-b", { settings, network, secrets });
    return { dsn: database.dsn, identifier: database.identifier };
  });
}

describe("database B", () => {
  it("is restored from a snapshot of A that it is named after, with nothing left to defaults", async () => {
    const recording = await databaseOf("prod");
    const { inputs } = the(recording, INSTANCE, "database-b");
    assert.deepEqual(inputs, {
      identifier: "api7-prod-b-1",
      snapshotIdentifier: "api7-prod-a-1",
      engine: "postgres",
      engineVersion: "15.8",
      instanceClass: "db.r6g.large",
      storageType: "gp3",
      storageEncrypted: true,
      port: 5432,
      dbSubnetGroupName: "[database-network.name]",
      vpcSecurityGroupIds: ["[database-network.id]"],
      parameterGroupName: "[database-network.name]",
      publiclyAccessible: false,
      multiAz: true,
      caCertIdentifier: "rds-ca-rsa2048-g1",
      autoMinorVersionUpgrade: false,
      allowMajorVersionUpgrade: false,
      copyTagsToSnapshot: true,
      enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
      maintenanceWindow: "sun:02:00-sun:03:00",
      backupWindow: "00:30-01:30",
      password: { [SECRET]: "p@ss/w:rd" },
      applyImmediately: true,
      backupRetentionPeriod: 0,
      deleteAutomatedBackups: false,
      deletionProtection: false,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "api7-prod-b-1-final",
      tags: { project: "api7-migration", environment: "prod", owner: "platform" },
    });
    const snapshot = the(recording, SNAPSHOT, "database-b-source");
    assert.equal(snapshot.inputs["dbInstanceIdentifier"], "api7-prod-a");
    assert.equal(snapshot.inputs["dbSnapshotIdentifier"], "api7-prod-a-1");
    assert.equal(snapshot.options.retainOnDelete, true);
    assert.deepEqual(the(recording, INSTANCE, "database-b").options.customTimeouts, {
      create: "4h",
      update: "4h",
      delete: "4h",
    });
  });

  it("gets backups and protection from start on, and loses the protection at abandon", async () => {
    const seen: unknown[] = [];
    for (const stage of ["restore", "start", "traffic-5", "rollback", "complete", "decommission", "abandon"]) {
      const { inputs, options } = the(await databaseOf("prod", { stage }), INSTANCE, "database-b");
      seen.push([stage, inputs["backupRetentionPeriod"], inputs["deletionProtection"], options.protect]);
    }
    assert.deepEqual(seen, [
      ["restore", 0, false, false],
      ["start", 35, true, true],
      ["traffic-5", 35, true, true],
      ["rollback", 35, true, true],
      ["complete", 35, true, true],
      ["decommission", 35, true, true],
      ["abandon", 35, false, false],
    ]);
  });

  it("has new names with a new copy, so that it is made beside the old one", async () => {
    const { inputs } = the(await databaseOf("prod", { "databaseB.copy": 2 }), INSTANCE, "database-b");
    assert.deepEqual(
      [inputs["identifier"], inputs["snapshotIdentifier"], inputs["finalSnapshotIdentifier"]],
      ["api7-prod-b-2", "api7-prod-a-2", "api7-prod-b-2-final"],
    );
  });

  it("takes a new copy at restore only", async () => {
    judgeNewCopy("restore");
    for (const stage of ["start", "traffic-5", "complete", "rollback", "abandon"] as const) {
      assert.throws(
        () => judgeNewCopy(stage),
        /databaseB\.copy may be raised at freeze[^]*pulumi config set --path databaseB\.copy/,
      );
    }
    const recording = await databaseOf("prod", { stage: "traffic-5" });
    const { hooks } = the(recording, SNAPSHOT, "database-b-source").options;
    assert.deepEqual(hooks, { beforeCreate: ["database-b-copy-in-time"] });
    const hook = recording.hooks.get("database-b-copy-in-time");
    assert.ok(hook !== undefined);
    assert.deepEqual(hook.opts, { onDryRun: true });
    assert.throws(() => void hook.callback({} as Parameters<typeof hook.callback>[0]), /A new copy/);
  });

  it("is proved equal once, before anything may write to it", async () => {
    const proof = the(await databaseOf("prod"), COMMAND, "database-b-equal");
    assert.deepEqual(proof.inputs["environment"], {
      MIGRATION_DATABASE_A_DSN: { [SECRET]: "dsn-a" },
      MIGRATION_DATABASE_B_PASSWORD: { [SECRET]: "p@ss/w:rd" },
    });
    assert.deepEqual(proof.options.dependsOn, ["Command database-b-finished", "Instance database-b"]);
    const request = JSON.parse(String(proof.inputs["stdin"])) as { databaseB: { copy: number }; stage?: string };
    assert.equal(request.databaseB.copy, 1);
    assert.equal(request.stage, undefined, "the stage in it would repeat the proof at every step");
    assert.deepEqual(proof.options.ignoreChanges, []);
    const later = the(await databaseOf("prod", { stage: "traffic-5" }), COMMAND, "database-b-equal");
    assert.deepEqual(later.options.ignoreChanges, ["stdin", "environment"]);
  });

  it("is reached with an encoded password under the scheme that API7 takes", async () => {
    const { outputs } = await databaseOf("prod");
    assert.equal(outputs["dsn"], "postgres://api7ee:p%40ss%2Fw%3Ard@[database-b.address]:5432/api7ee?sslmode=require");
  });

  it("gets its parameters in a fixed order", async () => {
    const { inputs } = the(await databaseOf("prod"), "aws:rds/parameterGroup:ParameterGroup", "database-network");
    assert.deepEqual(inputs["parameters"], [
      { name: "idle_in_transaction_session_timeout", value: "600000", applyMethod: "pending-reboot" },
      { name: "log_min_duration_statement", value: "250", applyMethod: "pending-reboot" },
    ]);
  });
});
