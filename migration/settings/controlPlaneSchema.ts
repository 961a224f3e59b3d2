import { form, group, label, whole } from "./fields";
import { extraValues, resources } from "./workloadSchema";

const replicas = whole(1, 50, "replicas");

/** Control plane B. */
export const controlPlane = group(
  {
    replicas: group(
      {
        dashboard: replicas,
        dpManager: replicas,
        /** 0: no developer portal. */
        developerPortal: whole(0, 50, "replicas"),
      },
      "dashboard, dpManager and developerPortal",
    ),
    resources,
    /** Connections that each pod keeps at most. 5-200, default 30; times the pods below the server's limit. */
    maxDatabaseConnections: whole(5, 200, "connections").default(30),
    /** Prometheus of B for the dashboard's graphs. Default: none, the graphs stay empty. */
    prometheusUrl: form(/^https?:\/\/\S+$/, "an http or https address").optional(),
    /** Name of an image pull Secret in B's namespace. */
    imagePullSecret: label(63, "a Secret's name").optional(),
    /** Further values of the chart `api7ee3`, merged below the program's own, which they may not touch (chartValues.ts). */
    extraValues,
    /** Seconds until a release counts as failed. 60-3,600, default 900. */
    timeoutSeconds: whole(60, 3600, "seconds").default(900),
  },
  "replicas and resources",
);
