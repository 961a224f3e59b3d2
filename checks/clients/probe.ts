import { type HttpAnswer } from "./http";
import { type KubernetesApi } from "./kubernetes";
import { connectFrom, type Address, type ProbePlace, type Reached } from "./probePod";

/**
 * Asking something from inside a cluster: its own Services and pods through the API server's proxy, everything else by
 * a short-lived pod beside the gateways. There is no other way in for the checks, so that they see what the cluster's
 * own pods see.
 */

export interface ProbeTarget {
  readonly kind: "services" | "pods";
  readonly name: string;
  readonly scheme: "http" | "https";
  readonly port: number;
}

export interface ProbeRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | undefined;
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Probe {
  /** A request to a Service or pod. A proxied answer keeps its status. @throws CouldNotLook */
  (target: ProbeTarget, request: ProbeRequest): Promise<HttpAnswer>;
  /** Connects from a pod beside the gateways to each of the addresses. @throws CouldNotLook */
  readonly connect: (
    place: ProbePlace,
    addresses: readonly Address[],
    signal: AbortSignal,
  ) => Promise<readonly Reached[]>;
}

/** The one way to what runs inside a cluster, or can be reached from there. */
export function probeFrom(cluster: KubernetesApi): Probe {
  const ask = (target: ProbeTarget, request: ProbeRequest): Promise<HttpAnswer> => {
    const prefix = target.scheme === "https" ? "https:" : "";
    const base = cluster.path("v1", target.kind, `${prefix}${target.name}:${target.port}`, { subresource: "proxy" });
    return cluster.request({ ...request, path: base + request.path });
  };
  return Object.assign(ask, {
    connect: (place: ProbePlace, addresses: readonly Address[], signal: AbortSignal) =>
      connectFrom(cluster, place, addresses, signal),
  });
}
