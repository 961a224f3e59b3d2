import { z } from "zod";
import { flag, form, group, label, list, text, whole } from "./fields";
import { groupName, match, shortId, targetGroupArn } from "./listenerSchema";
import { extraValues, resources, serviceAccountAnnotations, trustedAddresses } from "./workloadSchema";

/** The gateway groups: each has its own data planes, target groups, rule and weight; `stage` moves them together. */
export const gatewayGroups = list(
  group(
    {
      /** **Changing it replaces target groups, rule and data plane.** */
      name: groupName,
      /** API7's short id of the group; that of the default group is `default`. */
      shortId,
      /** Requests of this group; left out for the one group that a new load balancer sends everything else to. */
      match: match.optional(),
      clusterA: group(
        {
          /** Deployment of A's gateways. */
          deployment: label(63, "a Deployment's name"),
          /** Its full size as recorded before the freeze: A keeps it until `decommission`. */
          replicas: whole(1, 500, "replicas"),
          /** The HorizontalPodAutoscaler that owns that size, when there is one. */
          autoscaler: group(
            {
              name: label(63, "a HorizontalPodAutoscaler's name"),
              /** Its own minimum, given back when A is opened again. */
              minimum: whole(1, 500, "replicas"),
            },
            "name and minimum",
          ).optional(),
          /** A's own target group. Left out with a new load balancer: the program then makes one. */
          targetGroupArn: targetGroupArn.optional(),
          /** Service of A's gateways, for the program's own target group. Default `DEPLOYMENT-gateway`. */
          service: label(63, "a Service's name").optional(),
        },
        "deployment and replicas",
      ),
      clusterB: group(
        {
          /** Gateways of B, all the time. 1-500. */
          replicas: whole(1, 500, "replicas"),
          /** Growth beyond `replicas`, which is the minimum. Default: none. */
          autoscaling: group(
            {
              maximum: whole(1, 500, "replicas"),
              /** CPU in percent of the request. 10-95, default 60. */
              cpuPercent: whole(10, 95, "percent").default(60),
            },
            "maximum and cpuPercent",
          ).optional(),
          resources,
          /** Plain environment of the gateways, for `$env://` references. Never one that overrides the pinning. */
          environment: z
            .record(form(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name"), z.string({ error: () => "text" }), {
              error: ({ code }) =>
                code === "invalid_key" ? "a variable's name: letters, digits and _" : "an object of variables",
            })
            .default({}),
          /** Secret of B's namespace whose keys become environment variables. */
          environmentSecret: label(63, "a Secret's name").optional(),
          /**
           * Blocks whose `X-Forwarded-*` headers the gateways believe: the load balancer's subnets. The same as on A, so that
           * rules by client address mean the same; a check compares both. Default: none.
           */
          trustedAddresses,
          /** Annotations of the gateways' ServiceAccount. */
          serviceAccountAnnotations,
          /** Further values of the chart `gateway`, merged below the program's own, which they may not touch (chartValues.ts). */
          extraValues,
          /** Whether Prometheus Operator finds the gateways; also opens port 9091 beyond the pod. */
          serviceMonitor: flag().default(false),
          /** Size of nginx's `worker_processes`: `auto` or a number. */
          workerProcesses: text("auto or a number")
            .regex(/^(auto|[1-9]\d?)$/, "auto or a number")
            .default("auto"),
        },
        "replicas and resources",
      ),
    },
    "name, shortId, clusterA and clusterB",
  ),
  "a list of at least one gateway group",
  1,
);
