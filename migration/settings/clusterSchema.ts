import { z } from "zod";
import { arn, cidr, form, group, label, list, text, whole } from "./fields";

/** The two clusters: how they are reached, and what the program needs to know of A before it touches it. */

const clusterAccess = {
  /** Path of a kubeconfig file, handed on as it is: the same on every machine that runs this stack. */
  kubeconfig: text("the path of a kubeconfig file"),
  /** Context of the kubeconfig. Default: its current one. */
  context: text("the name of a kubeconfig context").optional(),
  /**
   * A name of the cluster that outlives its addresses, the EKS ARN for instance.
   * **Changing it replaces everything that the stack has in the cluster.**
   */
  identifier: text("a lasting name of the cluster, for instance its EKS ARN"),
  /** Namespace of API7. **Changing B's after `start` replaces control and data plane.** */
  namespace: label(63, "a namespace"),
};

const freeze = z.discriminatedUnion(
  "mode",
  [
    /** A's dashboard, Admin API included, and developer portal are scaled to zero; A's API is down meanwhile. */
    group({ mode: z.literal("scale-dashboard") }, "mode"),
    /** Methods that write get 503 from A's own load balancer; reading goes on. */
    group(
      {
        mode: z.literal("writes-only"),
        /**
         * Listener through which people and tools reach A's dashboard and Admin API. **Changing it replaces the rules of
         * the freeze.**
         */
        listenerArn: arn("elasticloadbalancing", "listener/app/"),
        /** Target group of that dashboard: signing in is forwarded to it. */
        targetGroupArn: arn("elasticloadbalancing", "targetgroup/"),
        /** Host names of that entry; empty when the listener serves nothing else. At most 1, as ALB counts values. */
        hosts: list(text("a host name"), "a list of at most one host name").max(1, "at most one host name").default([]),
        /** Paths that may be written all the same, because signing in is a POST. At most 4. */
        loginPaths: list(text("a path"), "a list of 1 to 4 paths", 1).max(4, "at most 4 paths").default(["/api/login"]),
        /** Priority of the rule that lets signing in through; the refusing rule gets the next number. 1-49,999. */
        priority: whole(1, 49_999, "a rule's priority"),
      },
      "mode, listenerArn, targetGroupArn and priority",
    ),
    /** Nobody is held back; a late change is only noticed. */
    group({ mode: z.literal("announced") }, "mode"),
  ],
  { error: () => "an object whose mode is writes-only, scale-dashboard or announced" },
);

const replicas = (what: string): z.ZodNumber => whole(1, 50, what);

export const clusterA = group(
  {
    ...clusterAccess,
    /** Helm's full name of A's control plane: its Deployments are `NAME-dashboard`, `NAME-dp-manager`, ... */
    controlPlane: label(50, "Helm's full name of the control plane"),
    /** Sizes of A's control plane as recorded before the freeze: opening A again brings them back. */
    replicas: group(
      {
        dashboard: replicas("replicas"),
        dpManager: replicas("replicas"),
        /** 0: A has no developer portal. */
        developerPortal: whole(0, 50, "replicas"),
      },
      "dashboard, dpManager and developerPortal",
    ),
    /** Addresses under which A's DP Manager can be reached: B's gateways are kept from them. */
    dpManagerCidrs: list(cidr(), "a list of IPv4 blocks", 1),
    /**
     * Addresses of database A: B's pods are kept from its port. Where both databases are in the same subnets give single
     * addresses, else control plane B would be kept from its own. Default: none, so that A's security group alone protects it.
     */
    databaseCidrs: list(cidr(), "a list of IPv4 blocks").default([]),
    /**
     * RDS identifier of database A. Not given where A is no RDS instance, which needs a dump as source. **Changing it from
     * `restore` on replaces the snapshot and database B.**
     */
    databaseIdentifier: label(63, "an RDS instance identifier").optional(),
    /** PostgreSQL version of database A, `15.8`. Given, database B must have its major; a check compares the live ones. */
    databaseEngineVersion: form(/^\d+(\.\d+)?$/, "a PostgreSQL version such as 15.8").optional(),
    freeze,
  },
  "kubeconfig, identifier, namespace, controlPlane, replicas, dpManagerCidrs and freeze",
);

export const clusterB = group(
  {
    ...clusterAccess,
    /** Who may reach B's dashboard until `complete`. */
    operatorCidrs: list(cidr(), "a list of IPv4 blocks", 1),
    /** Where connections of B's API server to pods come from (EKS: the cluster's subnets); the checks use them. */
    apiServerCidrs: list(cidr(), "a list of IPv4 blocks", 1),
  },
  "kubeconfig, identifier, namespace, operatorCidrs and apiServerCidrs",
);
