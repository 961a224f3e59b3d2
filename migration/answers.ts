import { isObject, type ConfigurationDocument } from "./configurationWalk";
import { type AnswerDifference, type SampleRequest } from "./inspection";
import { flatten } from "./parity";

/**
 * The same request, answered by A and by B: what of the two answers has to be equal, and which requests are tried. Pure:
 * answers and configuration in, differences and requests out.
 */

/** An answer, as far as it is compared. */
export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface DifferingPart {
  /** `status`, `header NAME`, `body`, or `body PATH`. */
  readonly part: string;
  readonly a: string;
  readonly b: string;
}

/** Headers that say when, by whom and how often, not what: no two answers need have them alike. */
const NOT_COMPARED =
  /^(date|age|expires|connection|keep-alive|transfer-encoding|content-length|server|via|etag|last-modified|x-request-id|x-amzn-trace-id|traceparent|tracestate|x-apisix-.*|x-api7-.*|x-ratelimit-.*|ratelimit-.*|retry-after|x-envoy-.*|x-runtime|server-timing|x-cache.*|apisix-cache-status)$/;
/** Headers of which only the presence is compared, and nothing is shown: they hold sessions. */
const PRESENCE_ONLY = /^(set-cookie|authorization|www-authenticate|proxy-authenticate)$/;
const SHOWN = 80;

/** Every part in which two answers differ. Bodies are not shown: they may hold anything. */
export function differingParts(a: Answer, b: Answer): readonly DifferingPart[] {
  const parts: DifferingPart[] = [];
  if (a.status !== b.status) parts.push({ part: "status", a: String(a.status), b: String(b.status) });
  for (const name of [...new Set([...Object.keys(a.headers), ...Object.keys(b.headers)])].sort()) {
    if (NOT_COMPARED.test(name)) continue;
    const [inA, inB] = [a.headers[name], b.headers[name]];
    const secret = PRESENCE_ONLY.test(name);
    if (secret ? (inA === undefined) === (inB === undefined) : inA === inB) continue;
    const shown = (value: string | undefined): string =>
      value === undefined ? "missing" : secret ? "there" : value.slice(0, SHOWN);
    parts.push({ part: `header ${name}`, a: shown(inA), b: shown(inB) });
  }
  return [...parts, ...differingBody(a.body, b.body)];
}

function differingBody(a: string, b: string): readonly DifferingPart[] {
  if (a === b) return [];
  const [jsonA, jsonB] = [parsed(a), parsed(b)];
  const sizes = { a: `${a.length} characters`, b: `${b.length} characters` };
  if (jsonA === undefined || jsonB === undefined) return [{ part: "body", ...sizes }];
  const [flatA, flatB] = [flatten(jsonA), flatten(jsonB)];
  const paths = [...new Set([...flatA.keys(), ...flatB.keys()])].filter((path) => flatA.get(path) !== flatB.get(path));
  const kind = (flat: ReadonlyMap<string, string>, path: string): string =>
    flat.has(path) ? "another value" : "missing";
  // Written differently, and the same in meaning: the order of fields, white space.
  return paths.map((path) => ({ part: `body ${path}`, a: kind(flatA, path), b: kind(flatB, path) }));
}

/** Whether a difference is meant. */
export function isMeant(
  request: string,
  part: string,
  differences: readonly AnswerDifference[],
): AnswerDifference | undefined {
  return differences.find(
    (one) =>
      (one.request === undefined || pattern(one.request).test(request)) &&
      (one.part.toLowerCase() === part.toLowerCase() || (one.part === "body" && part.startsWith("body"))),
  );
}

function pattern(text: string): RegExp {
  const escaped = text.split("*").map((piece) => piece.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "i");
}

/** Methods that change nothing, so that they may be carried out twice. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Whether a request may be sent to both clusters. */
export function mayBeSent({ method, replayable }: SampleRequest): boolean {
  return SAFE.has(method.toUpperCase()) || replayable;
}

/** `GET shop.example.com/orders`: how a request is named. */
export function requestText({ method, host, path }: SampleRequest): string {
  return `${method} ${host}${path.replace(/\?.*/, "")}`;
}

interface FoundRoute {
  readonly object: string;
  readonly serviceId: string | undefined;
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  readonly method: string;
}

/** Gathers the routes of a configuration that can be asked for as they are: a whole host, a whole path, a safe method. */
export class SampleRoutes {
  private readonly routes: FoundRoute[] = [];
  private readonly published: FoundRoute[] = [];
  private readonly hosts = new Map<string, readonly string[]>();

  add({ object, value }: ConfigurationDocument): void {
    if (!isObject(value) || value["status"] === "disabled" || value["status"] === 0) return;
    const hosts = [...texts(value["hosts"]), ...texts(value["host"])];
    const paths = [...texts(value["uris"]), ...texts(value["uri"]), ...texts(value["paths"])];
    const id = value["id"];
    if (hosts.length > 0 && typeof id === "string" && paths.length === 0) this.hosts.set(id, hosts);
    const whole = paths.filter((path) => /^\/[\w./~-]*$/.test(path));
    const methods = texts(value["methods"]).map((method) => method.toUpperCase());
    const method = methods.length === 0 ? "GET" : methods.find((one) => SAFE.has(one));
    if (whole.length === 0 || method === undefined || value["enable_websocket"] === true) return;
    const serviceId = value["service_id"];
    const route = {
      object,
      serviceId: typeof serviceId === "string" ? serviceId : undefined,
      hosts,
      paths: whole,
      method,
    };
    // What is published is what is served; tables hold drafts as well.
    (object.startsWith("key ") ? this.published : this.routes).push(route);
  }

  /** At most so many requests, from as many services as there are, always the same for the same configuration. */
  list(maximum: number): readonly SampleRequest[] {
    const routes = this.published.length > 0 ? this.published : this.routes;
    const byService = new Map<string, SampleRequest[]>();
    for (const { object, serviceId, hosts, paths, method } of routes) {
      const own = hosts.length > 0 ? hosts : (this.hosts.get(serviceId ?? "") ?? []);
      const host = own.find((name) => !name.includes("*"));
      const [path] = paths;
      if (host === undefined || path === undefined) continue;
      const key = serviceId ?? object;
      const request = { host, path, method, headers: {}, replayable: false };
      byService.set(key, [...(byService.get(key) ?? []), request]);
    }
    const lists = [...byService].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, requests]) => requests);
    const chosen: SampleRequest[] = [];
    for (let round = 0; chosen.length < maximum && lists.some((list) => list.length > round); round += 1) {
      for (const list of lists) {
        const request = list[round];
        if (request !== undefined && chosen.length < maximum) chosen.push(request);
      }
    }
    return chosen;
  }
}

function texts(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((one): one is string => typeof one === "string" && one !== "");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
