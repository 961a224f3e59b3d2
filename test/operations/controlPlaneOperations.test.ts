import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { CouldNotLook } from "../../checks/result";
import { MEMORY, parseAlertPoliciesRequest, switchAlertPolicies } from "../../operations/alertPolicies";
import { parseDpManagerAddressRequest, writeDpManagerAddress } from "../../operations/dpManagerAddress";
import { API_TOKEN, DP_MANAGER } from "../checks/support/clusterB";
import { type FakeRequest, KubernetesFake } from "../checks/support/kubernetesFake";
import { SCOPE } from "../checks/support/scope";

const A = "https://api7ee3-dp-manager.api7.svc.cluster-a.example.com:7943";
const MEMORY_PATH = `v1/configmaps/${MEMORY}`;

interface Policy {
  readonly id: string;
  readonly name: string;
  enable: boolean;
}

/** What control plane B holds, behind its own API. */
class ApiOfB {
  settings: Record<string, unknown> = { dp_manager_address: [A], smtp: { host: "mail" } };
  policies: Policy[] = [1, 2, 3, 4].map((n) => ({ id: `p-${n}`, name: `policy ${n}`, enable: n !== 4 }));
  /** JSON Patch alone, as some versions take it. */
  patchesOnly = false;
  /** Runs before each write. */
  fault: ((request: FakeRequest) => { status: number; body: string } | undefined) | undefined;
  readonly writes: FakeRequest[] = [];

  answer(request: FakeRequest): { status?: number; body: string } {
    const { method, path, body } = request;
    if (request.headers["x-api-key"] !== API_TOKEN) return { status: 401, body: "{}" };
    if (method !== "GET") {
      const faulty = this.fault?.(request);
      if (faulty) return faulty;
      this.writes.push(request);
    }
    if (path === "/api/system_settings") {
      if (method === "PUT") this.settings = { ...this.settings, ...(JSON.parse(body) as object) };
      return { body: JSON.stringify({ value: this.settings }) };
    }
    if (method === "GET" && path === "/api/alert/policies") {
      return { body: JSON.stringify({ list: this.policies, total: this.policies.length }) };
    }
    const policy = this.policies.find(({ id }) => path === `/api/alert/policies/${id}`);
    if (method !== "PATCH" || !policy) return { status: 404, body: "{}" };
    const change = JSON.parse(body) as { enable?: boolean } | readonly { path: string; value: boolean }[];
    if (Array.isArray(change) !== this.patchesOnly) return { status: 400, body: '{"error_msg":"no"}' };
    policy.enable = Array.isArray(change)
      ? (change as readonly { value: boolean }[])[0]?.value === true
      : (change as { enable: boolean }).enable;
    return { body: JSON.stringify({ value: policy }) };
  }

  enabled(): readonly string[] {
    return this.policies.filter(({ enable }) => enable).map(({ id }) => id);
  }
}

