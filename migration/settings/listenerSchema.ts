import { z } from "zod";
import { arn, cidr, flag, form, group, label, list, oneOf, text, whole } from "./fields";

/** What the listener needs of the settings: a mistake anywhere else does not hold the way back. */

const securityGroupId = form(/^sg-[0-9a-f]+$/, "the id of a security group, sg-...");
const subnetId = form(/^subnet-[0-9a-f]+$/, "the id of a subnet, subnet-...");

const trafficNetwork = {
  /** VPC of load balancer, clusters and databases. **Changing it replaces target groups and security groups.** */
  vpcId: form(/^vpc-[0-9a-f]+$/, "the id of a VPC, vpc-..."),
  /**
   * Security group of A's gateway pods or nodes; needed with a new load balancer, which must reach them. **Changing it
   * replaces the rules that let the load balancer in.**
   */
  clusterASecurityGroupId: securityGroupId.optional(),
  /** Security group of B's gateway pods or nodes. **Changing it replaces the rules that let the load balancer in.** */
  clusterBSecurityGroupId: securityGroupId,
};

export const network = group(
  {
    ...trafficNetwork,
    /** Subnets of database B, in at least two zones. */
    databaseSubnetIds: list(subnetId, "a list of at least 2 subnets", 2),
    /** Addresses from which this program and its checks run: they look into database B. */
    runnerCidrs: list(cidr(), "a list of IPv4 blocks", 1),
  },
  "vpcId, clusterBSecurityGroupId, databaseSubnetIds and runnerCidrs",
);

const balancerShared = {
  /** How targets of both clusters are looked at (facts/api7.md 3.1: `/status`, not `/status/ready`). */
  healthCheck: group(
    {
      path: form(/^\/\S*$/, "a path such as /status").default("/status"),
      /** Status port of the gateways. Default 7085. */
      port: whole(1, 65_535, "a port").default(7085),
      /** 5-300, default 5. */
      intervalSeconds: whole(5, 300, "seconds").default(5),
      /** 2-120 and below the interval, default 3. */
      timeoutSeconds: whole(2, 120, "seconds").default(3),
      /** Looks in a row until a target counts as healthy. 2-10, default 2. */
      healthyThreshold: whole(2, 10, "looks").default(2),
      /** Looks in a row until a target counts as unhealthy. 2-10, default 2. */
      unhealthyThreshold: whole(2, 10, "looks").default(2),
    },
    "path, port, intervalSeconds, timeoutSeconds, healthyThreshold and unhealthyThreshold",
  ).prefault({}),
  /**
   * Seconds after which the load balancer closes a connection that nothing passes through. 1-3,600, default 60, ALB's own;
   * a new load balancer is set to it. B's gateways keep theirs open for 15 seconds longer, else requests meet a closed one.
   * **Changing it after `start` restarts every gateway of B.**
   */
  idleTimeoutSeconds: whole(1, 3600, "seconds").default(60),
  /** Seconds that a leaving target may finish its requests. 0-3,600, default 300. Does not concern weight changes. */
  deregistrationDelaySeconds: whole(0, 3600, "seconds").default(300),
};

/** A load balancer of the program's own. It gets no traffic until DNS names it. */
const newBalancer = group(
  {
    kind: z.literal("new"),
    ...balancerShared,
    /** At most 32 characters. **Changing it replaces the load balancer**, and with it its address. */
    name: label(32, "the name of a load balancer"),
    /** At least two zones. */
    subnetIds: list(subnetId, "a list of at least 2 subnets", 2),
    /** Whether it is reached from inside the VPC only. **Changing it replaces the load balancer**, and its address. */
    internal: flag(),
    protocol: oneOf(["HTTP", "HTTPS"]).default("HTTPS"),
    port: whole(1, 65_535, "a port").default(443),
    /** Certificate of an HTTPS listener. */
    certificateArn: arn("acm", "certificate/").optional(),
    /** TLS policy of an HTTPS listener. */
    sslPolicy: form(/^ELBSecurityPolicy-\S+$/, "an ELB security policy").default("ELBSecurityPolicy-TLS13-1-2-2021-06"),
    /** Who may reach the load balancer. No default: an open entry must be asked for. */
    clientCidrs: list(cidr(), "a list of IPv4 blocks", 1),
  },
  "kind, name, subnetIds, internal and clientCidrs",
);

/** A's own listener: the program adds rules of higher priority and owns nothing else of it. */
const existingBalancer = group(
  {
    kind: z.literal("existing"),
    ...balancerShared,
    /** Listener that serves the traffic today. **Changing it replaces the rules that carry the weights.** */
    listenerArn: arn("elasticloadbalancing", "listener/app/"),
    /** Security group of that load balancer: B's gateways let it in. */
    securityGroupId,
  },
  "kind, listenerArn and securityGroupId",
);

export const loadBalancer = z.discriminatedUnion("kind", [newBalancer, existingBalancer], {
  error: () => "an object whose kind is new or existing",
});

/** Which requests belong to a gateway group. At most 5 values together, as ALB counts them. */
export const match = group(
  {
    /** Priority of the rule, 1-50,000; the lowest number is asked first. **Free on an existing listener.** */
    priority: whole(1, 50_000, "a rule's priority"),
    hosts: list(text("a host name, * allowed"), "a list of host names").default([]),
    paths: list(form(/^\//, "a path pattern such as /*"), "a list of path patterns").default([]),
  },
  "priority, hosts and paths",
);

/** Short name of a gateway group in this program: part of the names of target groups and releases. */
export const groupName = label(10, "the short name of a gateway group");
export const shortId = form(/^[A-Za-z0-9_-]+$/, "the short id of a gateway group");
export const targetGroupArn = arn("elasticloadbalancing", "targetgroup/");

/** The same keys as {@link network} and `gatewayGroups`, but blind to what the listener does not need. */
export const LISTENER_ONLY = {
  network: z.object(trafficNetwork),
  gatewayGroups: list(
    z.object({
      name: groupName,
      shortId,
      match: match.optional(),
      clusterA: z.object({ targetGroupArn: targetGroupArn.optional() }),
    }),
    "a list of at least one gateway group",
    1,
  ),
} as const;
