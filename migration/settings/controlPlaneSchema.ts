import { form, group, hostName, label, whole } from "./fields";
import { extraValues, resources, serviceAccountAnnotations } from "./workloadSchema";

const replicas = whole(1, 50, "replicas");

/** A Route 53 record of the program's own. */
const record = group(
  {
    /** Hosted zone that holds the name. **Changing it replaces the record.** */
    hostedZoneId: form(/^Z[A-Z0-9]{5,31}$/, "the id of a hosted zone, Z..."),
    /** What the name stands for: the load balancer before B's DP Manager. */
    target: hostName(),
    /** Seconds that resolvers keep an answer. 1-86,400, default 60. */
    ttlSeconds: whole(1, 86_400, "seconds").default(60),
  },
  "hostedZoneId and target",
);

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
    /**
     * Connections that each pod keeps at most. 5-200, default 30. All pods together have to stay below the server's limit:
     * a check counts before control plane B starts.
     */
    maxDatabaseConnections: whole(5, 200, "connections").default(30),
    /** Prometheus of B for the dashboard's graphs. Default: none, the graphs stay empty. */
    prometheusUrl: form(/^https?:\/\/\S+$/, "an http or https address").optional(),
    /** Name of an image pull Secret in B's namespace, for the gateways too. */
    imagePullSecret: label(63, "a Secret's name").optional(),
    /**
     * Registry and path that hold API7's images under their own names (`api7-ee-3-integrated` and so on), for the gateways
     * too. Default: `api7` of Docker Hub.
     */
    imageRegistry: form(
      /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*$/,
      "a registry and path such as registry.example.com/api7",
    ).optional(),
    /** Annotations of the control plane's ServiceAccount. */
    serviceAccountAnnotations,
    /**
     * TLS Secrets of B's namespace with the certificates that people and tools see. Default: self-signed ones. The DP
     * Manager's own comes from the certificate authority in the database, and cannot be given.
     */
    certificates: group(
      {
        dashboard: label(63, "a Secret's name").optional(),
        developerPortal: label(63, "a Secret's name").optional(),
      },
      "dashboard and developerPortal",
    ).prefault({}),
    /**
     * Name by which B's gateways reach their DP Manager, where that is not the Service itself: over a load balancer, for
     * instance. **Changing it after `start` restarts every gateway of B.** A check resolves it from B. Default: the Service.
     */
    domain: group(
      {
        name: hostName(),
        /** A record that the program makes for it. Default: none, somebody else owns the name. */
        record: record.optional(),
      },
      "name and record",
    ).optional(),
    /** Further values of the chart `api7ee3`, merged below the program's own, which they may not touch (chartValues.ts). */
    extraValues,
    /** Seconds until a release counts as failed. 60-3,600, default 900. */
    timeoutSeconds: whole(60, 3600, "seconds").default(900),
  },
  "replicas and resources",
);
