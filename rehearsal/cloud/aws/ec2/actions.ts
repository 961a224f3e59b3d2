import { hexId } from "../account";
import { guarded, type Guarded } from "../actions";
import { AwsError } from "../errors";
import { type Faults } from "../faults";
import { type Tags } from "../tags";
import { type Network, type SecurityGroup, type SecurityGroupRule } from "./network";

/** A rule as it is asked for. */
export type RuleRequest = Omit<SecurityGroupRule, "id" | "egress">;

type GroupId = { readonly groupId: string };
type RuleId = { readonly ruleId: string };

/** EC2's actions on security groups. Nothing but the plugin calls them, so they have their own inputs. */
export type Ec2Actions = {
  CreateSecurityGroup(input: Omit<SecurityGroup, "id">): SecurityGroup;
  DescribeSecurityGroups(input: GroupId): SecurityGroup & { readonly rules: readonly SecurityGroupRule[] };
  DeleteSecurityGroup(input: GroupId): void;
  /** Sets all tags of a security group or of a rule at once. */
  CreateTags(input: { readonly id: string; readonly tags: Tags }): void;
  AuthorizeSecurityGroupIngress(input: RuleRequest): SecurityGroupRule;
  AuthorizeSecurityGroupEgress(input: RuleRequest): SecurityGroupRule;
  RevokeSecurityGroupIngress(input: RuleId): void;
  RevokeSecurityGroupEgress(input: RuleId): void;
  DescribeSecurityGroupRules(input: RuleId): SecurityGroupRule;
  /** Replaces a rule in place. Its kind of source cannot change. */
  ModifySecurityGroupRules(input: RuleId & { readonly request: RuleRequest }): SecurityGroupRule;
};

/** EC2's actions by AWS's names, with faults in front. */
export type Ec2 = Guarded<Ec2Actions>;

export function ec2Actions(network: Network, faults: Faults): Ec2 {
  return guarded("EC2", actions(network), faults);
}

function actions(network: Network): Ec2Actions {
  const addRule = (request: RuleRequest, egress: boolean): SecurityGroupRule => {
    network.securityGroup(request.groupId);
    if (request.referencedGroupId !== undefined) network.securityGroup(request.referencedGroupId);
    refuseDuplicate(network, request, egress);
    const rule = { ...request, id: `sgr-${hexId()}`, egress };
    network.rules.set(rule.id, rule);
    return rule;
  };
  const removeRule = ({ ruleId }: { readonly ruleId: string }): void => {
    findRule(network, ruleId);
    network.rules.delete(ruleId);
  };

  return {
    CreateSecurityGroup(input) {
      network.vpc(input.vpcId);
      for (const other of network.securityGroups.values()) {
        if (other.vpcId === input.vpcId && other.name === input.name) {
          throw new AwsError(
            "InvalidGroup.Duplicate",
            `The security group '${input.name}' already exists for VPC '${input.vpcId}'`,
          );
        }
      }
      const group = { ...input, id: `sg-${hexId()}` };
      network.securityGroups.set(group.id, group);
      return group;
    },

    DescribeSecurityGroups({ groupId }) {
      return { ...network.securityGroup(groupId), rules: network.rulesOf(groupId) };
    },

    DeleteSecurityGroup({ groupId }) {
      const group = network.securityGroup(groupId);
      if (network.vpcs.get(group.vpcId)?.defaultSecurityGroupId === groupId) {
        throw new AwsError(
          "CannotDelete",
          `the specified group: "${groupId}" name: "default" cannot be deleted by a user`,
        );
      }
      const user = network.users.map((usedBy) => usedBy(groupId)).find((text) => text !== undefined);
      const referring = [...network.rules.values()].find(
        (rule) => rule.referencedGroupId === groupId && rule.groupId !== groupId,
      );
      const dependent = user ?? (referring === undefined ? undefined : `a rule of security group ${referring.groupId}`);
      if (dependent !== undefined) {
        throw new AwsError("DependencyViolation", `resource ${groupId} has a dependent object (${dependent})`);
      }
      for (const rule of network.rulesOf(groupId)) network.rules.delete(rule.id);
      network.securityGroups.delete(groupId);
    },

    CreateTags({ id, tags }) {
      const rule = network.rules.get(id);
      if (rule !== undefined) network.rules.set(id, { ...rule, tags });
      else network.securityGroups.set(id, { ...network.securityGroup(id), tags });
    },

    AuthorizeSecurityGroupIngress: (request) => addRule(request, false),
    AuthorizeSecurityGroupEgress: (request) => addRule(request, true),
    RevokeSecurityGroupIngress: removeRule,
    RevokeSecurityGroupEgress: removeRule,

    DescribeSecurityGroupRules({ ruleId }) {
      return findRule(network, ruleId);
    },

    ModifySecurityGroupRules({ ruleId, request }) {
      const before = findRule(network, ruleId);
      if (request.referencedGroupId !== undefined) network.securityGroup(request.referencedGroupId);
      if (sourceKind(before) !== sourceKind(request)) {
        throw new AwsError(
          "InvalidParameterValue",
          `The source type of rule ${ruleId} cannot be changed from ${sourceKind(before)} to ${sourceKind(request)}.`,
        );
      }
      refuseDuplicate(network, request, before.egress, ruleId);
      const rule = { ...request, id: ruleId, egress: before.egress };
      network.rules.set(ruleId, rule);
      return rule;
    },
  };
}

function findRule(network: Network, ruleId: string): SecurityGroupRule {
  const rule = network.rules.get(ruleId);
  if (rule === undefined) {
    throw new AwsError("InvalidSecurityGroupRuleId.NotFound", `The security group rule ID '${ruleId}' does not exist`);
  }
  return rule;
}

function refuseDuplicate(network: Network, request: RuleRequest, egress: boolean, except?: string): void {
  const twin = network
    .rulesOf(request.groupId)
    .find((rule) => rule.id !== except && rule.egress === egress && identity(rule) === identity(request));
  if (twin === undefined) return;
  throw new AwsError(
    "InvalidPermission.Duplicate",
    `the specified rule "peer: ${peer(request)}, ${request.protocol}, from port: ${request.fromPort}, ` +
      `to port: ${request.toPort}, ALLOW" already exists`,
  );
}

/** What makes two rules the same to AWS: everything but description and tags. */
function identity(rule: RuleRequest): string {
  return [peer(rule), rule.protocol, rule.fromPort, rule.toPort].join(" ");
}

function peer(rule: RuleRequest): string {
  return rule.cidrIpv4 ?? rule.cidrIpv6 ?? rule.prefixListId ?? rule.referencedGroupId ?? "";
}

function sourceKind(rule: RuleRequest): string {
  if (rule.cidrIpv4 !== undefined) return "cidrIpv4";
  if (rule.cidrIpv6 !== undefined) return "cidrIpv6";
  return rule.prefixListId !== undefined ? "prefixListId" : "referencedSecurityGroupId";
}
