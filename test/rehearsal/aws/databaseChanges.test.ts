import assert from "node:assert/strict";
import { DescribeDBInstancesCommand, DescribeDBSnapshotsCommand, RDSClient } from "@aws-sdk/client-rds";
import { type Props } from "../../../rehearsal/providers/framework";
import { REGION, startCloud, type TestCloud } from "./fakes";
import { type Kept, Plugin } from "./plugin";

const credentials = { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" };

describe("local AWS: changing and deleting databases", () => {
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

  describe("changing", () => {
    beforeEach(async () => begin());
    afterEach(end);

    it("waits for the maintenance window unless told otherwise, and says so", async () => {
      const kept = await restored({ multiAz: false });
      const updated = await plugin.update(kept, { multiAz: true, backupRetentionPeriod: 3, deletionProtection: true });
      // Protection never waits; turning backups on does.
      assert.equal(updated.outputs["deletionProtection"], true);
      assert.equal((await live())?.MultiAZ, false);
      assert.deepEqual((await live())?.PendingModifiedValues, { BackupRetentionPeriod: 3, MultiAZ: true });
      assert.equal(plugin.shown.length, 1);
      assert.match(
        plugin.shown[0] ?? "",
        /^warning: MultiAZ, BackupRetentionPeriod of api7-b will change in the maint/,
      );
      // A refresh shows it as a difference until then.
      assert.equal((await plugin.read(updated))?.inputs["multiAz"], false);
      test.cloud.passMaintenanceWindow("api7-b");
      assert.deepEqual((await plugin.read(updated))?.inputs, updated.inputs);
      assert.deepEqual((await live())?.PendingModifiedValues, {});
    });

    it("takes along what waited when something is applied immediately", async () => {
      const kept = await restored();
      const waiting = await plugin.update(kept, { multiAz: true });
      // The program does not speak of it any more, and it happens all the same.
      await plugin.update(waiting, { multiAz: undefined, applyImmediately: true, instanceClass: "db.m6g.xlarge" });
      const now = await live();
      assert.equal(now?.MultiAZ, true);
      assert.equal(now.DBInstanceClass, "db.m6g.xlarge");
      assert.deepEqual(now.PendingModifiedValues, {});
    });

    it("takes a waiting change back when it is not wanted any more", async () => {
      const kept = await restored({ multiAz: false });
      const waiting = await plugin.update(kept, { multiAz: true });
      await plugin.update(waiting, { multiAz: false });
      assert.deepEqual((await live())?.PendingModifiedValues, {});
    });

    it("attaches a parameter group at once, its values at the next restart", async () => {
      const kept = await restored();
      await plugin.create("parameterGroup", { name: "own", family: "postgres15" });
      await plugin.update(kept, { parameterGroupName: "own" });
      const [group] = (await live())?.DBParameterGroups ?? [];
      assert.deepEqual(group, { DBParameterGroupName: "own", ParameterApplyStatus: "pending-reboot" });
      assert.match(plugin.shown.join("\n"), /next restart/);
    });

    it("renames in place", async () => {
      const kept = await restored({ applyImmediately: true });
      const renamed = await plugin.update(kept, { identifier: "api7-new" });
      assert.equal(renamed.id, kept.id);
      assert.equal(renamed.outputs["address"], kept.outputs["address"]);
      assert.equal(renamed.outputs["arn"], `arn:aws:rds:${REGION}:123456789012:db:api7-new`);
      await assert.rejects(live(), { name: "DBInstanceNotFoundFault" });
      assert.equal((await live("api7-new"))?.DBInstanceStatus, "available");
    });

    it("is refused a move to another subnet group of the same VPC", async () => {
      const kept = await restored();
      await plugin.create("subnetGroup", { name: "other", subnetIds: [...test.world.subnetIds] });
      await assert.rejects(plugin.update(kept, { dbSubnetGroupName: "other" }), /InvalidVPCNetworkStateFault/);
    });

    it("ends at the time limit of the resource, as the real provider's wait does", async () => {
      const kept = await restored();
      test.cloud.faults.slow("ModifyDBInstance", { delayMs: 1500 });
      await assert.rejects(plugin.update(kept, { multiAz: true }, 1), /timeout while waiting for AWS \(1 s\)/);
    });
  });

  describe("deleting", () => {
    beforeEach(async () => begin());
    afterEach(end);

    it("is refused while protected", async () => {
      const kept = await restored({ deletionProtection: true });
      await assert.rejects(
        plugin.delete(kept),
        /deleting RDS DB Instance \(api7-b\): .*api error InvalidParameterCombination: Cannot delete protected DB Instance/,
      );
      assert.equal((await live())?.DBInstanceStatus, "available");
    });

    it("needs a name for the final snapshot, and takes it", async () => {
      const kept = await restored({ skipFinalSnapshot: false });
      await assert.rejects(
        plugin.delete(kept),
        /final_snapshot_identifier is required when skip_final_snapshot is false/,
      );
      const named = await plugin.update(kept, { finalSnapshotIdentifier: "api7-b-final" });
      await plugin.delete(named);
      assert.equal(await plugin.read(named), undefined);
      assert.equal(test.servers.removed.length, 1);
      const { DBSnapshots } = await sdk.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: "api7-b-final" }));
      assert.equal(DBSnapshots?.[0]?.Status, "available");
      assert.equal(test.cloud.databaseServer("api7-b"), undefined);
    });

    it("keeps the instance when its final snapshot fails", async () => {
      const kept = await restored({ skipFinalSnapshot: false, finalSnapshotIdentifier: "final" });
      test.servers.snapshot = async () => Promise.reject(new Error("disk full"));
      await assert.rejects(plugin.delete(kept), /unexpected state 'available'/);
      assert.equal((await live())?.DBInstanceStatus, "available");
    });

    it("of a group in use is refused", async () => {
      const subnets = await plugin.create("subnetGroup", { name: "b", subnetIds: [...test.world.subnetIds] });
      const parameters = await plugin.create("parameterGroup", { name: "b", family: "postgres15" });
      const own = await plugin.create("securityGroup", { vpcId: test.world.vpcId });
      const groups = { dbSubnetGroupName: "b", parameterGroupName: "b", vpcSecurityGroupIds: [own.id] };
      const kept = await restored(groups);
      await assert.rejects(plugin.delete(subnets), /api error InvalidDBSubnetGroupStateFault/);
      await assert.rejects(plugin.delete(parameters), /api error InvalidDBParameterGroupState/);
      await assert.rejects(plugin.delete(own), /api error DependencyViolation: .*DB instance api7-b/);
      await plugin.delete(kept);
      for (const resource of [subnets, parameters, own]) {
        await plugin.delete(resource);
        assert.equal(await plugin.read(resource), undefined);
      }
    });
  });

  describe("groups", () => {
    beforeEach(async () => begin());
    afterEach(end);

    it("of subnets must cover two zones with subnets that are there", async () => {
      const [subnet = ""] = test.world.subnetIds;
      await assert.rejects(
        plugin.create("subnetGroup", { name: "b", subnetIds: [subnet, "subnet-1"] }),
        /api error InvalidSubnet: Subnet IDs are invalid: subnet-1/,
      );
      const response = await fetch(`${test.cloud.endpoint}/rehearsal/aws/rds/subnetGroup/create`, {
        method: "POST",
        body: JSON.stringify({ inputs: { name: "b", description: "b", subnetIds: [subnet, subnet] } }),
      });
      assert.match(
        await response.text(),
        /api error DBSubnetGroupDoesNotCoverEnoughAZs: .*eu-central-1a\. Add subnets/,
      );
      const kept = await plugin.create("subnetGroup", { subnetIds: [...test.world.subnetIds] }, "Mixed");
      assert.match(String(kept.outputs["name"]), /^mixed-[0-9a-f]{7}$/);
      assert.equal(kept.outputs["description"], "Managed by Pulumi");
      assert.equal(kept.outputs["vpcId"], test.world.vpcId);
    });

    it("of parameters are set, changed and reset", async () => {
      const kept = await plugin.create("parameterGroup", {
        name: "b",
        family: "postgres15",
        parameters: [
          { name: "work_mem", value: "8192" },
          { name: "max_connections", value: "500", applyMethod: "pending-reboot" },
        ],
      });
      assert.deepEqual((await plugin.read(kept))?.inputs, kept.inputs);
      const changed = await plugin.update(kept, { parameters: [{ name: "work_mem", value: "4096" }] });
      assert.deepEqual((await plugin.read(changed))?.inputs, changed.inputs);
      assert.equal((changed.outputs["parameters"] as readonly unknown[]).length, 1);
    });
  });
});
