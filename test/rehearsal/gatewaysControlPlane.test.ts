import assert from "node:assert/strict";
import { join } from "node:path";
import { newAuthority, issue } from "../../rehearsal/cloud/gateways/common/authority";
import { type PostgresServer } from "../../rehearsal/cloud/postgres";
import { answers, ask, eventually, type Answer, type Issued, type TestPod } from "./gatewayPods";
import { GatewayWorld, MASTER, query, type ControlPlane } from "./gatewayWorld";

const NETWORK = "127.134";

interface Instance {
  readonly hostname: string;
  readonly status: string;
  readonly last_heartbeat_time: string;
}

describe("control planes of the rehearsal", function () {
  this.timeout(60_000);
  let world: GatewayWorld;
  let a: ControlPlane;
  let b: ControlPlane;
  let databaseB: PostgresServer;
  let certificate: Issued;
  let gatewayA: TestPod;
  const GATEWAY_A = `${NETWORK}.10.11`;

  before(async () => {
    world = await GatewayWorld.start(NETWORK, 1200);
    a = await world.controlPlane("a", 10, world.database);
    certificate = await a.issue();
    gatewayA = world.gateway({
      cluster: "a",
      name: "gateway-a",
      ip: GATEWAY_A,
      certificate,
      dpManagers: [a.dpManagerIp],
    });
    await answers(`http://${GATEWAY_A}:7085/status/ready`);
  });

  after(() => world.stop());

  const instances = async (controlPlane: ControlPlane): Promise<readonly Instance[]> => {
    const { body } = await controlPlane.api("/api/gateway_groups/default/instances");
    return (JSON.parse(body) as { readonly list: readonly Instance[] }).list;
  };
  const instance = async (controlPlane: ControlPlane, hostname: string): Promise<Instance | undefined> =>
    (await instances(controlPlane)).find((found) => found.hostname === hostname);
  const request = (ip: string): Promise<Answer> => {
    const sample = world.seeded.catalogue[0] ?? assert.fail();
    return ask(`http://${ip}:9080${sample.path}`, { headers: { host: sample.host, "x-nonce": "n" } });
  };

  it("list a data plane as healthy while its heartbeats come", async () => {
    const first = await eventually("gateway-a is listed", () => instance(a, "gateway-a"));
    assert.equal(first.status, "Healthy");
    await eventually(
      "heartbeats go on",
      async () => (await instance(a, "gateway-a"))?.last_heartbeat_time !== first.last_heartbeat_time,
    );
  });

  it("refuse data planes with another authority's certificate, without one, of a newer version, or with an unknown address", async () => {
    const authority = await newAuthority();
    const foreign = await issue(authority, { commonName: "x", usage: "client" });
    const wrong = {
      certificate: foreign.certificate,
      private_key: foreign.privateKey,
      ca_certificate: certificate.ca_certificate,
    };
    const common = { cluster: "a", certificate, dpManagers: [a.dpManagerIp] } as const;
    const refused = [
      {
        pod: world.gateway({ ...common, name: "foreign", ip: `${NETWORK}.10.21`, certificate: wrong }),
        log: /request etcd endpoint .*handshake failed.*bad certificate/,
      },
      {
        pod: world.gateway({ ...common, name: "newer", ip: `${NETWORK}.10.22`, version: "3.9.19" }),
        log: /version 3.9.19 is newer/,
      },
      {
        pod: world.gateway({
          ...common,
          name: "lost",
          ip: `${NETWORK}.10.23`,
          hosts: ["https://elsewhere.api7.svc.cluster.local:7943"],
        }),
        log: /no such host/,
      },
      {
        pod: world.gateway({
          ...common,
          name: "unverified",
          ip: `${NETWORK}.10.24`,
          certificate: { ...certificate, ca_certificate: authority.certificate },
        }),
        log: /certificate verify failed/,
      },
      {
        pod: world.gateway({
          ...common,
          name: "closed",
          ip: `${NETWORK}.10.25`,
          hosts: [`https://${NETWORK}.10.99:7943`],
        }),
        log: /ECONNREFUSED/,
      },
    ];
    for (const { pod, log } of refused) {
      assert.equal(await pod.exited, 1, pod.output);
      assert.match(pod.output, log);
      assert.match(pod.output, /all etcd nodes are unavailable/);
    }
    assert.match(a.dpManager.output, /TLS handshake failed/);
    const plain = await ask(`http://${a.dpManagerIp}:7900/version`);
    assert.equal(plain.status, 403);
  });

  it("run on a restored copy with the same authority; the old data planes are lost there, the token still opens it", async () => {
    const folder = join(world.home, "snapshot");
    await world.servers.snapshot(world.database, folder);
    databaseB = await world.servers.restore({ name: "b", address: `${NETWORK}.1.2`, folder });
    const tables = "select id, certificate, private_key from dataplane_certificate";
    b = await world.controlPlane("b", 20, databaseB);
    assert.deepEqual(await query(databaseB, tables), await query(world.database, tables));
    const seen = await eventually("gateway-a is lost on B", async () => {
      const found = await instance(b, "gateway-a");
      return found?.status === "LostConnection" && found;
    });
    assert.ok(Date.now() - Date.parse(seen.last_heartbeat_time) >= 3000);
    assert.equal((await instance(a, "gateway-a"))?.status, "Healthy");
  });

  it("accept each other's data planes after a restore: only the instance list tells where one really is", async () => {
    const certificateB = await b.issue();
    const right = { cluster: "b", certificate: certificateB, dpManagers: [b.dpManagerIp] } as const;
    world.gateway({ ...right, name: "gateway-b-right", ip: `${NETWORK}.20.11` });
    // The config file names B, a variable names A, and it wins.
    const env = {
      API7_DP_MANAGER_ENDPOINTS: JSON.stringify([`https://${a.dpManagerIp}:7943`]),
      API7_DP_MANAGER_SNI: "api7ee3-dp-manager",
    };
    world.gateway({ ...right, name: "gateway-b-wrong", ip: `${NETWORK}.20.12`, env });
    for (const last of [11, 12]) await answers(`http://${NETWORK}.20.${last}:7085/status/ready`);
    for (const last of [11, 12])
      assert.equal((await request(`${NETWORK}.20.${last}`)).headers["x-rehearsal-cluster"], "b");
    await eventually("B lists its own", async () => (await instance(b, "gateway-b-right"))?.status === "Healthy");
    await eventually(
      "A lists the strayed one",
      async () => (await instance(a, "gateway-b-wrong"))?.status === "Healthy",
    );
    assert.equal(await instance(b, "gateway-b-wrong"), undefined);
    assert.equal(await instance(a, "gateway-b-right"), undefined);
    await query(databaseB, "delete from route");
    await eventually(
      "B's data plane serves B's database",
      async () => (await request(`${NETWORK}.20.11`)).status === 404,
    );
    assert.equal((await request(`${NETWORK}.20.12`)).status, 200);
  });

  it("make an authority of their own on an empty database, which the old certificates do not open", async () => {
    const empty = await world.servers.create({ name: "c", address: `${NETWORK}.1.3`, ...MASTER });
    const c = await world.controlPlane("b", 21, empty);
    const [row] = await query(empty, "select certificate from dataplane_certificate where type = 'Root'");
    assert.notEqual(row?.certificate, certificate.ca_certificate);
    const pod = world.gateway({
      cluster: "b",
      name: "old-certificate",
      ip: `${NETWORK}.21.11`,
      certificate: { ...certificate, ca_certificate: String(row?.certificate) },
      dpManagers: [c.dpManagerIp],
    });
    assert.equal(await pod.exited, 1);
    assert.match(pod.output, /handshake failed.*bad certificate/);
  });

  it("report a database that is away; data planes serve on and are not ready", async () => {
    await world.database.stop("immediate");
    for (const url of [`https://${a.dashboardIp}:7443/healthz`, `http://${a.dpManagerIp}:7900/healthz`])
      await answers(url, 503);
    await answers(`http://${GATEWAY_A}:7085/status/ready`, 503);
    assert.match(
      (await ask(`http://${GATEWAY_A}:7085/status/ready`)).body,
      /none of the configured dp_manager available/,
    );
    assert.equal((await request(GATEWAY_A)).status, 200);
    await world.database.start();
    for (const url of [`https://${a.dashboardIp}:7443/healthz`, `http://${a.dpManagerIp}:7900/healthz`])
      await answers(url);
    await answers(`http://${GATEWAY_A}:7085/status/ready`);
  });

  it("may die: data planes serve from memory, say so in their log, and come back with the next one", async () => {
    await a.dpManager.stop();
    await eventually("the log says it", () => {
      const known = [
        /failed to fetch data from etcd/,
        /failed to send heartbeat to control plane/,
        /failed to connect with control plane after 3 attempts/,
      ];
      return Promise.resolve(known.every((fragment) => fragment.test(gatewayA.output)));
    });
    assert.equal((await request(GATEWAY_A)).status, 200);
    assert.equal((await ask(`http://${GATEWAY_A}:7085/status`)).status, 200);
    assert.equal((await ask(`http://${GATEWAY_A}:7085/status/ready`)).status, 503);
    world.dpManager("a", 10, world.database);
    await eventually("it reconnects", () => Promise.resolve(/reconnected to etcd/.test(gatewayA.output)));
    await query(world.database, "delete from route");
    await eventually("changes arrive again", async () => (await request(GATEWAY_A)).status === 404);
    await eventually("it is healthy again", async () => (await instance(a, "gateway-a"))?.status === "Healthy");
  });
});