describe("operations on control plane B", () => {
  let fake: KubernetesFake;
  let b: ApiOfB;

  beforeEach(async () => {
    fake = await KubernetesFake.start("api7");
    b = new ApiOfB();
    fake.proxied.set("services/https:api7ee3-dashboard:7443", (request) => b.answer(request));
  });
  afterEach(() => fake.stop());

  const cluster = (): typeof SCOPE.clusterB => ({ ...SCOPE.clusterB, kubeconfig: fake.kubeconfig });
  const environment = (token = API_TOKEN): NodeJS.ProcessEnv => ({ MIGRATION_CONTROL_PLANE_TOKEN: token });
  const { signal } = new AbortController();

  async function refusal(running: Promise<unknown>): Promise<CouldNotLook> {
    try {
      await running;
    } catch (error) {
      assert.ok(error instanceof CouldNotLook, String(error));
      assert.ok(!JSON.stringify([error.seen, error.remedy]).includes(API_TOKEN));
      return error;
    }
    return assert.fail("it was done");
  }

  describe("the DP Manager's address", () => {
    const write = (token = API_TOKEN): ReturnType<typeof writeDpManagerAddress> =>
      writeDpManagerAddress({ cluster: cluster(), address: DP_MANAGER }, environment(token), signal);

    it("is written in place of A's, alone, and told", async () => {
      assert.deepEqual(await write(), { dpManagerAddress: [DP_MANAGER], before: [A], changed: true });
      assert.deepEqual(b.settings, { dp_manager_address: [DP_MANAGER], smtp: { host: "mail" } });
      assert.deepEqual(
        b.writes.map(({ body }) => body),
        [JSON.stringify({ dp_manager_address: [DP_MANAGER] })],
      );
    });

    it("is not written again", async () => {
      await write();
      assert.deepEqual(await write(), { dpManagerAddress: [DP_MANAGER], before: [DP_MANAGER], changed: false });
      assert.equal(b.writes.length, 1);
    });

    it("goes by the older name where that is the setting", async () => {
      b.settings = { control_plane_address: [A, "https://second.example.com"] };
      await write();
      assert.deepEqual(b.settings, { control_plane_address: [DP_MANAGER] });
    });

    it("fails when B keeps another, or loses other settings with it", async () => {
      b.fault = ({ method }) => (method === "PUT" ? { status: 200, body: '{"value":{}}' } : undefined);
      assert.match((await refusal(write())).seen, /after https:.* was written/);
      b.fault = (request) => {
        b.settings = JSON.parse(request.body) as Record<string, unknown>;
        return { status: 200, body: "{}" };
      };
      b.settings = { dp_manager_address: [A], smtp: { host: "mail" } };
      const error = await refusal(write());
      assert.match(error.seen, /smtp changed together with dp_manager_address/);
      assert.ok(!error.seen.includes("mail"), "values may be secret");
    });

    it("says why when the token is missing or wrong, B refuses, or is not there", async () => {
      assert.match((await refusal(write(""))).subject, /MIGRATION_CONTROL_PLANE_TOKEN/);
      assert.match((await refusal(write("a7ee-other"))).seen, /HTTP 401/);
      b.fault = () => ({ status: 403, body: "{}" });
      assert.match((await refusal(write())).seen, /HTTP 403/);
      await fake.die();
      assert.match((await refusal(write())).seen, /ECONNREFUSED/);
    });

    it("takes no other request", () => {
      assert.throws(() => parseDpManagerAddressRequest(JSON.stringify({ cluster: cluster() })), /address/);
      assert.throws(
        () => parseDpManagerAddressRequest(JSON.stringify({ cluster: cluster(), address: "b:7943 " })),
        /address/,
      );
    });
  });

  describe("the alert policies", () => {
    const turn = (policies: "muted" | "restored"): ReturnType<typeof switchAlertPolicies> =>
      switchAlertPolicies({ cluster: cluster(), policies }, environment(), signal);
    const remembered = (): readonly string[] => {
      const stored = fake.objects.get(MEMORY_PATH) as { data: { policies: string } } | undefined;
      return (JSON.parse(stored?.data.policies ?? "[]") as { id: string }[]).map(({ id }) => id);
    };

    it("are muted, and those that were on are on again afterwards, no others", async () => {
      assert.deepEqual(await turn("muted"), {
        policies: "muted",
        total: 4,
        switched: ["policy 1", "policy 2", "policy 3"],
        remembered: 3,
      });
      assert.deepEqual(b.enabled(), []);
      assert.deepEqual(await turn("restored"), {
        policies: "restored",
        total: 4,
        switched: ["policy 1", "policy 2", "policy 3"],
        remembered: 0,
      });
      assert.deepEqual(b.enabled(), ["p-1", "p-2", "p-3"]);
      assert.deepEqual(remembered(), []);
    });

    it("are switched once: a second run finds nothing to do", async () => {
      await turn("muted");
      const { length } = b.writes;
      assert.deepEqual((await turn("muted")).switched, []);
      assert.deepEqual(remembered(), ["p-1", "p-2", "p-3"]);
      await turn("restored");
      assert.deepEqual((await turn("restored")).switched, []);
      assert.equal(b.writes.length, 2 * length);
    });

    it("are remembered before the first is switched: what ends half way forgets none", async () => {
      b.fault = ({ path }) => (path.endsWith("p-3") ? { status: 500, body: "{}" } : undefined);
      assert.match((await refusal(turn("muted"))).seen, /HTTP 500/);
      assert.deepEqual([b.enabled(), remembered()], [["p-3"], ["p-1", "p-2", "p-3"]]);
      b.fault = undefined;
      await turn("muted");
      assert.deepEqual([b.enabled(), [...remembered()].sort()], [[], ["p-1", "p-2", "p-3"]]);
      b.fault = ({ path }) => (path.endsWith("p-2") ? { status: 500, body: "{}" } : undefined);
      await refusal(turn("restored"));
      assert.deepEqual([b.enabled(), [...remembered()].sort()], [["p-1"], ["p-1", "p-2", "p-3"]]);
      b.fault = undefined;
      await turn("restored");
      assert.deepEqual(b.enabled(), ["p-1", "p-2", "p-3"]);
    });

    it("that were deleted, made or switched by somebody else since are that one's", async () => {
      await turn("muted");
      b.policies = b.policies.filter(({ id }) => id !== "p-1");
      b.policies.push({ id: "p-5", name: "new", enable: false });
      assert.deepEqual((await turn("restored")).switched, ["policy 2", "policy 3"]);
      assert.deepEqual(b.enabled(), ["p-2", "p-3"]);
    });

    it("are switched by JSON Patch where the version takes nothing else", async () => {
      b.patchesOnly = true;
      await turn("muted");
      assert.deepEqual(b.enabled(), []);
      assert.ok(b.writes.some(({ body }) => body === '[{"op":"replace","path":"/enable","value":false}]'));
    });

    it("must be off afterwards: an answer is no proof", async () => {
      b.fault = () => ({ status: 200, body: "{}" });
      assert.match((await refusal(turn("muted"))).seen, /still on after they were switched: policy 1/);
    });

    it("are left alone when somebody else's ConfigMap has the name, or its list is unreadable", async () => {
      fake.objects.set(MEMORY_PATH, { metadata: { name: MEMORY, labels: { owner: "ada" } }, data: {} });
      assert.match((await refusal(turn("muted"))).remedy, /kubectl label configmap/);
      const labels = { "app.kubernetes.io/managed-by": "api7-migration" };
      fake.objects.set(MEMORY_PATH, { metadata: { name: MEMORY, labels }, data: { policies: "[1]" } });
      assert.match((await refusal(turn("restored"))).seen, /no JSON list/);
      assert.equal(b.writes.length, 0);
    });

    it("are left alone when the API does not say which are on", async () => {
      b.policies = [{ id: "p-1", name: "x" } as Policy];
      assert.match((await refusal(turn("muted"))).seen, /does not say whether it is enabled/);
    });

    it("take no other request", () => {
      assert.throws(
        () => parseAlertPoliciesRequest(JSON.stringify({ cluster: cluster(), policies: "off" })),
        /policies/,
      );
    });
  });

  describe("as processes", function () {
    this.timeout(60_000);

    async function run(
      operation: string,
      request: object,
    ): Promise<{ code: number | null; stdout: string; stderr: string }> {
      const child = spawn(process.execPath, ["--import", "tsx", `operations/${operation}.ts`], {
        env: { ...process.env, ...environment() },
      });
      const streams = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name].on("data", (chunk: Buffer) => (streams[name] += chunk.toString("utf8")));
      }
      child.stdin.end(JSON.stringify(request));
      const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
      return { code, ...streams };
    }

    it("print what they did, and end with 1 and the reason", async () => {
      const address = await run("setDpManagerAddress", { cluster: cluster(), address: DP_MANAGER });
      assert.deepEqual([address.code, address.stderr], [0, ""]);
      assert.deepEqual(JSON.parse(address.stdout), { dpManagerAddress: [DP_MANAGER], before: [A], changed: true });
      const alerts = await run("switchAlertPolicies", { cluster: cluster(), policies: "muted" });
      assert.deepEqual([alerts.code, alerts.stderr], [0, ""]);
      assert.equal((JSON.parse(alerts.stdout) as { remembered: number }).remembered, 3);
      b.fault = () => ({ status: 500, body: "{}" });
      const failed = await run("switchAlertPolicies", { cluster: cluster(), policies: "restored" });
      assert.deepEqual([failed.code, failed.stdout], [1, ""]);
      assert.match(failed.stderr, /NOT DONE {2}alert policies of B[\s\S]*HTTP 500/);
    });
  });
});
