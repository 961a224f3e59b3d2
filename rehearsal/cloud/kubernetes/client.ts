import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { isFields } from "./api/fields";
import { pathOf, type Kind } from "./api/kinds";
import { type KubeObject, type ObjectInput } from "./api/objects";

/** How long one request may take, in milliseconds. Every answer of this API is immediate. */
const REQUEST_TIMEOUT_MS = 4000;

/** A refusal by the API server. */
export class KubeError extends Error {
  override readonly name = "KubeError";

  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody answers at the API server's address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(server: string, cause: unknown) {
    super(`configured Kubernetes cluster is unreachable: ${server}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isFields(cause) ? cause["code"] : undefined;
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : String(cause);
}

/** One context of a kubeconfig, resolved. */
export interface KubeAccess {
  readonly server: string;
  /** Secret. */
  readonly token: string;
  /** Namespace of the context; `default` when it names none. */
  readonly namespace: string;
}

/** Which context and cluster of a kubeconfig to take instead of its own. */
export interface AccessChoice {
  readonly context?: string;
  readonly cluster?: string;
}

function named(entries: unknown, name: unknown, part: string): Readonly<Record<string, unknown>> | undefined {
  const found = (Array.isArray(entries) ? (entries as readonly unknown[]) : []).find(
    (entry) => isFields(entry) && entry["name"] === name,
  );
  const body = isFields(found) ? found[part] : undefined;
  return isFields(body) ? body : undefined;
}

/** Content of a kubeconfig given as content or as a path (`~` allowed). @throws Error when the file cannot be read */
export async function readKubeconfig(pathOrContent: string): Promise<string> {
  if (pathOrContent.includes("\n") || pathOrContent.trimStart().startsWith("{")) {
    return pathOrContent;
  }
  const path = pathOrContent.startsWith("~/") ? join(homedir(), pathOrContent.slice(2)) : pathOrContent;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`failed to read kubeconfig file "${path}": ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * The access that a kubeconfig gives.
 * @throws Error naming what is missing; never with content of the file, which is secret
 */
export function resolveAccess(content: string, choice: AccessChoice = {}): KubeAccess {
  let config: unknown;
  try {
    config = parse(content);
  } catch {
    throw new Error("failed to parse kubeconfig: it is neither YAML nor JSON");
  }
  const fields = isFields(config) ? config : {};
  const contextName = choice.context ?? fields["current-context"];
  const context = named(fields["contexts"], contextName, "context");
  if (context === undefined) {
    throw new Error(`context "${String(contextName)}" does not exist in the kubeconfig`);
  }
  const clusterName = choice.cluster ?? context["cluster"];
  const server = named(fields["clusters"], clusterName, "cluster")?.["server"];
  if (typeof server !== "string") {
    throw new Error(`cluster "${String(clusterName)}" of the kubeconfig has no server`);
  }
  const token = named(fields["users"], context["user"], "user")?.["token"];
  if (typeof token !== "string") {
    throw new Error(
      `user "${String(context["user"])}" of the kubeconfig has no token: the stand-in knows no other way to log in`,
    );
  }
  const namespace = context["namespace"];
  return { server: server.replace(/\/$/, ""), token, namespace: typeof namespace === "string" ? namespace : "default" };
}

export interface ApplyOptions {
  readonly manager: string;
  readonly force: boolean;
}

/** A small client of the API: the few calls that the stand-ins for Helm and for the Pulumi provider make. */
export class KubeClient {
  constructor(
    readonly access: KubeAccess,
    private readonly signal?: AbortSignal,
  ) {}

  /** @throws Error as `readKubeconfig` and `resolveAccess` */
  static async open(pathOrContent: string, choice?: AccessChoice, signal?: AbortSignal): Promise<KubeClient> {
    return new KubeClient(resolveAccess(await readKubeconfig(pathOrContent), choice), signal);
  }

  /** `undefined` when the object is not there. */
  async find(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
    try {
      return (await this.call("GET", pathOf(kind, namespace, name))) as KubeObject;
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) {
        return undefined;
      }
      throw error;
    }
  }

  async list(kind: Kind, namespace: string | undefined, labelSelector: string): Promise<readonly KubeObject[]> {
    const query = `?labelSelector=${encodeURIComponent(labelSelector)}`;
    const answer = await this.call("GET", `${pathOf(kind, namespace)}${query}`);
    const items = isFields(answer) ? answer["items"] : undefined;
    return Array.isArray(items) ? (items as readonly KubeObject[]) : [];
  }

  async create(kind: Kind, namespace: string | undefined, object: ObjectInput, manager: string): Promise<KubeObject> {
    const path = `${pathOf(kind, namespace)}?fieldManager=${encodeURIComponent(manager)}`;
    return (await this.call("POST", path, object)) as KubeObject;
  }

  async replace(kind: Kind, object: KubeObject, manager: string): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const path = `${pathOf(kind, namespace, name)}?fieldManager=${encodeURIComponent(manager)}`;
    return (await this.call("PUT", path, object)) as KubeObject;
  }

  /** Server-side apply. */
  async apply(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    object: ObjectInput,
    { manager, force }: ApplyOptions,
  ): Promise<KubeObject> {
    const query = `?fieldManager=${encodeURIComponent(manager)}&force=${force}`;
    const path = `${pathOf(kind, namespace, name)}${query}`;
    return (await this.call("PATCH", path, object, "application/apply-patch+yaml")) as KubeObject;
  }

  /** Does nothing when the object is not there. */
  async delete(kind: Kind, namespace: string | undefined, name: string): Promise<void> {
    try {
      await this.call("DELETE", pathOf(kind, namespace, name));
    } catch (error) {
      if (!(error instanceof KubeError && error.code === 404)) {
        throw error;
      }
    }
  }

  /** @throws KubeError on a refusal, UnreachableError when nobody answers */
  private async call(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<unknown> {
    const { server, token } = this.access;
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${server}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: this.signal === undefined ? timeout : AbortSignal.any([timeout, this.signal]),
      });
      text = await response.text();
    } catch (error) {
      this.signal?.throwIfAborted();
      throw new UnreachableError(server, error);
    }
    const answer = parseJson(text);
    if (!response.ok) {
      const { message, reason } = isFields(answer) ? answer : {};
      throw new KubeError(
        response.status,
        typeof reason === "string" ? reason : "Unknown",
        typeof message === "string" ? message : `the server answered with status ${response.status}`,
      );
    }
    return answer;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
