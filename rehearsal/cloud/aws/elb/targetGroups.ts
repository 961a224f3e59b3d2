import type {
  CreateTargetGroupInput,
  CreateTargetGroupOutput,
  DeleteTargetGroupInput,
  DeregisterTargetsInput,
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput,
  DescribeTargetGroupsInput,
  DescribeTargetGroupsOutput,
  DescribeTargetHealthInput,
  DescribeTargetHealthOutput,
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput,
  ModifyTargetGroupInput,
  ModifyTargetGroupOutput,
  RegisterTargetsInput,
  TargetDescription,
  TargetGroup as ApiTargetGroup,
  TargetHealthReasonEnum,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { hexId } from "../account";
import { AwsError, notModelled, validationError } from "../errors";
import { paged } from "../paging";
import { tagsOf } from "../tags";
import { checkStickiness } from "./actions";
import { mergeAttributes, TARGET_GROUP_ATTRIBUTES } from "./attributes";
import { HEALTH_CHECK, healthCheckPortFault, inRange, matcherFault, nameFault, type Range } from "./limits";
import { type HealthCheck, type Target, type TargetGroup } from "./records";
import { type ElbState } from "./state";

/** Elastic Load Balancing's actions on target groups and targets. */
export type TargetGroupActions = {
  CreateTargetGroup(input: CreateTargetGroupInput): Promise<CreateTargetGroupOutput>;
  DescribeTargetGroups(input: DescribeTargetGroupsInput): DescribeTargetGroupsOutput;
  /** Changes the health check; everything else of a group is fixed, as on AWS. */
  ModifyTargetGroup(input: ModifyTargetGroupInput): Promise<ModifyTargetGroupOutput>;
  /** Deleting what is not there succeeds, as on AWS. */
  DeleteTargetGroup(input: DeleteTargetGroupInput): Promise<object>;
  DescribeTargetGroupAttributes(input: DescribeTargetGroupAttributesInput): DescribeTargetGroupAttributesOutput;
  ModifyTargetGroupAttributes(input: ModifyTargetGroupAttributesInput): Promise<ModifyTargetGroupAttributesOutput>;
  RegisterTargets(input: RegisterTargetsInput): Promise<object>;
  /** Targets that are not registered are passed over. */
  DeregisterTargets(input: DeregisterTargetsInput): Promise<object>;
  DescribeTargetHealth(input: DescribeTargetHealthInput): Promise<DescribeTargetHealthOutput>;
};

export function targetGroupActions(state: ElbState): TargetGroupActions {
  const describe = (group: TargetGroup): ApiTargetGroup => ({
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: "HTTP",
    Port: group.port,
    VpcId: group.vpcId,
    ProtocolVersion: group.protocolVersion,
    TargetType: "ip",
    IpAddressType: "ipv4",
    HealthCheckEnabled: true,
    HealthCheckProtocol: group.healthCheck.protocol,
    HealthCheckPort: group.healthCheck.port,
    HealthCheckPath: group.healthCheck.path,
    HealthCheckIntervalSeconds: group.healthCheck.intervalSeconds,
    HealthCheckTimeoutSeconds: group.healthCheck.timeoutSeconds,
    HealthyThresholdCount: group.healthCheck.healthyThreshold,
    UnhealthyThresholdCount: group.healthCheck.unhealthyThreshold,
    Matcher: { HttpCode: group.healthCheck.matcher },
    LoadBalancerArns: state.usersOf(group.arn).map(({ arn }) => arn),
  });

  return {
    CreateTargetGroup(input) {
      const group = parseGroup(state, input);
      return state.change(() => {
        if ([...state.targetGroups.values()].some(({ name }) => name === group.name)) {
          throw new AwsError("DuplicateTargetGroupName", `A target group with the same name '${group.name}' exists`);
        }
        state.targetGroups.set(group.arn, group);
        return { TargetGroups: [describe(group)] };
      });
    },

    DescribeTargetGroups(input) {
      const groups = [...state.targetGroups.values()];
      const named = (input.Names ?? []).map((name) => {
        const group = groups.find((candidate) => candidate.name === name);
        if (group === undefined) throw new AwsError("TargetGroupNotFound", "One or more target groups not found");
        return group;
      });
      const chosen =
        input.TargetGroupArns !== undefined
          ? input.TargetGroupArns.map((arn) => state.targetGroup(arn))
          : input.Names !== undefined
            ? named
            : groups;
      const { LoadBalancerArn: user } = input;
      if (user !== undefined) state.loadBalancer(user);
      const rest = chosen.filter(({ arn }) => user === undefined || state.usersOf(arn).some((lb) => lb.arn === user));
      const { items, next } = paged(rest, input.Marker, input.PageSize);
      return { TargetGroups: items.map(describe), NextMarker: next };
    },

    ModifyTargetGroup(input) {
      return state.change(() => {
        const before = state.targetGroup(input.TargetGroupArn ?? "");
        const group = { ...before, healthCheck: parseHealthCheck(input, before.healthCheck) };
        state.targetGroups.set(group.arn, group);
        return { TargetGroups: [describe(group)] };
      });
    },

    DeleteTargetGroup({ TargetGroupArn: arn = "" }) {
      return state.change(() => {
        if (state.usersOf(arn).length > 0) {
          throw new AwsError("ResourceInUse", `Target group '${arn}' is currently in use by a listener or a rule`);
        }
        state.targetGroups.delete(arn);
        return {};
      });
    },

    DescribeTargetGroupAttributes({ TargetGroupArn: arn = "" }) {
      const { attributes } = state.targetGroup(arn);
      return { Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value })) };
    },

    ModifyTargetGroupAttributes({ TargetGroupArn: arn = "", Attributes }) {
      return state.change(() => {
        const before = state.targetGroup(arn);
        const attributes = mergeAttributes(TARGET_GROUP_ATTRIBUTES, before.attributes, Attributes);
        const group = { ...before, attributes };
        state.targetGroups.set(arn, group);
        for (const { arn: user } of state.usersOf(arn)) {
          for (const { action } of state.actionsOf(user)) {
            if (action.type !== "forward" || !action.forward.groups.some((entry) => entry.arn === arn)) continue;
            checkStickiness(
              action,
              action.forward.groups.map((entry) => state.targetGroup(entry.arn)),
            );
          }
        }
        return { Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value })) };
      });
    },

    RegisterTargets(input) {
      return state.change(() => {
        const group = state.targetGroup(input.TargetGroupArn ?? "");
        const added = (input.Targets ?? []).map((target) => parseTarget(state, group, target));
        const targets = [...group.targets, ...added].filter(
          (target, index, all) => all.findIndex((other) => same(target, other)) === index,
        );
        state.targetGroups.set(group.arn, { ...group, targets });
        return {};
      });
    },

    DeregisterTargets(input) {
      return state.change(() => {
        const group = state.targetGroup(input.TargetGroupArn ?? "");
        const gone = (input.Targets ?? []).map((target) => parseTarget(state, group, target));
        const targets = group.targets.filter((target) => !gone.some((other) => same(target, other)));
        state.targetGroups.set(group.arn, { ...group, targets });
        return {};
      });
    },

    async DescribeTargetHealth(input) {
      const group = state.targetGroup(input.TargetGroupArn ?? "");
      const wanted = input.Targets?.map((target) => parseTarget(state, group, target));
      const states = await state.targetStates(group.arn);
      const chosen = states.filter((target) => wanted?.some((other) => same(target, other)) ?? true);
      return {
        TargetHealthDescriptions: chosen.map(({ id, port, state: health, reason }) => ({
          Target: { Id: id, Port: port },
          HealthCheckPort: group.healthCheck.port === "traffic-port" ? String(port) : group.healthCheck.port,
          TargetHealth: {
            State: health,
            ...(reason === undefined ? {} : { Reason: reason as TargetHealthReasonEnum, Description: reason }),
          },
        })),
      };
    },
  };
}

