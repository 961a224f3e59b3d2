import { type Agent } from "node:http";
import { type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { z } from "zod";
import { type ClusterAccess } from "../../migration/gateRequest";
import { CouldNotLook, textOf } from "../result";
import { exchange, type HttpAnswer } from "./http";

/** One cluster's API server, reached as kubectl reaches it: kubeconfig with tokens, client certificates or plugins. */

/** A log-in plugin (`aws eks get-token`) may have to ask AWS first. */
const LOGIN_MS = 10_000;

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export class KubernetesApi {
  private constructor(
    /** For messages: `cluster B`. */
    readonly label: string,
    readonly namespace: string,
    private readonly server: URL,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly agent: Agent | undefined,
    private readonly options: RequestOptions,
  ) {}

  /** Reads the kubeconfig and logs in. @throws CouldNotLook */
  static async open(label: string, access: ClusterAccess, signal: AbortSignal): Promise<KubernetesApi> {
    // The whole client has a module for each of Kubernetes' types and takes a second to load; its kubeconfig alone, 0.4 s.
    const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
    const config = new KubeConfig();
    const path = access.kubeconfig.replace(/^~(?=\/|$)/, homedir());
    try {
      config.loadFromFile(path);
    } catch (error) {
      throw new CouldNotLook(label, `kubeconfig ${path}: ${textOf(error)}`, "correct the path of the kubeconfig", {
        lasting: true,
        cause: error,
      });
    }
    if (access.context !== undefined) config.setCurrentContext(access.context);
    const cluster = config.getCurrentCluster();
    if (!cluster) {
      const known = config.getContexts().map((context) => context.name);
      throw new CouldNotLook(
        label,
        `kubeconfig ${path} has no cluster for context ${config.getCurrentContext()}; its contexts: ${known.join(", ")}`,
        "correct the context in the settings",
        { lasting: true },
      );
    }
    const server = new URL(cluster.server);
    if (server.protocol === "http:") {
      if (!isLoopback(server.hostname)) {
        throw new CouldNotLook(label, `${server.origin} is not encrypted`, "use the https address of the API server");
      }
      // `kubectl proxy` and its like: there is no TLS to verify, and the client refuses http otherwise.
      config.clusters = config.clusters.map((one) => (one === cluster ? { ...cluster, skipTLSVerify: true } : one));
    }
    const options: RequestOptions = { headers: {} };
    await logIn(label, config.applyToHTTPSOptions(options), signal);
    const { headers, agent, ...tls } = options;
    return new KubernetesApi(
      label,
      access.namespace,
      server,
      stringHeaders(headers),
      typeof agent === "object" ? agent : undefined,
      tls,
    );
  }

  /** Any answer, whatever its status. @throws CouldNotLook when there is none */
  request(request: ApiRequest): Promise<HttpAnswer> {
    const base = this.server.pathname.replace(/\/$/, "");
    return exchange({
      url: new URL(base + request.path, this.server),
      method: request.method,
      headers: { accept: "application/json", ...request.headers, ...this.headers },
      body: request.body,
      agent: this.agent,
      options: this.options,
      signal: request.signal,
      subject: this.label,
    });
  }

  /** An object or list in the given form; undefined when it does not exist. @throws CouldNotLook */
  async get<T>(schema: z.ZodType<T>, path: string, signal: AbortSignal): Promise<T | undefined> {
    const answer = await this.request({ path, signal });
    const subject = `${this.label} ${path}`;
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refused(subject, answer);
    return readJson(schema, answer, subject);
  }

  /** Path of a namespaced resource: `apps/v1`, `deployments`, name; `more` is a subresource such as `log`. */
  path(
    group: string,
    resource: string,
    name = "",
    more: { readonly subresource?: string; readonly query?: Readonly<Record<string, string>> } = {},
  ): string {
    const parts = [
      group === "v1" ? "/api/v1" : `/apis/${group}`,
      "namespaces",
      encodeURIComponent(this.namespace),
      resource,
    ];
    if (name !== "") parts.push(encodeURIComponent(name).replaceAll("%3A", ":"));
    if (more.subresource !== undefined) parts.push(more.subresource);
    const search = new URLSearchParams(more.query).toString();
    return parts.join("/") + (search === "" ? "" : `?${search}`);
  }
}

/** The error of an API server that refused. @param answer any answer but the expected one */
export function refused(subject: string, answer: HttpAnswer): CouldNotLook {
  const status = STATUS.safeParse(parseOrUndefined(answer.body));
  const text = status.success ? textOf(status.data.message) : answer.contentType || "no content type";
  const remedy =
    answer.status === 401
      ? "log in to the cluster again (the kubeconfig's credentials are refused)"
      : answer.status === 403
        ? "give the kubeconfig's user a role that allows this request"
        : "look at the API server; run again when it answers";
  return new CouldNotLook(subject, `HTTP ${answer.status}: ${text}`, remedy, {
    lasting: answer.status === 401 || answer.status === 403,
  });
}

/** @throws CouldNotLook when the body is no JSON of this form; the body is not repeated, it may hold secrets */
export function readJson<T>(schema: z.ZodType<T>, answer: HttpAnswer, subject: string): T {
  const json = parseOrUndefined(answer.body);
  const remedy = "check that the address leads to this service itself, and not to a log-in page or another server";
  if (json === undefined) {
    const kind = answer.contentType === "" ? "no content type" : answer.contentType;
    throw new CouldNotLook(
      subject,
      `HTTP ${answer.status} without JSON (${kind}, ${answer.body.length} characters)`,
      remedy,
    );
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CouldNotLook(subject, `unexpected JSON: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`, remedy);
}

const STATUS = z.object({ message: z.string() });

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The client runs log-in plugins without a time limit of its own. */
async function logIn(label: string, loggingIn: Promise<void>, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOGIN_MS)]);
  const late = new Promise<never>((_resolve, reject) => {
    limit.addEventListener("abort", () => reject(new Error(`no credentials within ${LOGIN_MS / 1000} s`)), {
      once: true,
    });
  });
  try {
    await Promise.race([loggingIn, late]);
  } catch (error) {
    throw new CouldNotLook(
      label,
      `cannot log in: ${textOf(error)}`,
      "run the kubeconfig's log-in by hand (kubectl get ns)",
      {
        cause: error,
      },
    );
  }
}

function stringHeaders(headers: RequestOptions["headers"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
