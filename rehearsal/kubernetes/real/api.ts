import { readFileSync } from "node:fs";
import { type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { createInterface } from "node:readline";
import { parse } from "yaml";
import { z } from "zod";
import { apiVersionOf, KINDS, pathOf, type Kind } from "../../cloud/kubernetes/api/kinds";
import { type KubeObject, type ObjectInput } from "../../cloud/kubernetes/api/objects";
import { KubeError } from "../../cloud/kubernetes/client";

const KUBECONFIG = z.object({
  "current-context": z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({ server: z.string(), "certificate-authority-data": z.string().optional() }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        token: z.string().optional(),
        "client-certificate-data": z.string().optional(),
        "client-key-data": z.string().optional(),
      }),
    }),
  ),
});

/** How long one request may take, in milliseconds; a watch has no limit. */
const REQUEST_MS = 30_000;

/** One line of a watch. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject;
}

export interface ListAnswer {
  readonly resourceVersion: string;
  readonly items: readonly KubeObject[];
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A client of a real API server, by a kubeconfig with a token or a client certificate. */
export class RealApi {
  private constructor(
    private readonly server: URL,
    private readonly token: string | undefined,
    private readonly agent: Agent,
  ) {}

  /** @throws Error when the kubeconfig cannot be read or is of another form; never with its content, which is secret */
  static open(kubeconfig: string): RealApi {
    const parsed = KUBECONFIG.safeParse(parse(readFileSync(kubeconfig, "utf8")) as unknown);
    if (!parsed.success) {
      const where = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
      throw new Error(`${kubeconfig} is no kubeconfig that the rehearsal can use: look at ${where}`);
    }
    const { data } = parsed;
    const context = data.contexts.find(({ name }) => name === data["current-context"])?.context;
    const cluster = data.clusters.find(({ name }) => name === context?.cluster)?.cluster;
    const user = data.users.find(({ name }) => name === context?.user)?.user;
    if (cluster === undefined || user === undefined) {
      throw new Error(`${kubeconfig} has no cluster or no user for its current context ${data["current-context"]}`);
    }
    const decoded = (text: string | undefined): Buffer | undefined =>
      (text && Buffer.from(text, "base64")) || undefined;
    const agent = new Agent({
      keepAlive: true,
      ca: decoded(cluster["certificate-authority-data"]),
      cert: decoded(user["client-certificate-data"]),
      key: decoded(user["client-key-data"]),
    });
    return new RealApi(new URL(cluster.server), user.token, agent);
  }

  /** Whether the API server says that it takes requests. */
  async isReady(): Promise<boolean> {
    return (await this.send("GET", "/readyz")).status === 200;
  }