function parseGroup(state: ElbState, input: CreateTargetGroupInput): TargetGroup {
  const { Name: name = "", Port: port = 0, VpcId: vpcId = "" } = input;
  const fault = nameFault("target group", name);
  if (fault !== undefined) throw validationError(fault);
  if (input.Protocol !== "HTTP") {
    throw notModelled(
      `target groups of protocol '${input.Protocol ?? ""}'`,
      "Its load balancer speaks HTTP to targets.",
    );
  }
  if ((input.ProtocolVersion ?? "HTTP1") !== "HTTP1") {
    throw notModelled(
      `protocol version '${input.ProtocolVersion ?? ""}'`,
      "Its load balancer speaks HTTP1 to targets.",
    );
  }
  if (input.TargetType !== "ip") {
    throw notModelled(`targets of type '${input.TargetType ?? "instance"}'`, "Its targets are pods: use 'ip'.");
  }
  if ((input.IpAddressType ?? "ipv4") !== "ipv4") throw notModelled("IPv6 targets", "Use 'ipv4'.");
  if (!inRange(port, { minimum: 1, maximum: 65_535 })) throw validationError(`Port '${port}' must be of 1-65535`);
  if (!state.network.vpcs.has(vpcId)) throw validationError(`The VPC ID '${vpcId}' is not found`);
  return {
    arn: state.network.account.elbArn(`targetgroup/${name}/${hexId(16)}`),
    name,
    port,
    vpcId,
    protocolVersion: "HTTP1",
    healthCheck: parseHealthCheck(input, DEFAULT_HEALTH_CHECK),
    attributes: TARGET_GROUP_ATTRIBUTES.defaults,
    targets: [],
    tags: tagsOf(input.Tags),
  };
}

