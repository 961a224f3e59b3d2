import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { Client } from "pg";
import { podCommand } from "../../rehearsal/cloud/gateways";
import { newAuthority, issue } from "../../rehearsal/cloud/gateways/common/authority";
import { type PostgresServer } from "../../rehearsal/cloud/postgres";
import {
  answers,
  ask,
  dashboardFiles,
  DP_MANAGER_NAME,
  eventually,
  type Answer,
  type Issued,
  type TestPod,
} from "./gatewayPods";
import { dsnOf, GatewayWorld, MASTER, type ControlPlane } from "./gatewayWorld";

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

  const value = ({ body }: Answer): Record<string, unknown> =>
    (JSON.parse(body) as { readonly value: Record<string, unknown> }).value;
  const instances = async (controlPlane: ControlPlane): Promise<readonly Instance[]> => {
    const { body } = await controlPlane.api("/api/gateway_groups/default/instances");
    return (JSON.parse(body) as { readonly list: readonly Instance[] }).list;
  };
  const instance = async (controlPlane: ControlPlane, hostname: string): Promise<Instance | undefined> =>
    (await instances(controlPlane)).find((found) => found.hostname === hostname);
  const query = async (server: PostgresServer, text: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new Client({ connectionString: dsnOf(server) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const request = (ip: string): Promise<Answer> => {
    const sample = world.seeded.catalogue[0] ?? assert.fail();
    return ask(`http://${ip}:9080${sample.path}`, { headers: { host: sample.host, "x-nonce": "n" } });
  };

  it("know images by their repository and the right form of the tag only", () => {
    const known = [
      "api7/api7-ee-3-integrated:v3.9.18",
      "api7/api7-ee-dp-manager:v3.9.18",
      "api7/api7-ee-developer-portal:v3.9.18",
      "api7/api7-ee-3-gateway:3.9.18",
    ];
    for (const image of [...known, "docker.io/api7/api7-ee-3-gateway:3.9.2"])
      assert.equal(podCommand(image)?.[0], process.execPath, image);
    const unknown = [
      "api7/api7-ee-3-integrated:3.9.18",
      "api7/api7-ee-3-gateway:v3.9.18",
      "api7/api7-ee-3-gateway",
      "api7/api7-ee-3-gateway:latest",
      "nginx:3.9.18",
      "api7/api7-ee-dp-manager:v3.8.1",
    ];
    for (const image of unknown) assert.equal(podCommand(image), undefined, image);
  });

  it("answer API7's calls with the token, and nobody without", async () => {
    assert.equal(value(await a.api("/api/version")), "v3.9.18");
    assert.deepEqual(value(await a.api("/api/system_settings")).dp_manager_address, [
      `https://${DP_MANAGER_NAME}:7943`,
    ]);
    const licence = value(await a.api("/api/license"));
    assert.equal((licence.runtime as Record<string, unknown>).status, "normal");
    const groups = JSON.parse((await a.api("/api/gateway_groups")).body) as {
      readonly list: readonly { readonly short_id: string }[];
    };
    assert.deepEqual(
      groups.list.map(({ short_id: shortId }) => shortId),
      ["default"],
    );
    for (const headers of [{}, { "x-api-key": "a7ee-wrong" }, { authorization: "Basic YWRtaW46YWRtaW4=" }]) {
      assert.equal((await a.api("/api/version", { headers: headers })).status, 401);
    }
    assert.equal((await a.api("/api/nothing")).status, 404);
    assert.equal((await a.api("/apisix/admin/routes")).status, 400);
    assert.equal((await a.api("/apisix/admin/routes?gateway_group_id=other")).status, 404);
  });

  it("log in by session, change settings, make tokens; write each call to the audit log, and not the probes", async () => {
    const before = (await query(world.database, "select count(*)::int as n from audit_log"))[0]?.n as number;
    const login = await a.api("/api/login", { method: "POST", body: world.seeded.administrator, headers: {} });
    assert.equal(login.status, 200);
    const cookie = login.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
    assert.equal((await a.api("/api/version", { headers: { cookie } })).status, 200);
    const address = ["https://b.example:7943"];
    const written = await a.api("/api/system_settings", {
      method: "PUT",
      body: { dp_manager_address: address },
      headers: { cookie },
    });
    assert.deepEqual(value(written).dp_manager_address, address);
    assert.equal(
      (await a.api("/api/system_settings", { method: "PUT", body: { dp_manager_address: "b" } })).status,
      400,
    );
    const token = value(await a.api("/api/tokens", { method: "POST", body: { name: "ci", expires_at: 0 } }))
      .token as string;
    assert.equal((await a.api("/api/version", { headers: { "x-api-key": token } })).status, 200);
    const wrong = await a.api("/api/login", {
      method: "POST",
      body: { username: "admin", password: "admin" },
      headers: {},
    });
    assert.equal(wrong.status, 401);
    await ask(`https://${a.dashboardIp}:7443/healthz`);
    assert.equal((await query(world.database, "select count(*)::int as n from audit_log"))[0]?.n, before + 7);
    const paths = await query(
      world.database,
      "select method, path, username, status from audit_log order by id desc limit 1",
    );
    assert.deepEqual(paths[0], { method: "POST", path: "/api/login", username: "", status: 401 });
  });

  it("open the Admin API of one group by its admin key, and refuse what the tables refuse", async () => {
    const { key } = value(await a.api("/api/gateway_groups/default/admin_key", { method: "PUT" }));
    const headers = { "x-api-key": String(key) };
    assert.match(String(key), /^a7adm-/);
    const list = JSON.parse((await a.api("/apisix/admin/routes?page_size=3", { headers })).body) as {
      readonly list: readonly unknown[];
      readonly total: number;
    };
    assert.deepEqual([list.list.length, list.total], [3, 1200]);
    assert.equal((await a.api("/api/version", { headers })).status, 404);
    const put = (path: string, body: unknown): Promise<Answer> =>
      a.api(`/apisix/admin/${path}?gateway_group_id=default`, { method: "PUT", body });
    assert.equal((await put("routes/x", { name: "x", service_id: "missing", paths: ["/x"] })).status, 400);
    assert.match(
      (await put("routes/x", { name: "x", pahts: ["/x"] })).body,
      /additional properties are not allowed: pahts/,
    );
    const consumer = await put("consumers/tester", { labels: { plan: "free" } });
    assert.equal(consumer.status, 200, consumer.body);
    assert.equal((await put("consumers/tester/credentials/c1", { plugins: { "key-auth": { key: "k" } } })).status, 200);
    assert.equal(
      (await a.api("/apisix/admin/consumers/tester?gateway_group_id=default", { method: "DELETE" })).status,
      200,
    );
    assert.equal((await a.api("/apisix/admin/consumers/tester?gateway_group_id=default")).status, 404);
    const ssls = await a.api("/apisix/admin/ssls?gateway_group_id=default");
    assert.doesNotMatch(ssls.body, /PRIVATE KEY/);
  });

  it("sign data planes' certificates with the authority of the database", async () => {
    const [row] = await query(world.database, "select certificate from dataplane_certificate where type = 'Root'");
    assert.equal(certificate.ca_certificate, row?.certificate);
    const issued = new X509Certificate(certificate.certificate);
    assert.ok(issued.verify(new X509Certificate(certificate.ca_certificate).publicKey));
    assert.deepEqual(issued.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
    assert.equal((await a.api("/api/gateway_groups/missing/dp_client_certificates", { method: "POST" })).status, 404);
  });

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

  it("have a developer portal that needs its database", async () => {
    const portal = world.portal("a", `${NETWORK}.10.31`);
    await answers(`https://${NETWORK}.10.31:4321/healthz`);
    assert.equal((await ask(`https://${NETWORK}.10.31:4321/other`)).status, 404);
    portal.signal("SIGTERM");
    assert.equal(await portal.exited, 0);
  });

  it("connect to the database as the DSN says: encrypted, verified, or not at all", async () => {
    const start = (name: string, last: number, dsn: string, files: Record<string, string> = {}): TestPod =>
      world.pod({
        cluster: "a",
        name,
        ip: `${NETWORK}.10.${last}`,
        image: "api7/api7-ee-3-integrated:v3.9.18",
        files: { ...dashboardFiles(dsn), ...files },
      });
    const dsn = dsnOf(world.database);
    const encrypted = (name: string): string =>
      `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = '${name}'`;
    start("plain", 41, `${dsn}?sslmode=disable`);
    start("encrypted", 42, `${dsn}?sslmode=require`);
    start("verified", 43, `${dsn}?sslmode=verify-full&sslrootcert=/rds/ca.pem`, {
      "/rds/ca.pem": await world.servers.certificateAuthority(),
    });
    for (const [last, name, ssl] of [
      [41, "plain", false],
      [42, "encrypted", true],
      [43, "verified", true],
    ] as const) {
      await answers(`https://${NETWORK}.10.${last}:7443/healthz`);
      assert.deepEqual((await query(world.database, encrypted(name)))[0], { ssl }, name);
    }
    const refused = [
      { pod: start("unverified", 44, `${dsn}?sslmode=verify-full`), log: /certificate/ },
      { pod: start("odd", 45, `${dsn}?sslmode=odd`), log: /sslmode is invalid \(odd\)/ },
      {
        pod: start("scheme", 46, dsn.replace("postgres://", "postgresql://")),
        log: /unsupported scheme \(postgresql:\), expected postgres:/,
      },
    ];
    for (const { pod, log } of refused) {
      assert.equal(await pod.exited, 1);
      assert.match(pod.output, log);
      assert.doesNotMatch(pod.output, new RegExp(MASTER.masterPassword));
    }
  });
});
