import type * as pulumi from "@pulumi/pulumi";

/** Where pods of B run, and where their images come from: the same for control plane and gateways. */

const ZONE = "topology.kubernetes.io/zone";
const NODE = "kubernetes.io/hostname";

/** Evenly over zones, then over nodes. A cluster without room still starts the pod: serving comes first. */
export function spread(matchLabels: Readonly<Record<string, string>>): pulumi.Inputs[] {
  return [ZONE, NODE].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: { ...matchLabels } },
  }));
}

/** Rather not on a node that has such a pod already. */
export function apartFrom(matchLabels: Readonly<Record<string, string>>): pulumi.Inputs {
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: { topologyKey: NODE, labelSelector: { matchLabels: { ...matchLabels } } } },
      ],
    },
  };
}

/** Of one of API7's images in another registry than Docker Hub; nothing where the chart's own holds. */
export function repository(registry: string | undefined, image: string): { readonly repository?: string } {
  return registry === undefined ? {} : { repository: `${registry}/${image}` };
}
