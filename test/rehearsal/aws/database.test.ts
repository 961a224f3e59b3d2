import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { DescribeDBInstancesCommand, DescribeDBSnapshotsCommand, RDSClient } from "@aws-sdk/client-rds";
import { PartialFailure, type Props } from "../../../rehearsal/providers/framework";
import { PASSWORD, REGION, startCloud, type TestCloud } from "./fakes";
import { type Kept, Plugin } from "./plugin";

const credentials = { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" };
const SECOND = "second-Password-2";

describe("local AWS: databases", () => {
  let test: TestCloud;
  let plugin: Plugin;
  let sdk: RDSClient;

  const begin = async (pace?: number): Promise<void> => {
    test = await startCloud(pace);
    plugin = new Plugin(test.cloud);
    sdk = new RDSClient({ endpoint: test.cloud.endpoint, region: REGION, credentials });
  };
  const end = async (): Promise<void> => {
    sdk.destroy();
    plugin.end();
    await test.stop();
  };
  const snapshot = async (name = "copy-1"): Promise<Kept> =>
    plugin.create("snapshot", { dbInstanceIdentifier: "api7-a", dbSnapshotIdentifier: name });
  const database = async (more: Props = {}): Promise<Kept> =>
    plugin.create("instance", {
      identifier: "api7-b",
      snapshotIdentifier: "copy-1",
      instanceClass: "db.m6g.large",
      dbSubnetGroupName: "api7-a",
      backupRetentionPeriod: 0,
      skipFinalSnapshot: true,
      ...more,
    });
  const restored = async (more: Props = {}): Promise<Kept> => {
    await snapshot();
    return database(more);
  };
  const live = async (identifier = "api7-b") =>
    (await sdk.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }))).DBInstances?.[0];
  const passwordOf = (identifier = "api7-b"): string | undefined =>
    test.servers.passwords.get(test.cloud.databaseServer(identifier)?.name ?? "");

  describe("restoring", () => {
    beforeEach(async () => begin());
    afterEach(end);

    it("copies the source and gives the copy an address of its own", async () => {
      const kept = await restored();
      assert.equal(kept.outputs["address"], `${test.network}.1.2`);
      assert.equal(kept.outputs["endpoint"], `${test.network}.1.2:5432`);
      assert.equal(kept.outputs["status"], "available");
      assert.equal(kept.outputs["username"], "api7");
      assert.equal(kept.outputs["dbName"], "api7ee");
      assert.match(kept.id, /^db-[A-Z2-7]{26}$/);
      assert.equal(kept.outputs["arn"], `arn:aws:rds:${REGION}:123456789012:db:api7-b`);
      assert.deepEqual((await plugin.read(kept))?.inputs, kept.inputs);
    });

    it("leaves the snapshot's password until one is given, which is set afterwards", async () => {
      const kept = await restored();
      assert.equal(passwordOf(), PASSWORD);
      await plugin.update(kept, { password: SECOND });
      assert.equal(passwordOf(), SECOND);
      await plugin.delete(kept);
      await database({ password: "third-Password-3" });
      assert.equal(passwordOf(), "third-Password-3");
      assert.equal(passwordOf("api7-a"), PASSWORD);
    });

    it("falls back to defaults for what is not given", async () => {
      await restored();
      const [a, b] = [await live("api7-a"), await live()];
      assert.equal(a?.MultiAZ, true);
      assert.ok(b);
      assert.equal(b.MultiAZ, false);
      assert.equal(b.DBParameterGroups?.[0]?.DBParameterGroupName, "default.postgres15");
      assert.deepEqual(b.VpcSecurityGroups, a.VpcSecurityGroups);
      assert.equal(b.StorageEncrypted, true);
      assert.equal(b.AllocatedStorage, 100);
    });

    it("takes an exact version and a prefix of it for the same", async () => {
      const kept = await restored({ engineVersion: "15" });
      assert.equal(kept.outputs["engineVersionActual"], "15.18");
      assert.deepEqual((await plugin.read(kept))?.inputs["engineVersion"], "15");
    });

    it("keeps a failed restore in the state, with what went wrong in the log", async () => {
      await snapshot();
      test.servers.failRestore = "no space left";
      await assert.rejects(database(), (error) => {
        assert.ok(error instanceof PartialFailure);
        assert.match(
          error.message,
          /restore from snapshot api7-b\): waiting for completion: unexpected state 'failed'/,
        );
        assert.equal(error.outputs["status"], "failed");
        return true;
      });
      assert.ok(test.log.some((line) => line.includes("no space left")));
    });

    it("says what restored and what did not when the change afterwards fails, and the next update mends it", async () => {
      await snapshot();
      test.cloud.faults.fail("ModifyDBInstance", { code: "Throttling", message: "Rate exceeded" });
      const inputs = { identifier: "api7-b", snapshotIdentifier: "copy-1", password: SECOND };
      let partial: PartialFailure | undefined;
      await database(inputs).catch((error: unknown) => {
        assert.ok(error instanceof PartialFailure);
        partial = error;
      });
      assert.ok(partial);
      assert.match(partial.message, /api error Throttling: Rate exceeded/);
      assert.ok(!partial.message.includes(SECOND));
      assert.equal(passwordOf(), PASSWORD);
      const { id, outputs } = partial;
      const token = plugin.tokenOf("instance");
      await plugin.update({ token, id, outputs, inputs: { ...inputs, instanceClass: "db.m6g.large" } }, {});
      assert.equal(passwordOf(), SECOND);
    });

    const refused: Readonly<Record<string, readonly [RegExp, () => Promise<unknown>]>> = {
      "from an unknown snapshot": [
        /creating RDS DB Instance \(restore from snapshot api7-b\): operation error RDS: RestoreDBInstanceFromDBSnapshot, https response error StatusCode: 404, RequestID: [0-9a-f-]{36}, api error DBSnapshotNotFound: DBSnapshot not found: copy-1/,
        async () => database(),
      ],
      "to a taken identifier": [
        /api error DBInstanceAlreadyExists/,
        async () => [await snapshot(), await database({ identifier: "api7-a" })],
      ],
      "to a subnet group that is not there": [
        /api error DBSubnetGroupNotFoundFault/,
        async () => restored({ dbSubnetGroupName: "none" }),
      ],
      "with a parameter group that is not there": [
        /api error DBParameterGroupNotFound/,
        async () => restored({ parameterGroupName: "none" }),
      ],
      "with a parameter group of another major version": [
        /api error InvalidParameterCombination: .*DBParameterGroupFamily postgres14 can't be used/,
        async () => {
          await plugin.create("parameterGroup", { name: "old", family: "postgres14" });
          await restored({ parameterGroupName: "old" });
        },
      ],
      "with a security group that is not there": [
        /api error InvalidParameterValue: The security group sg-1/,
        async () => restored({ vpcSecurityGroupIds: ["sg-1"] }),
      ],
      "to another major version": [
        /api error NotModelledLocally: .*upgrade of PostgreSQL from 15\.18 to 16/,
        async () => restored({ engineVersion: "16" }),
      ],
      "to less storage": [
        /api error InvalidParameterValue: .*cannot be reduced from 100 to 50 GiB/,
        async () => restored({ allocatedStorage: 50 }),
      ],
    };
    for (const [what, [message, run]] of Object.entries(refused)) {
      it(`is refused ${what}`, async () => {
        await assert.rejects(run(), { message });
      });
    }
  });

  it("holds a restored instance with automated backups back for hours of AWS's time", async () => {
    // 7200 s at this pace are 300 ms; the snapshot's source has backups, so leaving the retention out holds as well.
    await begin(24_000);
    try {
      await snapshot();
      const before = Date.now();
      const first = database({ backupRetentionPeriod: 7 });
      await delay(100);
      assert.equal((await live())?.DBInstanceStatus, "backing-up");
      await first;
      assert.ok(Date.now() - before >= 290);
      const quick = Date.now();
      const kept = await database({ identifier: "api7-c" });
      assert.ok(Date.now() - quick < 200);
      // Raised later, only the first backup is waited for.
      const raised = await plugin.update(kept, { backupRetentionPeriod: 7, applyImmediately: true });
      assert.equal(raised.outputs["backupRetentionPeriod"], 7);
      assert.equal(raised.outputs["status"], "available");
    } finally {
      await end();
    }
  });

  describe("snapshots", () => {
    beforeEach(async () => begin());
    afterEach(end);

    it("are there when the resource is, and are shown by the API", async () => {
      const kept = await snapshot();
      assert.equal(kept.outputs["status"], "available");
      assert.equal(kept.outputs["encrypted"], true);
      const { DBSnapshots } = await sdk.send(new DescribeDBSnapshotsCommand({ DBInstanceIdentifier: "api7-a" }));
      assert.deepEqual(
        DBSnapshots?.map(({ DBSnapshotIdentifier, Status, EngineVersion }) => [
          DBSnapshotIdentifier,
          Status,
          EngineVersion,
        ]),
        [["copy-1", "available", "15.18"]],
      );
      await plugin.delete(kept);
      assert.equal(await plugin.read(kept), undefined);
      await plugin.delete(kept);
    });

    it("are refused a second time under one name, and of an instance that is not there", async () => {
      await snapshot();
      await assert.rejects(snapshot(), /creating AWS DB Snapshot \(api7-a\): .*api error DBSnapshotAlreadyExists/);
      await assert.rejects(
        plugin.create("snapshot", { dbInstanceIdentifier: "none", dbSnapshotIdentifier: "x" }),
        /StatusCode: 404, .*api error DBInstanceNotFound/,
      );
    });

    it("may exist although their answer was lost: the next attempt meets them", async () => {
      const lost = { code: "InternalFailure", message: "try again", afterEffect: true };
      test.cloud.faults.fail("CreateDBSnapshot", lost);
      await assert.rejects(snapshot(), /StatusCode: 503, .*api error InternalFailure: try again/);
      await assert.rejects(snapshot(), /api error DBSnapshotAlreadyExists/);
    });
  });
});