/** What AWS takes where nothing is given. */
const DEFAULT_HEALTH_CHECK: HealthCheck = {
  protocol: "HTTP",
  path: "/",
  port: "traffic-port",
  intervalSeconds: 30,
  timeoutSeconds: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  matcher: "200",
};

function parseHealthCheck(input: Omit<ModifyTargetGroupInput, "TargetGroupArn">, before: HealthCheck): HealthCheck {
  if (input.HealthCheckEnabled === false) {
    throw validationError("Health check enabled must be true for target groups with target type 'ip'");
  }
  if ((input.HealthCheckProtocol ?? "HTTP") !== "HTTP") {
    throw notModelled(
      `health checks of protocol '${input.HealthCheckProtocol ?? ""}'`,
      "Its load balancer checks by HTTP.",
    );
  }
  const check: HealthCheck = {
    protocol: "HTTP",
    path: input.HealthCheckPath ?? before.path,
    port: input.HealthCheckPort ?? before.port,
    intervalSeconds: input.HealthCheckIntervalSeconds ?? before.intervalSeconds,
    timeoutSeconds: input.HealthCheckTimeoutSeconds ?? before.timeoutSeconds,
    healthyThreshold: input.HealthyThresholdCount ?? before.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? before.unhealthyThreshold,
    matcher: input.Matcher?.HttpCode ?? before.matcher,
  };
  demand("Health check interval", check.intervalSeconds, HEALTH_CHECK.intervalSeconds);
  demand("Health check timeout", check.timeoutSeconds, HEALTH_CHECK.timeoutSeconds);
  demand("Healthy threshold count", check.healthyThreshold, HEALTH_CHECK.threshold);
  demand("Unhealthy threshold count", check.unhealthyThreshold, HEALTH_CHECK.threshold);
  if (check.timeoutSeconds >= check.intervalSeconds) {
    throw validationError(
      `Health check interval must be greater than the timeout (${check.intervalSeconds} s, ${check.timeoutSeconds} s)`,
    );
  }
  if (!check.path.startsWith("/") || check.path.length > HEALTH_CHECK.maximumPath) {
    throw validationError(`Health check path '${check.path}' must begin with '/' and have 1-1024 characters`);
  }
  const fault = matcherFault(check.matcher) ?? healthCheckPortFault(check.port);
  if (fault !== undefined) throw validationError(fault);
  return check;
}

function parseTarget(state: ElbState, group: TargetGroup, { Id: id = "", Port: port }: TargetDescription): Target {
  if (!state.network.contains(group.vpcId, id)) {
    throw new AwsError(
      "InvalidTarget",
      `The IP address '${id}' is not within the VPC '${group.vpcId}' of the target group '${group.name}'`,
    );
  }
  return { id, port: port ?? group.port };
}

function same(a: Target, b: Target): boolean {
  return a.id === b.id && a.port === b.port;
}

function demand(what: string, value: number, range: Range): void {
  if (inRange(value, range)) return;
  throw validationError(`${what} '${value}' must be between ${range.minimum} and ${range.maximum}`);
}