  /** Whether another server of the cluster says that it is well; such servers sign their certificates themselves. */
  async isUp(url: string): Promise<boolean> {
    return new Promise((resolve) => {
      const request = httpsRequest(url, { rejectUnauthorized: false, agent: false, timeout: 5_000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      request.once("timeout", () => request.destroy(new Error("no answer")));
      request.once("error", () => resolve(false));
      request.end();
    });
  }

  /** `undefined` when the object is not there. */
  async find(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    const answer = await this.send("GET", pathOf(kind, namespace, name));
    return answer.status === 404 ? undefined : (accepted(answer) as KubeObject);
  }

  async list(kind: Kind, namespace?: string): Promise<ListAnswer> {
    const list = accepted(await this.send("GET", pathOf(kind, namespace))) as {
      readonly metadata: { readonly resourceVersion: string };
      readonly apiVersion: string;
      readonly items: readonly Omit<KubeObject, "apiVersion" | "kind">[];
    };
    // Items of a list do not say what they are.
    const items = list.items.map((item) => ({ ...item, apiVersion: list.apiVersion, kind: kind.kind }) as KubeObject);
    return { resourceVersion: list.metadata.resourceVersion, items };
  }

  /** @param manager name in `managedFields` */
  async create(kind: Kind, namespace: string | undefined, object: ObjectInput, manager: string): Promise<KubeObject> {
    const path = `${pathOf(kind, namespace)}?fieldManager=${encodeURIComponent(manager)}`;
    const whole = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
    return accepted(await this.send("POST", path, whole)) as KubeObject;
  }

  /** A JSON merge patch of an object or of one of its subresources. */
  async merge(
    kind: Kind,
    { metadata }: { readonly metadata: { readonly namespace?: string | undefined; readonly name: string } },
    patch: unknown,
    options: { readonly manager: string; readonly subresource?: "status" | "scale" },
  ): Promise<KubeObject> {
    const { manager, subresource } = options;
    const path = pathOf(kind, metadata.namespace, metadata.name) + (subresource === undefined ? "" : `/${subresource}`);
    const query = `?fieldManager=${encodeURIComponent(manager)}`;
    return accepted(await this.send("PATCH", path + query, patch, "application/merge-patch+json")) as KubeObject;
  }

  /** Does nothing when the object is gone, or is another one of the same name. */
  async delete(
    kind: Kind,
    { metadata }: KubeObject,
    options: { readonly gracePeriodSeconds?: number } = {},
  ): Promise<void> {
    const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: metadata.uid }, ...options };
    const answer = await this.send("DELETE", pathOf(kind, metadata.namespace, metadata.name), body);
    if (answer.status !== 404 && answer.status !== 409) accepted(answer);
  }

  /** POST of anything to a path of the API, such as a TokenRequest. */
  async post(path: string, body: unknown): Promise<unknown> {
    return accepted(await this.send("POST", path, body));
  }

  async put(path: string, body: unknown): Promise<unknown> {
    return accepted(await this.send("PUT", path, body));
  }

  async get(path: string): Promise<unknown> {
    return accepted(await this.send("GET", path));
  }

  /** Any answer that is no JSON, such as one through the API server's proxy. @throws KubeError */
  async text(path: string): Promise<string> {
    const answer = await this.send("GET", path);
    if (answer.status !== 200) accepted(answer);
    return answer.text;
  }

  /** Output of a pod's only container, as the API server gets it from the node. @throws KubeError */
  async log(namespace: string, pod: string, query = ""): Promise<string> {
    return this.text(`${pathOf(KINDS.pod, namespace, pod)}/log${query}`);
  }

  /** Tells every change after a version until the server ends the watch or `signal` does. @throws KubeError when refused */
  async watch(
    kind: Kind,
    resourceVersion: string,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = `?watch=true&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(resourceVersion)}`;
    const response = await this.open("GET", pathOf(kind, undefined) + query, undefined, undefined, signal);
    if (response.statusCode !== 200) {
      accepted({ status: response.statusCode ?? 0, text: await textOf(response) });
    }
    const lines = createInterface({ input: response });
    for await (const line of lines) {
      if (line !== "") onEvent(JSON.parse(line) as WatchEvent);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private async send(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Answer> {
    const signal = AbortSignal.timeout(REQUEST_MS);
    const response = await this.open(method, path, body, contentType, signal);
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  }

  private open(
    method: string,
    path: string,
    body: unknown,
    contentType: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        new URL(path, this.server),
        {
          method,
          agent: this.agent,
          signal,
          headers: {
            accept: "application/json",
            ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
            // Node sends a DELETE's body without its length otherwise, and spoils the connection.
            ...(payload === undefined
              ? {}
              : { "content-type": contentType, "content-length": Buffer.byteLength(payload) }),
          },
        },
        resolve,
      );
      request.once("error", reject);
      request.end(payload);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** @throws KubeError with the server's reason and message */
function accepted({ status, text }: Answer): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (status >= 200 && status < 300) return body;
  const { reason, message } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  throw new KubeError(
    status,
    typeof reason === "string" ? reason : "Unknown",
    typeof message === "string" ? message : `the server answered with status ${status}`,
  );
}
