import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { type IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { ApiError } from "../../cloud/kubernetes/api/errors";
import { KINDS } from "../../cloud/kubernetes/api/kinds";
import { timestamp, type KubeObject } from "../../cloud/kubernetes/api/objects";
import { type ObjectReader } from "../../cloud/kubernetes/api/clusterObjects";
import { KubeError } from "../../cloud/kubernetes/client";
import { type Kubelet } from "../../cloud/kubernetes/pods/kubelet";
import { type RealApi } from "./api";
import { type Credentials } from "./credentials";

export const NODE_NAME = "rehearsal";
/** The kubelet's port. */
const PORT = 10250;
/** The controllers take a node for lost when its lease is older than their grace period. */
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const NODE_PATH = "/api/v1/nodes";
const LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

export interface NodeOptions {
  readonly api: RealApi;
  readonly store: ObjectReader;
  readonly kubelet: Kubelet;
  readonly address: string;
  readonly credentials: Credentials;
  /** As the API server tells it, with "v". */
  readonly kubernetesVersion: string;
  readonly report: (line: string) => void;
}

/** The cluster's one node as the API server sees it: Node, lease, and the kubelet's server for logs. */
export class NodePresence {
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: NodeOptions,
    private readonly server: Server,
  ) {}

  /** @throws Error when the address is taken or the API server refuses the node */
  static async start(options: NodeOptions): Promise<NodePresence> {
    const { credentials, address } = options;
    const server = createServer(
      {
        cert: readFileSync(credentials.node.certificate),
        key: readFileSync(credentials.node.key),
        // Only the API server may ask: by a certificate that the cluster's authority signed.
        ca: readFileSync(credentials.authority),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) => {
        const { code, text } = answer(options, request);
        response.writeHead(code, { "content-type": "text/plain" }).end(text);
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(PORT, address, resolve);
    });
    const node = new NodePresence(options, server);
    try {
      await node.register();
      node.timer = setInterval(() => void node.renew(), RENEW_MS);
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async register(): Promise<void> {
    const { api, address, kubernetesVersion } = this.options;
    const labels = {
      "kubernetes.io/hostname": NODE_NAME,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
      "topology.kubernetes.io/zone": "rehearsal-a",
    };
    await ignoreExisting(
      api.post(NODE_PATH, { apiVersion: "v1", kind: "Node", metadata: { name: NODE_NAME, labels } }),
    );
    // As large as need be: what pods ask for is bookkeeping here.
    const capacity = { cpu: "256", memory: "1024Gi", pods: "250", "ephemeral-storage": "1024Gi" };
    const node = (await api.get(`${NODE_PATH}/${NODE_NAME}`)) as KubeObject;
    const conditions = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map((type) => ({
      type,
      status: type === "Ready" ? "True" : "False",
      reason: type === "Ready" ? "KubeletReady" : "KubeletHasNoPressure",
      message: "the rehearsal's pod runner",
      lastHeartbeatTime: timestamp(),
      lastTransitionTime: timestamp(),
    }));
    await api.put(`${NODE_PATH}/${NODE_NAME}/status`, {
      ...node,
      status: {
        capacity,
        allocatable: capacity,
        conditions,
        addresses: [
          { type: "InternalIP", address },
          { type: "Hostname", address: NODE_NAME },
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: PORT } },
        nodeInfo: {
          kubeletVersion: kubernetesVersion,
          operatingSystem: "linux",
          architecture: process.arch,
          machineID: "",
          systemUUID: "",
          bootID: "",
          kernelVersion: "",
          osImage: "processes on one computer",
          containerRuntimeVersion: "rehearsal://1",
          kubeProxyVersion: "",
        },
      },
    });
    await this.renew();
  }

  private async renew(): Promise<void> {
    const { api, report } = this.options;
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    const spec = { holderIdentity: NODE_NAME, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: NODE_NAME }, spec };
    try {
      const path = `${LEASE_PATH}/${NODE_NAME}`;
      const live = (await api.get(path).catch((error: unknown) => {
        if (error instanceof KubeError && error.code === 404) return undefined;
        throw error;
      })) as KubeObject | undefined;
      if (live === undefined) await api.post(LEASE_PATH, lease);
      else await api.put(path, { ...live, spec });
    } catch (error) {
      // The server may be down for a while; the next renewal is soon.
      report(`the node's lease was not renewed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function ignoreExisting(creating: Promise<unknown>): Promise<void> {
  await creating.catch((error: unknown) => {
    if (!(error instanceof KubeError && error.reason === "AlreadyExists")) throw error;
  });
}

/** An answer of the node's port. */
interface Answer {
  readonly code: number;
  readonly text: string;
}

/** The kubelet's own server, as far as the API server asks it: `GET /containerLogs/<namespace>/<pod>/<container>`. */
function answer(options: NodeOptions, request: IncomingMessage): Answer {
  const { socket } = request;
  if (!(socket instanceof TLSSocket && socket.authorized)) return { code: 401, text: "Unauthorized" };
  const url = new URL(request.url ?? "/", "https://node");
  const found = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname)?.slice(1).map(decodeURIComponent);
  if (found === undefined) return { code: 404, text: "404 page not found\n" };
  if (request.method !== "GET") return { code: 405, text: "Method Not Allowed" };
  return logs(options, found, url.searchParams);
}

function logs({ store, kubelet }: NodeOptions, of: readonly string[], query: URLSearchParams): Answer {
  const [namespace = "", name = "", container = ""] = of;
  const pod = store.get(KINDS.pod, namespace, name);
  if (pod === undefined) return { code: 404, text: `pod "${name}" not found\n` };
  if (query.get("follow") === "true") return { code: 400, text: "this node does not follow logs: leave out follow\n" };
  query.set("container", container);
  try {
    return { code: 200, text: kubelet.log(pod, query) ?? "" };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { code: error instanceof ApiError ? error.code : 500, text };
  }
}
