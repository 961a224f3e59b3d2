import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ApiException } from "@kubernetes/client-node";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type Deployment, type Pod } from "../../../rehearsal/cloud/kubernetes/api/objects";
import { NAMESPACE, TestCluster, until } from "./fixture";

describe("Kubernetes pods", () => {
  let test: TestCluster;
  before(async () => {
    test = await TestCluster.start();
  });
  after(async () => test.stop());
  afterEach(async () => {
    const deployments = await test.client.list(KINDS.deployment, NAMESPACE, "");
    await Promise.all(
      deployments.map(({ metadata }) => test.client.delete(KINDS.deployment, NAMESPACE, metadata.name)),
    );
    await until(() => test.cluster.pods().length === 0, "the end of all pods");
  });

  const live = async (name: string): Promise<Deployment> =>
    (await test.client.find(KINDS.deployment, NAMESPACE, name)) as Deployment;
  const scale = async (name: string, replicas: number): Promise<void> => {
    await test.raw(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}/scale`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ spec: { replicas } }),
    });
  };
  const proxy = async (pod: string, path: string): Promise<string> =>
    (await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${pod}:9080/proxy${path}`)).body;
  const only = (pods: readonly string[]): string => {
    assert.equal(pods.length, 1);
    return pods[0] ?? "";
  };

  it("follow their Deployment's size, up and down to none, and its status follows them", async () => {
    await test.deploy("web", { replicas: 2 });
    await until(() => test.readyPods().length === 2, "two ready pods");
    for (const name of test.readyPods()) {
      assert.match(name, /^web-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    }
    await scale("web", 3);
    await until(async () => (await live("web")).status?.availableReplicas === 3, "three available pods");
    const { metadata, status = {} } = await live("web");
    assert.equal(status.observedGeneration, metadata.generation);
    assert.deepEqual(
      [status.replicas, status.updatedReplicas, status.readyReplicas, status.unavailableReplicas],
      [3, 3, 3, 0],
    );
    assert.deepEqual(
      status.conditions?.map(({ type, status: is }) => `${type} ${is}`),
      ["Available True", "Progressing True"],
    );
    await scale("web", 0);
    await until(() => test.cluster.pods().length === 0, "no pod");
    assert.equal((await live("web")).status?.replicas, 0);
  });

  it("are replaced on a new template without ever being fewer than allowed", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    await test.deploy("web", { replicas: 3, strategy });
    await until(() => test.readyPods().length === 3, "three ready pods");
    const old = new Set(test.readyPods());
    let [fewest, most] = [3, 3];
    const watch = setInterval(() => {
      const running = test.cluster.pods().filter(({ terminating }) => !terminating).length;
      [fewest, most] = [Math.min(fewest, test.readyPods().length), Math.max(most, running)];
    }, 5);
    await test.redeploy("web", { replicas: 3, image: "server:2", strategy });
    await until(
      () => test.readyPods().length === 3 && test.readyPods().every((name) => !old.has(name)),
      "three new pods",
    );
    clearInterval(watch);
    assert.deepEqual([fewest, most], [3, 4]);
  });

  it("keep the old ones when the new template does not become ready", async () => {
    await test.deploy("web", { replicas: 2 });
    await until(() => test.readyPods().length === 2, "two ready pods");
    const old = test.readyPods();
    await test.redeploy("web", { replicas: 2, env: { READY: "no" } });
    await until(() => test.cluster.pods().length === 3, "a pod of the new template");
    await until(async () => (await live("web")).status?.updatedReplicas === 1, "the new pod in the status");
    assert.deepEqual(test.readyPods(), old);
  });

  it("get their files, environment, names of services, and pass requests on by the API's proxy", async () => {
    await test.create(KINDS.configMap, { metadata: { name: "conf" }, data: { "config.yaml": "a: 1", MODE: "fast" } });
    await test.create(KINDS.secret, { metadata: { name: "tls" }, stringData: { "tls.crt": "cert", PASSWORD: "p" } });
    await test.create(KINDS.service, {
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
    });
    const container = {
      env: [
        { name: "HOST", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "WORD", valueFrom: { secretKeyRef: { name: "tls", key: "PASSWORD" } } },
        { name: "BOTH", value: "$(WORD)-$(UNKNOWN)-$$(WORD)" },
      ],
      envFrom: [{ configMapRef: { name: "conf" }, prefix: "C_" }],
      volumeMounts: [
        { name: "conf", mountPath: "/etc/conf" },
        { name: "conf", mountPath: "/opt/one.yaml", subPath: "config.yaml" },
        { name: "tls", mountPath: "/ssl" },
      ],
    };
    const volumes = [
      { name: "conf", configMap: { name: "conf" } },
      { name: "tls", secret: { secretName: "tls", items: [{ key: "tls.crt", path: "a/b.crt" }] } },
    ];
    await test.deploy("web", { container, spec: { volumes } });
    await until(() => test.readyPods().length === 1, "a ready pod");
    const pod = only(test.readyPods());
    const address = test.cluster.pods()[0]?.ip ?? "";

    assert.equal(await proxy(pod, "/file?path=/etc/conf/config.yaml"), "a: 1");
    assert.equal(await proxy(pod, "/file?path=/opt/one.yaml"), "a: 1");
    assert.equal(await proxy(pod, "/file?path=/ssl/a/b.crt"), "cert");
    assert.equal(await proxy(pod, "/file?path=/ssl/PASSWORD"), "ENOENT");
    const env = JSON.parse(await proxy(pod, "/env")) as Record<string, string>;
    assert.deepEqual(
      [
        env["HOST"],
        env["WORD"],
        env["BOTH"],
        env["C_MODE"],
        env["POD_NAME"],
        env["HOSTNAME"],
        env["POD_IP"],
        env["REHEARSAL_CLUSTER"],
        env["REHEARSAL_PACE"],
      ],
      [address, "p", "p-$(UNKNOWN)-$(WORD)", "fast", pod, pod, address, "a", "50"],
    );
    // Nothing of this computer's own environment.
    assert.equal(env["PULUMI_HOME"] ?? env["AWS_PROFILE"] ?? env["npm_config_user_agent"], undefined);
    const hosts = JSON.parse(await proxy(pod, "/hosts")) as Record<string, string[]>;
    assert.deepEqual(
      hosts,
      Object.fromEntries(
        ["", `.${NAMESPACE}`, `.${NAMESPACE}.svc`, `.${NAMESPACE}.svc.cluster.local`].map((end) => [
          `web${end}`,
          [address],
        ]),
      ),
    );

    const services = `/api/v1/namespaces/${NAMESPACE}/services`;
    const answer = await test.raw(`${services}/web:http/proxy/some/path?q=1`, { method: "POST", body: "x" });
    assert.deepEqual([answer.status, answer.body], [200, "POST /some/path?q=1 on 9080"]);
    assert.equal(answer.headers.get("x-seen-authorization"), "none");
    assert.equal((await test.raw(`${services}/http:web:80/proxy/`)).status, 200);
    assert.equal((await test.raw(`${services}/web:other/proxy/`)).status, 503);
    assert.match(
      (await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${pod}:1/proxy/`)).body,
      /error trying to reach service: .*ECONNREFUSED/,
    );
    await scale("web", 0);
    await until(() => test.cluster.pods().length === 0, "no pod");
    const none = await test.raw(`${services}/web:http/proxy/`);
    assert.deepEqual(
      [none.status, (JSON.parse(none.body) as { message: string }).message],
      [503, 'no endpoints available for service "web:http"'],
    );
    // Files of ended pods hold secrets: they are gone.
    const left = join(test.home, "pods");
    assert.deepEqual(existsSync(left) ? readdirSync(left) : [], []);
  });

  it("wait for a ConfigMap that is missing, and start when it comes", async () => {
    const container = { volumeMounts: [{ name: "late", mountPath: "/late" }] };
    const volumes = [{ name: "late", configMap: { name: "late" } }];
    await test.deploy("web", { container, spec: { volumes } });
    const messages = async (): Promise<(string | undefined)[]> =>
      (await test.core.listNamespacedEvent({ namespace: NAMESPACE, fieldSelector: "reason=FailedMount" })).items.map(
        ({ message }) => message,
      );
    await until(async () => (await messages()).length > 0, "an event");
    assert.deepEqual(await messages(), ['MountVolume.SetUp failed for volume "late": configmap "late" not found']);
    assert.deepEqual(test.readyPods(), []);
    await test.create(KINDS.configMap, { metadata: { name: "late" }, data: {} });
    await until(() => test.readyPods().length === 1, "a ready pod");
  });

  it("say why they do not run: no such image, no such Secret", async () => {
    const waiting = async (app: string): Promise<(string | undefined)[]> =>
      ((await test.client.list(KINDS.pod, NAMESPACE, `app=${app}`)) as Pod[]).map(
        ({ status }) => status?.containerStatuses?.[0]?.state.waiting?.reason,
      );
    await test.deploy("image", { image: "missing/image:1" });
    await test.deploy("secret", { container: { envFrom: [{ secretRef: { name: "absent" } }] } });
    await until(
      async () =>
        (await waiting("image"))[0] === "ErrImagePull" && (await waiting("secret"))[0] === "CreateContainerConfigError",
      "both reasons",
    );
  });

  it("are started again when they end, ever later, and keep the output of the run before", async () => {
    await test.deploy("crash", { env: { CRASH: "1" } });
    const status = async (): Promise<NonNullable<Pod["status"]>["containerStatuses"]> =>
      ((await test.client.list(KINDS.pod, NAMESPACE, "app=crash")) as Pod[])[0]?.status?.containerStatuses;
    await until(async () => ((await status())?.[0]?.restartCount ?? 0) >= 2, "two restarts");
    await until(async () => (await status())?.[0]?.state.waiting?.reason === "CrashLoopBackOff", "CrashLoopBackOff");
    const [container] = (await status()) ?? [];
    assert.deepEqual([container?.ready, container?.lastState.terminated?.exitCode], [false, 3]);
    const pod = test.cluster.pods("app=crash")[0]?.name ?? "";
    const log = await test.core.readNamespacedPodLog({ namespace: NAMESPACE, name: pod, previous: true });
    assert.match(log, /failed to fetch data from etcd/);
  });

  it("show their output in parts, and refuse what cannot be shown", async () => {
    await test.deploy("web");
    await until(() => test.readyPods().length === 1, "a ready pod");
    const name = only(test.readyPods());
    const { core } = test;
    assert.equal(await core.readNamespacedPodLog({ namespace: NAMESPACE, name }), `started ${name}\n`);
    assert.match(
      await core.readNamespacedPodLog({ namespace: NAMESPACE, name, timestamps: true, tailLines: 1 }),
      /^\d{4}-\d\d-\d\dT[\d:.]+Z started/,
    );
    assert.equal((await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${name}/log?tailLines=0`)).body, "");
    assert.equal((await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${name}/log?limitBytes=7`)).body, "started");
    assert.equal(
      (await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${name}/log?sinceTime=2999-01-01T00:00:00Z`)).body,
      "",
    );
    for (const query of ["container=other", "previous=true", "follow=true", "tailLines=x"]) {
      assert.equal((await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${name}/log?${query}`)).status, 400, query);
    }
    await assert.rejects(
      core.readNamespacedPodLog({ namespace: NAMESPACE, name: "none" }),
      (error) => error instanceof ApiException && error.code === 404,
    );
  });

  it("leave a Service at once when they are deleted, go on for preStop, and get killed at the end of the grace period", async () => {
    const [preStopSeconds, graceSeconds] = [20, 50];
    const container = { lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", `sleep ${preStopSeconds}`] } } } };
    const spec = { terminationGracePeriodSeconds: graceSeconds };
    await test.deploy("slow", { env: { STUBBORN: "1" }, container, spec });
    await until(() => test.readyPods().length === 1, "a ready pod");
    const [pod] = test.cluster.pods();
    const started = Date.now();
    await scale("slow", 0);
    await until(() => test.cluster.pods()[0]?.terminating === true, "the deletion");
    assert.deepEqual(test.readyPods(), []);
    // Requests in flight are still answered.
    assert.equal((await fetch(`http://${pod?.ip ?? ""}:9080/`)).status, 200);
    await until(() => test.cluster.pods().length === 0, "the pod's end");
    const tookMs = Date.now() - started;
    assert.ok(
      tookMs > (preStopSeconds * 1000) / 50 + 1900,
      `SIGKILL no earlier than 2 s after SIGTERM, was ${tookMs} ms`,
    );
    await assert.rejects(fetch(`http://${pod?.ip ?? ""}:9080/`));
  });

  it("start again after a fault, and stop being ready when their probe says so", async () => {
    await test.deploy("web");
    await until(() => test.readyPods().length === 1, "a ready pod");
    const pod = only(test.readyPods());
    test.cluster.killPod(pod);
    await until(() => test.cluster.pods()[0]?.restarts === 1 && test.readyPods().length === 1, "the restart");
    await proxy(pod, "/unready");
    await until(() => test.readyPods().length === 0, "not ready");
    assert.throws(() => test.cluster.killPod("none"), /runs no pod "none". It has: web-/);
  });

  it("are kept between an autoscaler's bounds, and left alone at size 0", async () => {
    await test.deploy("web", { replicas: 1 });
    const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
    const spec = { scaleTargetRef, minReplicas: 2, maxReplicas: 3 };
    await test.create(KINDS.horizontalPodAutoscaler, { metadata: { name: "web" }, spec });
    await until(async () => (await live("web")).spec.replicas === 2, "the minimum");
    await scale("web", 9);
    await until(async () => (await live("web")).spec.replicas === 3, "the maximum");
    await scale("web", 0);
    await until(() => test.cluster.pods().length === 0, "no pod");
    assert.equal((await live("web")).spec.replicas, 0);
    await test.client.delete(KINDS.horizontalPodAutoscaler, NAMESPACE, "web");
  });

  it("end with their cluster, and no process is left", async () => {
    const other = await TestCluster.start({ name: "b", pods: "20" });
    await other.deploy("web", { replicas: 2, env: { STUBBORN: "1" } });
    await until(() => other.readyPods().length === 2, "two ready pods");
    const pids = other.cluster.pods().flatMap(({ pid }) => pid ?? []);
    await other.stop();
    assert.equal(pids.length, 2);
    for (const pid of pids) {
      assert.throws(() => process.kill(pid, 0), /ESRCH/);
    }
  });
});
