import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { Systems } from "../../checks/context";
import { checkDeploymentSetting, checkDomain } from "../../checks/pinningAddress";
import { Report, type CheckResult } from "../../checks/result";
import { type MigrationScope } from "../../migration/gateRequest";
import { NO_INSPECTION } from "../../migration/inspection";
import { API_TOKEN, DP_MANAGER, healthyClusterB } from "./support/clusterB";
import { KubernetesFake } from "./support/kubernetesFake";
import { findingOn, SCOPE } from "./support/scope";

const OF_B = "127.241.4.20";
const ELSEWHERE = "127.241.4.21";
const SETTING = "Gateway Settings > Deployment";

/** Addresses stand for names here: the probe's own script resolves and connects, on this machine. */
describe("check: pinned, the address of B", () => {
  let fake: KubernetesFake;
  let listening: Server[];

  beforeEach(async () => {
    fake = await KubernetesFake.start("api7");
    healthyClusterB(fake);
    listening = [];
  });
  afterEach(async () => {
    await fake.stop();
    await Promise.all(listening.map((server) => new Promise((resolve) => server.close(resolve))));
  });

  async function listen(host: string): Promise<void> {
    const server = createServer((socket) => socket.destroy());
    listening.push(server);
    await new Promise<void>((resolve) => server.listen(7943, host, resolve));
  }

  async function look(
    check: typeof checkDomain,
    domainB?: MigrationScope["domainB"],
    addressesA: readonly string[] = [],
  ): Promise<CheckResult> {
    const scope: MigrationScope = {
      ...SCOPE,
      ...(domainB === undefined ? {} : { domainB }),
      clusterB: { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig },
    };
    const { signal } = new AbortController();
    const systems = new Systems(scope, signal, { MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN });
    const report = new Report("pinned");
    await report.look(() => check(report, { scope, signal, systems }, { ...NO_INSPECTION, addressesA }));
    return report.result();
  }

  /** What control plane B's settings hold. */
  function settings(value: object): void {
    const before = fake.proxied.get("services/https:api7ee3-dashboard:7443") ?? assert.fail();
    fake.proxied.set("services/https:api7ee3-dashboard:7443", (request) =>
      request.path === "/api/system_settings" ? { body: JSON.stringify({ value }) } : before(request),
    );
  }

  function service(clusterIP: string, ...ingress: readonly object[]): void {
    fake.add("v1", "services", {
      metadata: { name: "api7ee3-dp-manager" },
      spec: { clusterIP },
      status: { loadBalancer: { ingress } },
    } as never);
  }

  describe("in its settings", () => {
    it("holds when it is the only one, under its older name too", async () => {
      assert.equal((await look(checkDeploymentSetting)).verdict, "holds");
      settings({ control_plane_address: [DP_MANAGER] });
      assert.equal((await look(checkDeploymentSetting)).verdict, "holds");
    });

    const wrong: readonly (readonly [string, object, RegExp])[] = [
      ["A's, as it was restored", { dp_manager_address: ["https://dp-manager.a.example.com:7943"] }, /a\.example\.com/],
      [
        "a second one beside it",
        { dp_manager_address: [DP_MANAGER, "https://dp-manager.a.example.com:7943"] },
        /a\.example/,
      ],
      ["none", { dp_manager_address: [] }, /no address/],
      ["nothing of the kind", { session_timeout_minutes: 60 }, /no address/],
    ];
    for (const [what, value, seen] of wrong) {
      it(`refuses ${what}`, async () => {
        settings(value);
        const finding = findingOn(await look(checkDeploymentSetting), SETTING);
        assert.match(finding.seen, seen);
        assert.equal(finding.expected, DP_MANAGER);
        assert.match(finding.remedy, /control-plane-b-address/);
      });
    }

    it("expects the name of its own where there is one", async () => {
      const result = await look(checkDeploymentSetting, { name: "dp-manager.b.example.com" });
      assert.equal(findingOn(result, SETTING).expected, "https://dp-manager.b.example.com:7943");
      settings({ dp_manager_address: ["https://dp-manager.b.example.com:7943"] });
      assert.equal((await look(checkDeploymentSetting, { name: "dp-manager.b.example.com" })).verdict, "holds");
    });

    it("knows nothing when control plane B does not answer", async () => {
      fake.proxied.set("services/https:api7ee3-dashboard:7443", () => ({ status: 503, body: "{}" }));
      assert.equal((await look(checkDeploymentSetting)).verdict, "unknown");
    });
  });

  describe("behind its name, as B resolves it", () => {
    it("has nothing to look at without a name", async () => {
      await fake.die();
      assert.equal((await look(checkDomain)).verdict, "holds");
    });

    it("holds for the Service, its load balancer, and what the program's record stands for", async () => {
      await listen(OF_B);
      service(OF_B);
      assert.deepEqual((await look(checkDomain, { name: OF_B })).findings, []);
      service("10.0.0.1", { hostname: OF_B });
      assert.deepEqual((await look(checkDomain, { name: OF_B })).findings, []);
      service("10.0.0.1", { ip: OF_B });
      assert.deepEqual((await look(checkDomain, { name: OF_B })).findings, []);
      service("10.0.0.1");
      assert.deepEqual((await look(checkDomain, { name: OF_B, target: OF_B })).findings, []);
    });

    it("refuses an address of A, even where something of B is said to have it", async () => {
      await listen(OF_B);
      service(OF_B);
      const finding = findingOn(await look(checkDomain, { name: OF_B }, ["127.241.4.0/24"]), OF_B);
      assert.match(finding.seen, /127\.241\.4\.20: addresses of cluster A/);
    });

    it("refuses an address that nothing of B has, although somebody answers there", async () => {
      await listen(ELSEWHERE);
      service(OF_B);
      const finding = findingOn(await look(checkDomain, { name: ELSEWHERE }), ELSEWHERE);
      assert.match(finding.seen, /none of which is known to be B's/);
      assert.match(finding.expected, /127\.241\.4\.20/);
    });

    it("refuses a name that B does not know, and one where nobody answers", async () => {
      service(OF_B);
      const unknown = await look(checkDomain, { name: "no-such-name.invalid" });
      assert.match(findingOn(unknown, "no-such-name").seen, /does not know it/);
      assert.match(findingOn(await look(checkDomain, { name: OF_B }), OF_B).seen, /7943: .*refused/i);
    });

    it("knows nothing when no pod of B tells, or B's API server is down", async () => {
      service(OF_B);
      fake.podCommand = ["false"];
      assert.equal((await look(checkDomain, { name: OF_B })).verdict, "unknown");
      await fake.die();
      assert.equal((await look(checkDomain, { name: OF_B })).verdict, "unknown");
    });
  });
});
