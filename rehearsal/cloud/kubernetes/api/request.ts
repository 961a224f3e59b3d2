import { type IncomingMessage } from "node:http";
import { parse } from "yaml";
import { badRequest, unknownResource, unsupportedMediaType } from "./errors";
import { ALL_KINDS, type Kind } from "./kinds";

/** What a path names. */
export interface Target {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  /** Missing for a collection. */
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource, with a leading slash; proxies pass it on. */
  readonly rest: string;
}

const CORE = /^\/api\/(?<version>v1)\/(?<path>.+)$/;
const GROUP = /^\/apis\/(?<group>[^/]+)\/(?<version>[^/]+)\/(?<path>.+)$/;

function find(group: string, version: string, plural: string): Kind | undefined {
  return ALL_KINDS.find((kind) => kind.group === group && kind.version === version && kind.plural === plural);
}

/**
 * The object or collection that a path of the API names. Answers `undefined` for what is no resource path.
 * @throws ApiError 404 for kinds and subresources that are not served
 */
export function parseTarget(pathname: string): Target | undefined {
  const found = (CORE.exec(pathname) ?? GROUP.exec(pathname))?.groups;
  if (found === undefined) {
    return undefined;
  }
  const { group = "", version = "" } = found;
  const parts = (found["path"] ?? "").split("/");
  const [first = "", second, third] = parts;
  // `namespaces` is both a kind and the scope of others.
  const scoped = first === "namespaces" && third !== undefined && find(group, version, third) !== undefined;
  const [plural = "", name, subresource, ...rest] = scoped ? parts.slice(2) : parts;
  const kind = find(group, version, plural);
  if (kind === undefined || (scoped && !kind.namespaced) || (!scoped && kind.namespaced && name !== undefined)) {
    throw unknownResource();
  }
  if (subresource !== undefined && !kind.subresources.includes(subresource)) {
    throw unknownResource();
  }
  return {
    kind,
    namespace: scoped ? decodeURIComponent(second ?? "") : undefined,
    name: name === undefined || name === "" ? undefined : decodeURIComponent(name),
    subresource,
    // Some clients encode the slashes of the path behind a proxy.
    rest: `/${rest.join("/").replaceAll(/%2F/gi, "/")}`,
  };
}

/** Largest body in bytes: the real server's limit for objects is about 1.5 MiB (etcd), its limit for bodies 3 MiB. */
const LARGEST_BODY_BYTES = 3 * 1024 * 1024;

/** The body as text. @throws ApiError 413 */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) {
      throw badRequest(`the body of the request is larger than ${LARGEST_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export function mediaType(request: IncomingMessage): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
}

/** A JSON or YAML body. An empty one is `undefined`. @throws ApiError 400, 415 */
export function decodeBody(text: string, type: string): unknown {
  if (text.trim() === "") {
    return undefined;
  }
  if (!/^application\/([a-z0-9.-]+\+)?(json|yaml)$/.test(type)) {
    throw unsupportedMediaType(type);
  }
  try {
    // JSON is YAML; apply patches come in either.
    return type.endsWith("yaml") ? (parse(text) as unknown) : (JSON.parse(text) as unknown);
  } catch {
    throw badRequest("couldn't get version/kind; the body of the request is neither JSON nor YAML");
  }
}
