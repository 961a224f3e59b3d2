import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { podCommand } from "../../rehearsal/cloud/gateways";
import { answers, ask, dashboardFiles, DP_MANAGER_NAME, type Answer, type Issued, type TestPod } from "./gatewayPods";
import { dsnOf, GatewayWorld, MASTER, query, type ControlPlane } from "./gatewayWorld";

const NETWORK = "127.136";

describe("the control plane's own interfaces", function () {
  this.timeout(60_000);
  let world: GatewayWorld;
  let a: ControlPlane;
  let certificate: Issued;

  before(async () => {
    world = await GatewayWorld.start(NETWORK, 1200);
    a = await world.controlPlane("a", 10, world.database);
    certificate = await a.issue();
  });

  after(() => world.stop());

  const value = ({ body }: Answer): Record<string, unknown> =>
    (JSON.parse(body) as { readonly value: Record<string, unknown> }).value;
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

  it("list alert policies by pages, and switch one by the field that says so", async () => {
    const list = async (page: number): Promise<readonly { readonly id: string; readonly enable: boolean }[]> => {
      const { body } = await a.api(`/api/alert/policies?page=${page}&page_size=5`);
      const { list: found, total } = JSON.parse(body) as { list: { id: string; enable: boolean }[]; total: number };
      assert.equal(total, 8);
      return found;
    };
    const [first, second] = [await list(1), await list(2)];
    assert.deepEqual([first.length, second.length, (await list(3)).length], [5, 3, 0]);
    assert.ok([...first, ...second].every(({ enable }) => enable));
    const off = { method: "PATCH", body: { enable: false } };
    assert.equal((await a.api("/api/alert/policies/policy-3", off)).status, 200);
    assert.deepEqual(await query(world.database, "select id from alert_policy where not enabled"), [
      { id: "policy-3" },
    ]);
    assert.equal((await a.api("/api/alert/policies/policy-99", off)).status, 404);
    for (const body of [{}, { enable: "no" }, { enable: true, name: "x" }]) {
      assert.equal((await a.api("/api/alert/policies/policy-3", { method: "PATCH", body })).status, 400);
    }
    await a.api("/api/alert/policies/policy-3", { method: "PATCH", body: { enable: true } });
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
