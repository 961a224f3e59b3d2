import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { ApiError, badRequest, unavailable } from "./errors";
import { KINDS } from "./kinds";
import { containerPorts, takesRequests, type Pod, type Service } from "./objects";
import { type Target } from "./request";
import { type ObjectReader } from "./clusterObjects";
import { type Resources } from "./resources";

/** Where a proxied request goes. */
interface Destination {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
}

/** `name`, `name:port`, `https:name:port`; the port is a number or a name. */
function parseName(text: string): { scheme: "http" | "https"; name: string; port: string } {
  const found = /^(?:(?<scheme>https?|):)?(?<name>[^:]+)(?::(?<port>[^:]*))?$/.exec(
    text.split(":").length === 2 ? `:${text}` : text,
  )?.groups;
  if (found?.["name"] === undefined) {
    throw badRequest(`invalid proxy request "${text}": expected [scheme:]name[:port]`);
  }
  return { scheme: found["scheme"] === "https" ? "https" : "http", name: found["name"], port: found["port"] ?? "" };
}

/** The number of a pod's port that is given as a number or by name. */
export function podPort(pod: Pod, port: number | string): number | undefined {
  const number = typeof port === "number" ? port : Number(port);
  if (Number.isInteger(number) && number > 0) {
    return number;
  }
  return containerPorts(pod).find(({ name }) => name === port)?.containerPort;
}

/** Pods that a Service sends requests to. */
export function endpointsOf(store: ObjectReader, service: Service): readonly Pod[] {
  const selector = Object.entries(service.spec.selector ?? {});
  return (store.list(KINDS.pod, service.metadata.namespace) as readonly Pod[]).filter(
    (pod) =>
      selector.length > 0 &&
      selector.every(([key, value]) => pod.metadata.labels?.[key] === value) &&
      takesRequests(pod),
  );
}

function podDestination(resources: Resources, namespace: string | undefined, text: string): Destination {
  const { scheme, name, port } = parseName(text);
  const pod = resources.get(KINDS.pod, namespace, name) as Pod;
  const host = pod.status?.podIP;
  if (host === undefined) {
    throw unavailable("address not allowed: the pod has no address yet");
  }
  const number = port === "" ? (containerPorts(pod)[0]?.containerPort ?? 80) : podPort(pod, port);
  if (number === undefined) {
    throw badRequest(`no port "${port}" found for pod "${name}"`);
  }
  return { scheme, host, port: number };
}

function serviceDestination(resources: Resources, namespace: string | undefined, text: string): Destination {
  const { scheme, name, port } = parseName(text);
  const service = resources.get(KINDS.service, namespace, name) as Service;
  const ports = service.spec.ports ?? [];
  const found =
    port === "" && ports.length === 1 ? ports[0] : ports.find((one) => one.name === port || String(one.port) === port);
  if (found === undefined) {
    throw unavailable(`no service port "${port}" found for service "${name}"`);
  }
  const pods = endpointsOf(resources.store, service);
  const pod = pods[Math.floor(Math.random() * pods.length)];
  if (pod === undefined) {
    throw unavailable(`no endpoints available for service "${text}"`);
  }
  const number = podPort(pod, found.targetPort ?? found.port);
  if (number === undefined || pod.status?.podIP === undefined) {
    throw unavailable(`no endpoints available for service "${text}"`);
  }
  return { scheme, host: pod.status.podIP, port: number };
}

/** Headers that belong to one connection, and the caller's credentials: they end here. */
const DROPPED = new Set(["authorization", "connection", "host", "keep-alive", "transfer-encoding", "upgrade"]);

function passedOn(headers: IncomingMessage["headers"]): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DROPPED.has(name)));
}

/** How long a proxied request may be silent, in milliseconds. */
const SILENCE_MS = 30_000;

/**
 * Passes a request on to a pod or a Service and its answer back. Certificates are not checked, as the real server does
 * not check them either. @throws ApiError 503 when nobody answers
 */
export async function forward(
  resources: Resources,
  { kind, namespace, name = "", rest }: Target,
  search: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const to =
    kind === KINDS.pod ? podDestination(resources, namespace, name) : serviceDestination(resources, namespace, name);
  const send = to.scheme === "https" ? httpsRequest : httpRequest;
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new ApiError(503, "ServiceUnavailable", `error trying to reach service: ${error.message}`));
    const outgoing = send(
      {
        host: to.host,
        port: to.port,
        method: request.method,
        path: `${rest}${search}`,
        headers: { ...passedOn(request.headers), host: `${to.host}:${to.port}` },
        rejectUnauthorized: false,
        agent: false,
        timeout: SILENCE_MS,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
        answer.pipe(response);
        answer.once("error", fail);
        response.once("close", () => {
          outgoing.destroy();
          resolve();
        });
      },
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer within ${SILENCE_MS} ms`)));
    outgoing.once("error", fail);
    request.pipe(outgoing);
  });
}
