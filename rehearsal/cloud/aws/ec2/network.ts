import { type Account, hexId } from "../account";
import { AwsError } from "../errors";
import { type Tags } from "../tags";

export interface Vpc {
  readonly id: string;
  /** As `127.10.0.0/16`. */
  readonly cidr: string;
  readonly defaultSecurityGroupId: string;
}

export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly tags: Tags;
}

/** One rule of a security group, with exactly one source (or destination). */
export interface SecurityGroupRule {
  readonly id: string;
  readonly groupId: string;
  readonly egress: boolean;
  /** `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all. */
  readonly protocol: string;
  /** -1 for all. */
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidrIpv4?: string;
  readonly cidrIpv6?: string;
  readonly prefixListId?: string;
  readonly referencedGroupId?: string;
  readonly description?: string;
  readonly tags: Tags;
}

/** Says who uses a security group: a text like `load balancer api7-edge`, or nothing. */
export type UsedBy = (securityGroupId: string) => string | undefined;

/** VPCs, subnets, certificates and security groups: what everything else refers to. */
export class Network {
  readonly vpcs = new Map<string, Vpc>();
  readonly subnets = new Map<string, Subnet>();
  /** ARNs of certificates in ACM. */
  readonly certificates = new Set<string>();
  readonly securityGroups = new Map<string, SecurityGroup>();
  readonly rules = new Map<string, SecurityGroupRule>();
  /** Asked before a security group is deleted. */
  readonly users: UsedBy[] = [];

  constructor(readonly account: Account) {}

  /** A VPC over the run's own /16 with one subnet in each zone and the default security group. */
  addVpc(zones: number): { readonly vpc: Vpc; readonly subnets: readonly Subnet[] } {
    const { network } = this.account;
    const vpc: Vpc = {
      id: `vpc-${hexId()}`,
      cidr: `${network}.0.0/16`,
      defaultSecurityGroupId: `sg-${hexId()}`,
    };
    const subnets = Array.from({ length: zones }, (_, index) => ({
      id: `subnet-${hexId()}`,
      vpcId: vpc.id,
      zone: this.account.zone(index),
      cidr: `${network}.${index * 64}.0/18`,
    }));
    this.vpcs.set(vpc.id, vpc);
    for (const subnet of subnets) this.subnets.set(subnet.id, subnet);
    this.securityGroups.set(vpc.defaultSecurityGroupId, {
      id: vpc.defaultSecurityGroupId,
      name: "default",
      description: "default VPC security group",
      vpcId: vpc.id,
      tags: {},
    });
    return { vpc, subnets };
  }

  /** @throws AwsError `InvalidVpcID.NotFound` */
  vpc(id: string): Vpc {
    const vpc = this.vpcs.get(id);
    if (vpc === undefined) throw new AwsError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
    return vpc;
  }

  /** @throws AwsError `InvalidGroup.NotFound` */
  securityGroup(id: string): SecurityGroup {
    const group = this.securityGroups.get(id);
    if (group === undefined) {
      throw new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
    }
    return group;
  }

  rulesOf(groupId: string): readonly SecurityGroupRule[] {
    return [...this.rules.values()].filter((rule) => rule.groupId === groupId);
  }

  /** Whether an address lies in the VPC. */
  contains(vpcId: string, address: string): boolean {
    const { network, podNetworks } = this.account;
    return this.vpcs.has(vpcId) && [network, ...podNetworks].some((one) => address.startsWith(`${one}.`));
  }
}
