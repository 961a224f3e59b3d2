import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An API server that knows a few objects, proxies to functions, and demands its token. */

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TOKEN = "cluster-token";

interface FakePod {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly containers: readonly { readonly command?: readonly string[]; readonly args?: readonly string[] }[];
  };
}

export class KubernetesFake {
  /** Objects by the path below the namespace: `apps/v1/deployments/name`. */
  readonly objects = new Map<string, unknown>();
  /** Logs by pod. */
  readonly logs = new Map<string, string>();
  /** What answers behind the proxy, by `services/https:name:7443` or `pods/name:7085`. */
  readonly proxied = new Map<string, (request: FakeRequest) => FakeAnswer>();
  /** Runs instead of what a pod is created with. */
  podCommand: readonly string[] | undefined;
  /** Answers instead of everything else. */
  fault: ((request: FakeRequest, response: ServerResponse) => boolean) | undefined;
  readonly requests: FakeRequest[] = [];
  readonly kubeconfig: string;
  private readonly children = new Set<ChildProcess>();
  private readonly folder = mkdtempSync(join(tmpdir(), "kube-"));

  private constructor(
    private readonly server: Server,
    readonly namespace: string,
  ) {
    this.kubeconfig = join(this.folder, "config");
    const { port } = server.address() as AddressInfo;
    writeFileSync(this.kubeconfig, JSON.stringify(kubeconfig(`http://127.0.0.1:${port}`, { token: TOKEN })));
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.handle(request, response));
  }

  static async start(namespace: string): Promise<KubernetesFake> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new KubernetesFake(server, namespace);
  }

  /** The API server is gone; its kubeconfig stays. */
  async die(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill("SIGKILL");
    await this.die();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Adds an object: `apps/v1`, `deployments`, with its name in the metadata. */
  add(group: string, resource: string, object: { readonly metadata: { readonly name: string } }): void {
    this.objects.set(`${group}/${resource}/${object.metadata.name}`, object);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(request.url ?? "/", "http://fake");
    const seen = {
      method: request.method ?? "",
      path: url.pathname,
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    this.requests.push(seen);
    if (this.fault?.(seen, response) === true) return;
    const answer = this.answer(seen, url.searchParams);
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body);
  }

  private answer(request: FakeRequest, query: URLSearchParams): FakeAnswer {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return status(401, "Unauthorized");
    const match =
      /^\/(?:api\/(?<core>v1)|apis\/(?<group>[^/]+\/[^/]+))\/namespaces\/(?<namespace>[^/]+)\/(?<rest>.+)$/.exec(
        request.path,
      );
    const { core, group, namespace, rest = "" } = match?.groups ?? {};
    if (!match || namespace !== this.namespace)
      return status(404, `the server could not find the requested resource ${request.path}`);
    const [resource = "", name = "", subresource, ...tail] = rest.split("/");
    if (subresource === "proxy") {
      const target = this.proxied.get(`${resource}/${name}`);
      if (!target) return status(503, `no endpoints available for "${name}"`);
      return target({ ...request, path: `/${tail.join("/")}` });
    }
    if (subresource === "log") {
      const log = this.logs.get(name);
      return log === undefined
        ? status(404, `pods "${name}" not found`)
        : { body: log, headers: { "content-type": "text/plain" } };
    }
    const prefix = `${core ?? group ?? ""}/${resource}`;
    if (request.method !== "GET") return this.write(request, prefix, name);
    if (name === "") return { body: JSON.stringify({ items: this.select(prefix, query.get("labelSelector") ?? "") }) };
    const object = this.objects.get(`${prefix}/${name}`);
    return object === undefined ? status(404, `${resource} "${name}" not found`) : { body: JSON.stringify(object) };
  }

  private select(prefix: string, selector: string): readonly unknown[] {
    const wanted = selector === "" ? [] : selector.split(",").map((one) => one.split("=") as [string, string]);
    return [...this.objects]
      .filter(([key]) => key.startsWith(`${prefix}/`))
      .flatMap(([, object]) => {
        const { labels = {} } = (object as { metadata: { labels?: Record<string, string> } }).metadata;
        return wanted.every(([key, value]) => labels[key] === value) ? [object] : [];
      });
  }

  /** Runs a pod's command for real, on this machine; its output is its log. */
  private runPod(key: string, pod: FakePod): void {
    const { name } = pod.metadata;
    const [container] = pod.spec.containers;
    const [command = "false", ...rest] = this.podCommand ?? container?.command ?? [];
    const child = spawn(command, [...rest, ...(container?.args ?? [])], { stdio: ["ignore", "pipe", "inherit"] });
    this.children.add(child);
    child.once("close", () => this.children.delete(child));
    this.logs.set(name, "");
    const phase = (is: string, exitCode?: number): void => {
      if (!this.objects.has(key)) return;
      const state = exitCode === undefined ? { running: {} } : { terminated: { exitCode } };
      this.objects.set(key, { ...pod, status: { phase: is, containerStatuses: [{ name: "probe", state }] } });
    };
    phase("Running");
    child.stdout.on("data", (chunk: Buffer) =>
      this.logs.set(
        name,
        (this.logs.get(name) ?? "") + chunk.toString("utf8").replaceAll(/^(?=.)/gm, "2026-03-01T08:00:00.000Z "),
      ),
    );
    child.on("error", () => phase("Failed", 128));
    child.on("close", (code) => phase(code === 0 ? "Succeeded" : "Failed", code ?? 137));
  }

  private write(request: FakeRequest, prefix: string, name: string): FakeAnswer {
    if (request.method === "DELETE") {
      return this.objects.delete(`${prefix}/${name}`) ? { body: "{}" } : status(404, "not found");
    }
    const object = JSON.parse(request.body) as { metadata: { name: string; resourceVersion?: string } };
    const key = `${prefix}/${object.metadata.name}`;
    const exists = this.objects.has(key);
    if (request.method === "POST" && exists) return status(409, "already exists");
    if (request.method === "PUT" && (!exists || name !== object.metadata.name)) return status(404, "not found");
    this.objects.set(key, { ...object, metadata: { ...object.metadata, resourceVersion: "2" } });
    if (request.method === "POST" && prefix === "v1/pods") this.runPod(key, object as unknown as FakePod);
    return { status: request.method === "POST" ? 201 : 200, body: request.body };
  }
}

/** A kubeconfig with one context. */
export function kubeconfig(
  server: string,
  user: Readonly<Record<string, unknown>>,
  cluster: Readonly<Record<string, unknown>> = {},
): unknown {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
}

/** A `Status` object, as every error of an API server. */
export function status(code: number, message: string): FakeAnswer {
  return { status: code, body: JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, code }) };
}
