import type { ModifyTargetGroupInput, TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import { tagEntries, tagsOf } from "../tags";
import { doing, existing, finishing, type Handler, type Look, type Services, unlessGone } from "./handler";
import { INPUTS, type InputsOf } from "./inputs";

type Inputs = InputsOf<"lb/targetGroup">;

/** `aws.lb.TargetGroup`. */
export function targetGroupHandler({ account, elb }: Services): Handler {
  const look = async (arn: string): Promise<Look | undefined> => {
    const described = await unlessGone(["TargetGroupNotFound"], () =>
      elb.DescribeTargetGroups({ TargetGroupArns: [arn] }),
    );
    const group = described?.TargetGroups?.[0];
    if (group === undefined) return undefined;
    const { Attributes } = await elb.DescribeTargetGroupAttributes({ TargetGroupArn: arn });
    const attributes = Object.fromEntries((Attributes ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
    const { TagDescriptions } = await elb.DescribeTags({ ResourceArns: [arn] });
    return {
      inputs: { ...liveInputs(group, attributes), tags: tagsOf(TagDescriptions?.[0]?.Tags), region: account.region },
      computed: { arn, arnSuffix: arn.split(":").at(-1), loadBalancerArns: group.LoadBalancerArns ?? [] },
    };
  };

  return {
    async create(props) {
      const inputs = INPUTS["lb/targetGroup"].parse(props);
      const what = `creating ELBv2 Target Group (${inputs.name})`;
      const { TargetGroups } = await doing(what, () =>
        elb.CreateTargetGroup({
          Name: inputs.name,
          Port: inputs.port,
          Protocol: inputs.protocol as "HTTP" | undefined,
          ProtocolVersion: inputs.protocolVersion,
          VpcId: inputs.vpcId,
          TargetType: inputs.targetType as "ip" | undefined,
          IpAddressType: inputs.ipAddressType as "ipv4" | undefined,
          ...healthCheckOf(inputs),
          Tags: tagEntries(inputs.tags),
        }),
      );
      const arn = TargetGroups?.[0]?.TargetGroupArn ?? "";
      return finishing(
        arn,
        () => look(arn),
        () => setAttributes(arn, inputs),
      );
    },

    read: look,

    async update(arn, props) {
      const inputs = INPUTS["lb/targetGroup"].parse(props);
      if (inputs.healthCheck !== undefined) {
        await doing(`modifying ELBv2 Target Group (${arn})`, () =>
          elb.ModifyTargetGroup({ TargetGroupArn: arn, ...healthCheckOf(inputs) }),
        );
      }
      await setAttributes(arn, inputs);
      await doing(`updating tags for ELBv2 Target Group (${arn})`, () => elb.AddTags({ arn, tags: inputs.tags }));
      return existing(arn, () => look(arn));
    },

    async delete(arn) {
      await doing(`deleting ELBv2 Target Group (${arn})`, () => elb.DeleteTargetGroup({ TargetGroupArn: arn }));
    },
  };

  async function setAttributes(arn: string, inputs: Inputs): Promise<void> {
    const attributes = Object.entries(attributesOf(inputs));
    if (attributes.length === 0) return;
    await doing(`modifying ELBv2 Target Group (${arn}) attributes`, () =>
      elb.ModifyTargetGroupAttributes({
        TargetGroupArn: arn,
        Attributes: attributes.map(([Key, Value]) => ({ Key, Value })),
      }),
    );
  }
}

/** The provider's own defaults of a health check block differ from AWS's (3 and 3 instead of 5 and 2). */
function healthCheckOf({ healthCheck }: Inputs): Omit<ModifyTargetGroupInput, "TargetGroupArn"> {
  if (healthCheck === undefined) return {};
  const { enabled = true, healthyThreshold = 3, interval = 30, unhealthyThreshold = 3 } = healthCheck;
  const { matcher, path, port = "traffic-port", protocol = "HTTP", timeout } = healthCheck;
  return {
    HealthCheckEnabled: enabled,
    HealthyThresholdCount: healthyThreshold,
    UnhealthyThresholdCount: unhealthyThreshold,
    HealthCheckIntervalSeconds: interval,
    HealthCheckTimeoutSeconds: timeout,
    HealthCheckPath: path,
    HealthCheckPort: port,
    HealthCheckProtocol: protocol as "HTTP",
    Matcher: matcher === undefined ? undefined : { HttpCode: matcher },
  };
}

/** The attributes that the inputs speak of. */
function attributesOf(inputs: Inputs): Record<string, string> {
  const { stickiness, targetGroupHealth } = inputs;
  const cookie = stickiness?.type === "app_cookie" ? "app_cookie" : "lb_cookie";
  const health = "target_group_health";
  const all: Record<string, string | number | boolean | undefined> = {
    "deregistration_delay.timeout_seconds": inputs.deregistrationDelay,
    "slow_start.duration_seconds": inputs.slowStart,
    "load_balancing.algorithm.type": inputs.loadBalancingAlgorithmType,
    "load_balancing.algorithm.anomaly_mitigation": inputs.loadBalancingAnomalyMitigation,
    "load_balancing.cross_zone.enabled": inputs.loadBalancingCrossZoneEnabled,
    "stickiness.enabled": stickiness === undefined ? undefined : (stickiness.enabled ?? true),
    "stickiness.type": stickiness?.type,
    [`stickiness.${cookie}.duration_seconds`]: stickiness?.cookieDuration,
    "stickiness.app_cookie.cookie_name": stickiness?.cookieName,
    [`${health}.dns_failover.minimum_healthy_targets.count`]:
      targetGroupHealth?.dnsFailover?.minimumHealthyTargetsCount,
    [`${health}.dns_failover.minimum_healthy_targets.percentage`]:
      targetGroupHealth?.dnsFailover?.minimumHealthyTargetsPercentage,
    [`${health}.unhealthy_state_routing.minimum_healthy_targets.count`]:
      targetGroupHealth?.unhealthyStateRouting?.minimumHealthyTargetsCount,
    [`${health}.unhealthy_state_routing.minimum_healthy_targets.percentage`]:
      targetGroupHealth?.unhealthyStateRouting?.minimumHealthyTargetsPercentage,
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}

function liveInputs(group: TargetGroup, attributes: Readonly<Record<string, string>>): Record<string, unknown> {
  const type = attributes["stickiness.type"] ?? "lb_cookie";
  const health = "target_group_health";
  return {
    name: group.TargetGroupName,
    port: group.Port,
    protocol: group.Protocol,
    protocolVersion: group.ProtocolVersion,
    vpcId: group.VpcId,
    targetType: group.TargetType,
    ipAddressType: group.IpAddressType,
    deregistrationDelay: Number(attributes["deregistration_delay.timeout_seconds"]),
    slowStart: Number(attributes["slow_start.duration_seconds"]),
    loadBalancingAlgorithmType: attributes["load_balancing.algorithm.type"],
    loadBalancingAnomalyMitigation: attributes["load_balancing.algorithm.anomaly_mitigation"],
    loadBalancingCrossZoneEnabled: attributes["load_balancing.cross_zone.enabled"],
    healthCheck: {
      enabled: group.HealthCheckEnabled,
      healthyThreshold: group.HealthyThresholdCount,
      interval: group.HealthCheckIntervalSeconds,
      matcher: group.Matcher?.HttpCode,
      path: group.HealthCheckPath,
      port: group.HealthCheckPort,
      protocol: group.HealthCheckProtocol,
      timeout: group.HealthCheckTimeoutSeconds,
      unhealthyThreshold: group.UnhealthyThresholdCount,
    },
    stickiness: {
      enabled: attributes["stickiness.enabled"] === "true",
      type,
      cookieDuration: Number(attributes[`stickiness.${type}.duration_seconds`]),
      ...(type === "app_cookie" ? { cookieName: attributes["stickiness.app_cookie.cookie_name"] } : {}),
    },
    targetGroupHealth: {
      dnsFailover: {
        minimumHealthyTargetsCount: attributes[`${health}.dns_failover.minimum_healthy_targets.count`],
        minimumHealthyTargetsPercentage: attributes[`${health}.dns_failover.minimum_healthy_targets.percentage`],
      },
      unhealthyStateRouting: {
        minimumHealthyTargetsCount: Number(
          attributes[`${health}.unhealthy_state_routing.minimum_healthy_targets.count`],
        ),
        minimumHealthyTargetsPercentage:
          attributes[`${health}.unhealthy_state_routing.minimum_healthy_targets.percentage`],
      },
    },
  };
}
