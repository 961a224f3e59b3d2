import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import {
  KubernetesCluster,
  type PodCommand,
  type Target,
  type TargetRegistry,
} from "../../../rehearsal/cloud/kubernetes";
import { KINDS, type Kind } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type ObjectInput } from "../../../rehearsal/cloud/kubernetes/api/objects";
import { KubeClient } from "../../../rehearsal/cloud/kubernetes/client";

/** The tests' own loopback network. */
export const NETWORK = "127.141";
export const NAMESPACE = "api7";
/** A small HTTP server; variables of the pod decide how it behaves. */
export const POD_SCRIPT = join(__dirname, "pod.cjs");

/** Every image is the test's own server, but for those whose repository begins with "missing". */
export const podCommand: PodCommand = (image) =>
  image.startsWith("missing") ? undefined : [process.execPath, POD_SCRIPT];

/** A load balancer's target groups, in memory. */
export class FakeTargets implements TargetRegistry {
  readonly groups = new Map<string, readonly Target[]>();
  readonly calls: string[] = [];
  /** The next calls fail with it. */
  failure: string | undefined;

  registerTargets(arn: string, targets: readonly Target[]): Promise<void> {
    this.call(`register ${targets.length}`);
    this.groups.set(arn, [...this.of(arn), ...targets]);
    return Promise.resolve();
  }

  deregisterTargets(arn: string, targets: readonly Target[]): Promise<void> {
    this.call(`deregister ${targets.length}`);
    const gone = (target: Target): boolean => targets.some(({ id, port }) => id === target.id && port === target.port);
    this.groups.set(
      arn,
      this.of(arn).filter((target) => !gone(target)),
    );
    return Promise.resolve();
  }

  describeTargets(arn: string): Promise<readonly (Target & { readonly state: string })[]> {
    if (this.failure !== undefined) {
      return Promise.reject(new Error(this.failure));
    }
    return Promise.resolve(this.of(arn).map((target) => ({ ...target, state: "healthy" })));
  }

  of(arn: string): readonly Target[] {
    return this.groups.get(arn) ?? [];
  }

  private call(what: string): void {
    this.calls.push(what);
  }
}

/** A cluster in a folder of its own, and clients for it. */
export class TestCluster {
  readonly targets: FakeTargets;

  private constructor(
    readonly cluster: KubernetesCluster,
    readonly home: string,
    targets: FakeTargets,
    readonly client: KubeClient,
    private readonly kubeconfig: KubeConfig,
  ) {
    this.targets = targets;
  }

  static async start(
    o: {
      readonly name?: "a" | "b";
      readonly pace?: number;
      readonly targets?: FakeTargets;
      readonly pods?: string;
    } = {},
  ): Promise<TestCluster> {
    const home = mkdtempSync(join(tmpdir(), "cluster-"));
    const targets = o.targets ?? new FakeTargets();
    const cluster = await KubernetesCluster.start({
      name: o.name ?? "a",
      address: `${NETWORK}.0.1`,
      port: 0,
      podNetwork: `${NETWORK}.${o.pods ?? "10"}`,
      home,
      pace: o.pace ?? 50,
      targets,
      podCommand,
    });
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(cluster.kubeconfigPath);
    const client = await KubeClient.open(cluster.kubeconfigPath);
    const test = new TestCluster(cluster, home, targets, client, kubeconfig);
    await test.client.create(KINDS.namespace, undefined, { metadata: { name: NAMESPACE } }, "test");
    return test;
  }

  get core(): CoreV1Api {
    return this.kubeconfig.makeApiClient(CoreV1Api);
  }

  get apps(): AppsV1Api {
    return this.kubeconfig.makeApiClient(AppsV1Api);
  }

  /** A request as a client with the cluster's token makes it. */
  async raw(
    path: string,
    init: RequestInit = {},
  ): Promise<{ readonly status: number; readonly body: string; readonly headers: Headers }> {
    const response = await fetch(`${this.client.access.server}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${this.cluster.token}`,
        ...(init.headers as Record<string, string> | undefined),
      },
    });
    return { status: response.status, body: await response.text(), headers: response.headers };
  }

  async create(kind: Kind, object: ObjectInput): Promise<void> {
    await this.client.create(kind, NAMESPACE, object, "helm");
  }

  async deploy(name: string, o: DeploymentOptions = {}): Promise<void> {
    await this.create(KINDS.deployment, deployment(name, o));
  }

  /** Changes a Deployment of the test as a whole. */
  async redeploy(name: string, o: DeploymentOptions = {}): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
    const headers = { "content-type": "application/json" };
    const { status, body } = await this.raw(path, {
      method: "PUT",
      headers,
      body: JSON.stringify(deployment(name, o)),
    });
    if (status !== 200) {
      throw new Error(body);
    }
  }

  readyPods(selector = ""): readonly string[] {
    return this.cluster.pods(selector).flatMap(({ name, ready, terminating }) => (ready && !terminating ? [name] : []));
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

type Plain = Readonly<Record<string, unknown>>;

export interface DeploymentOptions {
  readonly replicas?: number;
  readonly image?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More of the pod's spec. */
  readonly spec?: Plain;
  /** More of the container. */
  readonly container?: Plain;
  readonly strategy?: Plain;
}

/** A Deployment of the test's server on port 9080, ready when it answers. */
export function deployment(name: string, o: DeploymentOptions = {}): ObjectInput {
  const labels = { app: name };
  const container = {
    name: "main",
    image: o.image ?? "server:1",
    ports: [{ name: "http", containerPort: 9080 }],
    env: Object.entries(o.env ?? {}).map(([key, value]) => ({ name: key, value })),
    readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 1 },
    ...o.container,
  };
  return {
    metadata: { name },
    spec: {
      replicas: o.replicas ?? 1,
      selector: { matchLabels: labels },
      ...(o.strategy === undefined ? {} : { strategy: o.strategy }),
      template: { metadata: { labels }, spec: { ...o.spec, containers: [container] } },
    },
  };
}

/** A plain object where the official client's declarations ask for an instance of one of its classes. */
export function body(plain: object): never {
  return plain as never;
}

/** Waits until something holds. @throws Error with what was last seen when it does not within the time */
export async function until(holds: () => boolean | Promise<boolean>, what: string, seconds = 10): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`not within ${seconds} s: ${what}`);
    }
    await delay(20);
  }
}
