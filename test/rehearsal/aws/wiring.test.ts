import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { AwsCloud, type World } from "../../../rehearsal/cloud/aws";
import { LoadBalancerProcess } from "../../../rehearsal/cloud/loadBalancer";
import { PostgresServers } from "../../../rehearsal/cloud/postgres";
import { claimNetwork, PASSWORD, REGION } from "./fakes";
import { Plugin } from "./plugin";

describe("local AWS over a real load balancer and real databases", function () {
  this.timeout(60_000);
  const servers: Server[] = [];
  let claimed: Awaited<ReturnType<typeof claimNetwork>>;
  let home: string;
  let postgres: PostgresServers;
  let cloud: AwsCloud;
  let world: World;
  let plugin: Plugin;

  before(async () => {
    claimed = await claimNetwork();
    home = mkdtempSync(join(tmpdir(), "aws-wiring-"));
    postgres = new PostgresServers({ home });
    cloud = await AwsCloud.start({
      network: claimed.network,
      region: REGION,
      home,
      pace: 100,
      startLoadBalancer: async () => LoadBalancerProcess.start({ pace: 100 }),
      postgres,
    });
    world = await cloud.seedBefore({
      listenerPort: 8080,
      adminPort: 8081,
      database: { username: "api7", password: PASSWORD, name: "api7ee" },
    });
    plugin = new Plugin(cloud);
  });
  after(async () => {
    plugin.end();
    await cloud.stop();
    await postgres.stopAll();
    for (const server of servers) server.close();
    await claimed.release();
    rmSync(home, { recursive: true, force: true });
  });

  const query = async (address: string, password: string, sql: string): Promise<readonly unknown[]> => {
    const client = new Client({ host: address, user: "api7", password, database: "api7ee" });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it("restores database B from a snapshot of A: A's rows of that moment, B's own password", async () => {
    const { databaseA } = world;
    await query(databaseA.address, PASSWORD, "create table route as select n as id from generate_series(1, 1000) n");
    const names = { dbInstanceIdentifier: databaseA.instanceIdentifier, dbSnapshotIdentifier: "copy-1" };
    await plugin.create("snapshot", names);
    await query(databaseA.address, PASSWORD, "delete from route");
    const password = "second-Password-2";
    const database = await plugin.create("instance", {
      identifier: "api7-b",
      snapshotIdentifier: "copy-1",
      instanceClass: "db.m6g.large",
      dbSubnetGroupName: "api7-a",
      backupRetentionPeriod: 0,
      skipFinalSnapshot: true,
      password,
    });
    const address = String(database.outputs["address"]);
    assert.notEqual(address, databaseA.address);
    assert.deepEqual(await query(address, password, "select count(*)::int as count from route"), [{ count: 1000 }]);
    await assert.rejects(query(address, PASSWORD, "select 1"), /password authentication failed/);
    assert.deepEqual(await query(databaseA.address, PASSWORD, "select count(*)::int as count from route"), [
      { count: 0 },
    ]);
    assert.match(String(database.outputs["engineVersionActual"]), /^15\.\d+$/);
    await cloud.databaseServer("api7-b")?.stop();
    assert.equal((await plugin.read(database))?.outputs["status"], "stopped");
    await plugin.delete(database);
    await assert.rejects(query(address, password, "select 1"), /ECONNREFUSED/);
  });

  it("encrypts the copy of an unencrypted snapshot with a key, and what is restored from it stays as declared", async () => {
    const shared = { instanceClass: "db.m6g.large", dbSubnetGroupName: "api7-a", skipFinalSnapshot: true };
    const plain = {
      identifier: "plain",
      engine: "postgres",
      username: "api7",
      password: PASSWORD,
      allocatedStorage: 20,
    };
    const source = await plugin.create("instance", { ...shared, ...plain, backupRetentionPeriod: 0 });
    const names = { dbInstanceIdentifier: "plain", dbSnapshotIdentifier: "plain-1" };
    const snapshot = await plugin.create("snapshot", names);
    assert.equal(snapshot.outputs["encrypted"], false);
    const kmsKeyId = `arn:aws:kms:${REGION}:123456789012:key/11111111-2222-3333-4444-555555555555`;
    const copy = await plugin.create("snapshotCopy", {
      sourceDbSnapshotIdentifier: "plain-1",
      targetDbSnapshotIdentifier: "plain-1-copy",
      kmsKeyId,
    });
    assert.equal(copy.outputs["encrypted"], true);
    const restore = { ...shared, storageEncrypted: true, backupRetentionPeriod: 0 };
    const unencrypted = await plugin.create("instance", {
      ...restore,
      identifier: "of-plain",
      snapshotIdentifier: "plain-1",
    });
    assert.equal(
      (await plugin.read(unencrypted))?.inputs["storageEncrypted"],
      false,
      "planned for replacement for ever",
    );
    const encrypted = await plugin.create("instance", {
      ...restore,
      kmsKeyId,
      identifier: "of-copy",
      snapshotIdentifier: "plain-1-copy",
    });
    assert.deepEqual((await plugin.read(encrypted))?.inputs, encrypted.inputs);
    for (const made of [encrypted, unencrypted, copy, snapshot, source]) await plugin.delete(made);
    assert.equal(await plugin.read(copy), undefined);
  });

  it("moves real requests from A to B by the weights", async () => {
    const pods = ["a", "b"].map((cluster, index) => ({
      cluster,
      id: `${claimed.network}.${10 + index * 10}.5`,
      port: 9080,
    }));
    for (const { cluster, id } of pods) {
      for (const port of [9080, 7085]) {
        const server = createServer((_request, response) => response.end(cluster)).listen(port, id);
        servers.push(server);
        await once(server, "listening");
      }
    }
    const b = await plugin.create("targetGroup", {
      port: 9080,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: world.vpcId,
      healthCheck: { path: "/status", port: "7085", interval: 10 },
    });
    const actions = (weightB: number) => [
      {
        type: "forward",
        forward: {
          targetGroups: [
            { arn: world.targetGroupAArn, weight: 100 - weightB },
            { arn: b.id, weight: weightB },
          ],
          stickiness: { enabled: false, duration: 1 },
        },
      },
    ];
    const conditions = [{ pathPattern: { values: ["/*"] } }];
    const inputs = { listenerArn: world.listenerArn, priority: 10, conditions, actions: actions(0) };
    const rule = await plugin.create("rule", inputs);
    for (const [arn, pod] of [[world.targetGroupAArn, pods[0]] as const, [b.id, pods[1]] as const]) {
      await cloud.registerTargets(arn, pod === undefined ? [] : [{ id: pod.id, port: pod.port }]);
    }
    const healthy = async (): Promise<boolean> => {
      const states = [...(await cloud.describeTargets(world.targetGroupAArn)), ...(await cloud.describeTargets(b.id))];
      return states.length === 2 && states.every(({ state }) => state === "healthy");
    };
    for (let tries = 0; !(await healthy()); tries++) {
      assert.ok(tries < 100, "the targets did not become healthy");
      await delay(50);
    }
    const ask = async (): Promise<string> =>
      (await fetch(`http://${world.loadBalancerAddress}:${world.listenerPort}/x`)).text();
    assert.equal(await ask(), "a");
    await plugin.update(rule, { actions: actions(100) });
    // The load balancer takes a moment to take a change over, as on AWS.
    for (let tries = 0; (await ask()) === "a"; tries++) {
      assert.ok(tries < 100, "no request reached B");
      await delay(20);
    }
    for (let n = 0; n < 20; n++) assert.equal(await ask(), "b");
  });
});
