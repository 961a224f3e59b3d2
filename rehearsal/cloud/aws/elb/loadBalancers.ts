import type {
  CreateLoadBalancerInput,
  CreateLoadBalancerOutput,
  DeleteLoadBalancerInput,
  DescribeLoadBalancerAttributesInput,
  DescribeLoadBalancerAttributesOutput,
  DescribeLoadBalancersInput,
  DescribeLoadBalancersOutput,
  LoadBalancer as ApiLoadBalancer,
  ModifyLoadBalancerAttributesInput,
  ModifyLoadBalancerAttributesOutput,
  SetSecurityGroupsInput,
  SetSecurityGroupsOutput,
  SetSubnetsInput,
  SetSubnetsOutput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { hexId } from "../account";
import { AwsError, notModelled, validationError } from "../errors";
import { type Subnet } from "../ec2/network";
import { paged } from "../paging";
import { tagsOf } from "../tags";
import { LOAD_BALANCER_ATTRIBUTES, mergeAttributes } from "./attributes";
import { nameFault } from "./limits";
import { type LoadBalancer, type LoadBalancerPort } from "./records";
import { type ElbState } from "./state";

/** Hosted zones of load balancer names, where AWS documents them; the local Regions share one. */
const HOSTED_ZONE = "Z215JYRZR1TBD5";

/** Elastic Load Balancing's actions on load balancers. */
export type LoadBalancerActions = {
  CreateLoadBalancer(input: CreateLoadBalancerInput): Promise<CreateLoadBalancerOutput>;
  DescribeLoadBalancers(input: DescribeLoadBalancersInput): DescribeLoadBalancersOutput;
  /** Deletes its listeners and rules as well; target groups stay. */
  DeleteLoadBalancer(input: DeleteLoadBalancerInput): Promise<object>;
  DescribeLoadBalancerAttributes(input: DescribeLoadBalancerAttributesInput): DescribeLoadBalancerAttributesOutput;
  ModifyLoadBalancerAttributes(input: ModifyLoadBalancerAttributesInput): Promise<ModifyLoadBalancerAttributesOutput>;
  SetSecurityGroups(input: SetSecurityGroupsInput): Promise<SetSecurityGroupsOutput>;
  SetSubnets(input: SetSubnetsInput): Promise<SetSubnetsOutput>;
};

/** @param nextAddress gives each load balancer its loopback address */
export function loadBalancerActions(state: ElbState, nextAddress: () => string): LoadBalancerActions {
  const describe = (lb: LoadBalancer): ApiLoadBalancer => ({
    LoadBalancerArn: lb.arn,
    LoadBalancerName: lb.name,
    DNSName: lb.address,
    CanonicalHostedZoneId: HOSTED_ZONE,
    CreatedTime: lb.createdAt,
    Scheme: lb.internal ? "internal" : "internet-facing",
    VpcId: lb.vpcId,
    State: { Code: "active" },
    Type: "application",
    IpAddressType: lb.ipAddressType,
    SecurityGroups: [...lb.securityGroupIds],
    AvailabilityZones: lb.subnetIds.map((id) => {
      const { zone } = findSubnet(state, id);
      return { ZoneName: zone, SubnetId: id, LoadBalancerAddresses: [] };
    }),
  });

  return {
    async CreateLoadBalancer(input) {
      let process: LoadBalancerPort | undefined;
      try {
        return await state.change(async () => {
          const parsed = parseLoadBalancer(state, input);
          process = await state.startLoadBalancer();
          const lb: LoadBalancer = { ...parsed, address: nextAddress(), createdAt: new Date(), process };
          state.loadBalancers.set(lb.arn, lb);
          return { LoadBalancers: [describe(lb)] };
        });
      } catch (error) {
        await process?.stop();
        throw error;
      }
    },

    DescribeLoadBalancers(input) {
      const all = [...state.loadBalancers.values()];
      const named = (input.Names ?? []).map((name) => {
        const lb = all.find((candidate) => candidate.name === name);
        if (lb === undefined) throw new AwsError("LoadBalancerNotFound", `Load balancers '[${name}]' not found`);
        return lb;
      });
      const chosen = input.LoadBalancerArns?.map((arn) => state.loadBalancer(arn)) ?? (input.Names ? named : all);
      const { items, next } = paged(chosen, input.Marker, input.PageSize);
      return { LoadBalancers: items.map(describe), NextMarker: next };
    },

    async DeleteLoadBalancer({ LoadBalancerArn: arn = "" }) {
      const gone = await state.change(() => {
        const lb = state.loadBalancers.get(arn);
        if (lb === undefined) return undefined;
        if (lb.attributes["deletion_protection.enabled"] === "true") {
          throw new AwsError(
            "OperationNotPermitted",
            `Load balancer '${arn}' cannot be deleted because deletion protection is enabled`,
          );
        }
        for (const listener of state.listenersOf(arn)) {
          for (const rule of state.rulesOf(listener.arn)) state.rules.delete(rule.arn);
          state.listeners.delete(listener.arn);
        }
        state.loadBalancers.delete(arn);
        return lb;
      });
      await gone?.process.stop();
      return {};
    },

    DescribeLoadBalancerAttributes({ LoadBalancerArn: arn = "" }) {
      return { Attributes: entries(state.loadBalancer(arn)) };
    },

    ModifyLoadBalancerAttributes({ LoadBalancerArn: arn = "", Attributes }) {
      return state.change(() => {
        const before = state.loadBalancer(arn);
        const lb = { ...before, attributes: mergeAttributes(LOAD_BALANCER_ATTRIBUTES, before.attributes, Attributes) };
        state.loadBalancers.set(arn, lb);
        return { Attributes: entries(lb) };
      });
    },

    SetSecurityGroups({ LoadBalancerArn: arn = "", SecurityGroups }) {
      return state.change(() => {
        const before = state.loadBalancer(arn);
        const securityGroupIds = parseSecurityGroups(state, before.vpcId, SecurityGroups);
        state.loadBalancers.set(arn, { ...before, securityGroupIds });
        return { SecurityGroupIds: [...securityGroupIds] };
      });
    },

    SetSubnets({ LoadBalancerArn: arn = "", Subnets }) {
      return state.change(() => {
        const before = state.loadBalancer(arn);
        const subnets = parseSubnets(state, Subnets);
        if (subnets.some((subnet) => subnet.vpcId !== before.vpcId)) {
          throw new AwsError("InvalidSubnet", "The subnets must be in the load balancer's VPC");
        }
        const lb = { ...before, subnetIds: subnets.map(({ id }) => id) };
        state.loadBalancers.set(arn, lb);
        return { AvailabilityZones: describe(lb).AvailabilityZones };
      });
    },
  };
}

function parseLoadBalancer(
  state: ElbState,
  input: CreateLoadBalancerInput,
): Omit<LoadBalancer, "address" | "createdAt" | "process"> {
  const { Name: name = "", Type: type = "application", Scheme: scheme = "internet-facing" } = input;
  const fault = nameFault("load balancer", name);
  if (fault !== undefined) throw validationError(fault);
  if (type !== "application") throw notModelled(`load balancers of type '${type}'`, "Use 'application'.");
  if ((input.IpAddressType ?? "ipv4") !== "ipv4") throw notModelled("dual-stack load balancers", "Use 'ipv4'.");
  if ((input.SubnetMappings ?? []).length > 0) throw notModelled("subnet mappings", "Give 'Subnets'.");
  if ([...state.loadBalancers.values()].some((lb) => lb.name === name)) {
    throw new AwsError("DuplicateLoadBalancerName", `A load balancer with the same name '${name}' exists`);
  }
  const subnets = parseSubnets(state, input.Subnets);
  const vpcId = subnets[0]?.vpcId ?? "";
  return {
    arn: state.network.account.elbArn(`loadbalancer/app/${name}/${hexId(16)}`),
    name,
    internal: scheme === "internal",
    vpcId,
    subnetIds: subnets.map(({ id }) => id),
    securityGroupIds: parseSecurityGroups(state, vpcId, input.SecurityGroups),
    ipAddressType: "ipv4",
    attributes: LOAD_BALANCER_ATTRIBUTES.defaults,
    tags: tagsOf(input.Tags),
  };
}

function parseSubnets(state: ElbState, ids: readonly string[] | undefined): readonly Subnet[] {
  const subnets = (ids ?? []).map((id) => findSubnet(state, id));
  if (new Set(subnets.map(({ vpcId }) => vpcId)).size > 1) {
    throw new AwsError("InvalidSubnet", "All subnets must belong to the same VPC");
  }
  const zones = subnets.map(({ zone }) => zone);
  if (new Set(zones).size < 2) {
    throw validationError("At least two subnets in two different Availability Zones must be specified");
  }
  if (new Set(zones).size < zones.length) {
    throw new AwsError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  }
  return subnets;
}

function parseSecurityGroups(state: ElbState, vpcId: string, ids: readonly string[] | undefined): readonly string[] {
  if (ids === undefined || ids.length === 0) return [state.network.vpc(vpcId).defaultSecurityGroupId];
  for (const id of ids) {
    if (state.network.securityGroups.get(id)?.vpcId === vpcId) continue;
    throw new AwsError("InvalidSecurityGroup", `Security group '${id}' does not exist in VPC '${vpcId}'`);
  }
  return ids;
}

function findSubnet(state: ElbState, id: string): Subnet {
  const subnet = state.network.subnets.get(id);
  if (subnet === undefined) throw new AwsError("SubnetNotFound", `The subnet ID '${id}' does not exist`);
  return subnet;
}

function entries({ attributes }: LoadBalancer): { Key: string; Value: string }[] {
  return Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }));
}
