import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server } from "node:net";
import { KubernetesApi } from "../../checks/clients/kubernetes";
import { probeFrom } from "../../checks/clients/probe";
import { type Address, type Reached } from "../../checks/clients/probePod";
import { CouldNotLook } from "../../checks/result";
import { gateways, healthyClusterB } from "./support/clusterB";
import { KubernetesFake, status } from "./support/kubernetesFake";
import { SCOPE } from "./support/scope";

/** The pod's script runs for real, on this machine: real names, real connections. */
describe("connections from inside a cluster", () => {
  let fake: KubernetesFake;
  let server: Server;
  let port: number;

  beforeEach(async () => {
    fake = await KubernetesFake.start("api7");
    healthyClusterB(fake);
    server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(async () => {
    await fake.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  async function connect(
    addresses: readonly Address[],
    signal = new AbortController().signal,
  ): Promise<readonly Reached[]> {
    const scope = { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig };
    const api = await KubernetesApi.open("cluster B", scope, signal);
    return probeFrom(api).connect({ deployment: "gateway-default" }, addresses, signal);
  }

  const pods = (): readonly string[] => [...fake.objects.keys()].filter((key) => key.startsWith("v1/pods/api7-probe-"));

  it("tells what is open, refused and unknown, in order, and removes its pod", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port: refused } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const reached = await connect([
      { host: "127.0.0.1", port },
      { host: "127.0.0.1", port: refused },
      { host: "no-such-name.invalid", port: 80 },
      { host: "localhost", port },
    ]);
    assert.deepEqual(
      reached.map(({ state }) => state),
      ["open", "refused", "unresolved", "open"],
    );
    assert.deepEqual([reached[0]?.addresses, reached[2]?.addresses], [["127.0.0.1"], []]);
    assert.deepEqual(pods(), []);
  });

  it("tries more addresses than it tries at once", async () => {
    const reached = await connect(Array.from({ length: 130 }, () => ({ host: "127.0.0.1", port })));
    assert.equal(reached.filter(({ state }) => state === "open").length, 130);
  });

  it("never lets an address become a command", async () => {
    const [reached] = await connect([{ host: "$(exit 0)`true`;\"'", port: 80 }]);
    assert.equal(reached?.state, "unresolved");
  });

  it("stands beside the gateways, but is never taken for one", async () => {
    gateways(fake, { spec: {} });
    await connect([{ host: "127.0.0.1", port }]);
    const made = fake.requests.find(({ method, path }) => method === "POST" && path.endsWith("/pods"));
    const pod = JSON.parse(made?.body ?? "{}") as {
      metadata: { labels: Record<string, string> };
      spec: { restartPolicy: string; containers: { image: string }[] };
    };
    assert.equal(pod.metadata.labels["app.kubernetes.io/instance"], "gateway-default");
    assert.equal(pod.metadata.labels["app.kubernetes.io/name"], "api7-probe");
    assert.equal(pod.spec.restartPolicy, "Never");
    assert.match(pod.spec.containers[0]?.image ?? "", /api7-ee-3-gateway:3\.9\.18/);
  });

  it("asks nobody when there is nothing to connect to", async () => {
    assert.deepEqual(await connect([]), []);
    assert.equal(fake.requests.length, 0);
  });

  for (const [what, arrange, seen] of [
    ["a pod that fails", () => (fake.podCommand = ["false"]), /ended as Failed, exit code 1/],
    ["a pod whose log has no end", () => (fake.podCommand = ["true"]), /no end; 1 answers were expected/],
    ["a pod that leaves an answer out", () => (fake.podCommand = ["echo", "api7-probe: end 0"]), /no end|0 answers/],
    [
      "a Deployment that is not there",
      () => fake.objects.delete("apps/v1/deployments/gateway-default"),
      /there is none/,
    ],
    [
      "a user who may not make pods",
      () =>
        (fake.fault = ({ method }, response) => {
          if (method !== "POST") return false;
          const { body } = status(403, "pods is forbidden");
          response.writeHead(403, { "content-type": "application/json" });
          response.end(body);
          return true;
        }),
      /is forbidden/,
    ],
  ] as const)
    // prettier-ignore
    it(`knows nothing after ${what}, and leaves no pod behind`, async () => {
      arrange();
      await assert.rejects(connect([{ host: "127.0.0.1", port }]), (error) => {
        assert.ok(error instanceof CouldNotLook);
        assert.match(error.seen, seen);
        return true;
      });
      assert.deepEqual(pods(), []);
    });

  it("knows nothing when the time is up, and removes the pod even then", async () => {
    fake.podCommand = ["bash", "-c", "exec sleep 20"];
    const limit = AbortSignal.timeout(1_500);
    await assert.rejects(connect([{ host: "127.0.0.1", port }], limit), /time limit/);
    assert.deepEqual(pods(), []);
    const removed = fake.requests.filter(({ method }) => method === "DELETE");
    assert.equal(removed.length, 1);
  });
});
