/** One resource type that the API server serves. */
export interface Kind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Subresources that are served besides the object. */
  readonly subresources: readonly string[];
}

function kind(
  group: string,
  version: string,
  name: string,
  plural: string,
  subresources: readonly string[] = [],
): Kind {
  return { group, version, kind: name, plural, namespaced: name !== "Namespace", subresources };
}

/**
 * Everything that the API server knows. A kind that is not here answers 404, as on a server without that API.
 * `elbv2.k8s.aws` and `monitoring.coreos.com` are what the load balancer controller and the Prometheus operator bring.
 */
export const KINDS = {
  namespace: kind("", "v1", "Namespace", "namespaces", ["status"]),
  secret: kind("", "v1", "Secret", "secrets"),
  configMap: kind("", "v1", "ConfigMap", "configmaps"),
  service: kind("", "v1", "Service", "services", ["proxy", "status"]),
  serviceAccount: kind("", "v1", "ServiceAccount", "serviceaccounts"),
  pod: kind("", "v1", "Pod", "pods", ["log", "proxy", "status"]),
  event: kind("", "v1", "Event", "events"),
  deployment: kind("apps", "v1", "Deployment", "deployments", ["scale", "status"]),
  horizontalPodAutoscaler: kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["status"]),
  podDisruptionBudget: kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ["status"]),
  networkPolicy: kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
  targetGroupBinding: kind("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding", "targetgroupbindings", ["status"]),
  serviceMonitor: kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
} as const satisfies Record<string, Kind>;

export const ALL_KINDS: readonly Kind[] = Object.values(KINDS);

/** `v1`, `apps/v1`. */
export function apiVersionOf(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** `deployments.apps`, `pods`: how the server's messages name a resource type. */
export function qualifiedPlural(kind: Kind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** The kind that an object's `apiVersion` and `kind` name, if the server serves it. */
export function kindOf(apiVersion: string, name: string): Kind | undefined {
  return ALL_KINDS.find((known) => apiVersionOf(known) === apiVersion && known.kind === name);
}

/** Path of a collection, or of one object in it. Cluster-scoped kinds ignore the namespace. */
export function pathOf(kind: Kind, namespace: string | undefined, name?: string): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${kind.plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
}
