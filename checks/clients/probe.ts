import { type HttpAnswer } from "./http";
import { type KubernetesApi } from "./kubernetes";

/**
 * Asking something inside a cluster, from inside that cluster: through the API server's proxy. There is no other way in
 * for the checks, so that they see what the cluster's own pods see.
 */

export interface ProbeTarget {
  readonly kind: "services" | "pods";
  readonly name: string;
  readonly scheme: "http" | "https";
  readonly port: number;
}

export interface ProbeRequest {
  readonly method?: "GET" | "POST" | undefined;
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export type Probe = (target: ProbeTarget, request: ProbeRequest) => Promise<HttpAnswer>;

/** The one way to what runs inside a cluster. A proxied answer keeps its status. */
export function probeFrom(cluster: KubernetesApi): Probe {
  return (target, request) => {
    const prefix = target.scheme === "https" ? "https:" : "";
    const base = cluster.path("v1", target.kind, `${prefix}${target.name}:${target.port}`, { subresource: "proxy" });
    return cluster.request({ ...request, path: base + request.path });
  };
}
