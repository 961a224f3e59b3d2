/** Kubernetes objects as an API server gives them, with what the checks look at. */

type Json = Readonly<Record<string, unknown>>;

interface Named {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

export interface PodOptions {
  readonly name: string;
  readonly app: string;
  readonly image: string;
  readonly ip: string;
  readonly ready?: boolean;
  readonly readySince?: string;
  readonly deleting?: boolean;
  readonly env?: readonly Json[];
  readonly envFrom?: readonly Json[];
  readonly spec?: Json;
}

export function pod(options: PodOptions): Named {
  const ready = options.ready ?? true;
  return {
    metadata: {
      name: options.name,
      labels: { app: options.app },
      ...(options.deleting === true && { deletionTimestamp: "2026-03-01T08:00:00Z" }),
    },
    spec: { containers: [container(options)], ...options.spec },
    status: {
      phase: "Running",
      containerStatuses: [{ name: "main", imageID: `${options.image}@sha256:${"a".repeat(64)}`, ready }],
      podIP: options.ip,
      startTime: "2026-03-01T07:00:00Z",
      conditions: [
        {
          type: "Ready",
          status: ready ? "True" : "False",
          lastTransitionTime: options.readySince ?? "2026-03-01T07:01:00Z",
        },
      ],
    },
  } as Named;
}

export interface DeploymentOptions {
  readonly name: string;
  readonly app: string;
  readonly image: string;
  readonly replicas: number;
  readonly ready?: number;
  readonly configMap?: string;
  readonly env?: readonly Json[];
  readonly envFrom?: readonly Json[];
}

export function deployment(options: DeploymentOptions): Named {
  const ready = options.ready ?? options.replicas;
  return {
    metadata: { name: options.name, generation: 3 },
    spec: {
      replicas: options.replicas,
      selector: { matchLabels: { app: options.app } },
      template: {
        spec: {
          containers: [container(options)],
          ...(options.configMap !== undefined && {
            volumes: [{ name: "config", configMap: { name: options.configMap } }],
          }),
        },
      },
    },
    status: {
      observedGeneration: 3,
      replicas: ready,
      updatedReplicas: ready,
      readyReplicas: ready,
      availableReplicas: ready,
    },
  } as Named;
}

export function autoscaler(name: string, minReplicas: number): Named {
  return { metadata: { name }, spec: { minReplicas, maxReplicas: 20 } } as Named;
}

export function configMap(name: string, data: Readonly<Record<string, string>>): Named {
  return { metadata: { name }, data } as Named;
}

/** The gateway's config file with these DP Manager addresses. */
export function gatewayConfig(hosts: readonly string[]): string {
  return `apisix:\n  node_listen:\n    - port: 9080\ndeployment:\n  role: traditional\n  etcd:\n    host:\n${hosts.map((host) => `      - "${host}"\n`).join("")}    prefix: /apisix\n    timeout: 30\n`;
}

function container(options: {
  readonly image: string;
  readonly env?: readonly Json[];
  readonly envFrom?: readonly Json[];
}): Json {
  return {
    name: "main",
    image: options.image,
    ...(options.env && { env: options.env }),
    ...(options.envFrom && { envFrom: options.envFrom }),
  };
}
