import { type RuleRequest } from "../ec2/actions";
import { type SecurityGroupRule } from "../ec2/network";
import { doing, existing, finishing, type Handler, type Look, type Services, unlessGone } from "./handler";
import { INPUTS, type InputsOf } from "./inputs";
import { blocksOf, inlineRules } from "./securityGroupBlocks";

const GONE = ["InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"] as const;

/** `aws.ec2.SecurityGroup`, with or without inline rules. */
export function securityGroupHandler(services: Services): Handler {
  const { account, ec2 } = services;
  const look = async (id: string): Promise<Look | undefined> => {
    const group = await unlessGone(GONE, () => ec2.DescribeSecurityGroups({ groupId: id }));
    if (group === undefined) return undefined;
    const { name, description, vpcId, tags, rules } = group;
    return {
      inputs: {
        name,
        description,
        vpcId,
        ingress: blocksOf(rules.filter(({ egress }) => !egress)),
        egress: blocksOf(rules.filter(({ egress }) => egress)),
        tags,
        region: account.region,
      },
      computed: { arn: account.ec2Arn(`security-group/${id}`), ownerId: account.accountId },
    };
  };
  /** Makes the inline rules of one direction those of the inputs, if the inputs speak of them. */
  const setRules = async (
    id: string,
    inputs: InputsOf<"ec2/securityGroup">,
    direction: "ingress" | "egress",
  ): Promise<void> => {
    const blocks = inputs[direction];
    if (blocks === undefined) return;
    const wanted = blocks.flatMap((block) => inlineRules(id, block));
    const { rules } = await ec2.DescribeSecurityGroups({ groupId: id });
    const present = rules.filter(({ egress }) => egress === (direction === "egress"));
    await doing(`updating Security Group (${id}) ${direction} rules`, async () => {
      for (const rule of present) {
        if (wanted.some((other) => key(other) === key(rule))) continue;
        if (rule.egress) await ec2.RevokeSecurityGroupEgress({ ruleId: rule.id });
        else await ec2.RevokeSecurityGroupIngress({ ruleId: rule.id });
      }
      for (const rule of wanted) {
        if (present.some((other) => key(other) === key(rule))) continue;
        if (direction === "egress") await ec2.AuthorizeSecurityGroupEgress(rule);
        else await ec2.AuthorizeSecurityGroupIngress(rule);
      }
    });
  };

  return {
    async create(props) {
      const inputs = INPUTS["ec2/securityGroup"].parse(props);
      const { name, description, vpcId, tags } = inputs;
      const { id } = await doing(`creating Security Group (${name})`, () =>
        ec2.CreateSecurityGroup({ name, description, vpcId, tags }),
      );
      return finishing(
        id,
        () => look(id),
        async () => {
          await setRules(id, inputs, "ingress");
          await setRules(id, inputs, "egress");
        },
      );
    },

    read: look,

    async update(id, props) {
      const inputs = INPUTS["ec2/securityGroup"].parse(props);
      await setRules(id, inputs, "ingress");
      await setRules(id, inputs, "egress");
      await doing(`updating tags for Security Group (${id})`, () => ec2.CreateTags({ id, tags: inputs.tags }));
      return existing(id, () => look(id));
    },

    async delete(id) {
      await doing(`deleting Security Group (${id})`, () =>
        unlessGone(GONE, () => ec2.DeleteSecurityGroup({ groupId: id })),
      );
    },
  };
}

/** `aws.vpc.SecurityGroupIngressRule` and `aws.vpc.SecurityGroupEgressRule`. */
export function securityGroupRuleHandler({ account, ec2 }: Services, direction: "Ingress" | "Egress"): Handler {
  const schema = INPUTS[`vpc/securityGroup${direction}Rule`];
  const look = async (id: string): Promise<Look | undefined> => {
    const rule = await unlessGone(GONE, () => ec2.DescribeSecurityGroupRules({ ruleId: id }));
    if (rule === undefined) return undefined;
    return {
      inputs: {
        securityGroupId: rule.groupId,
        ipProtocol: rule.protocol,
        // The provider says nothing of ports where all protocols are meant.
        fromPort: rule.protocol === "-1" ? undefined : rule.fromPort,
        toPort: rule.protocol === "-1" ? undefined : rule.toPort,
        cidrIpv4: rule.cidrIpv4,
        cidrIpv6: rule.cidrIpv6,
        prefixListId: rule.prefixListId,
        referencedSecurityGroupId: rule.referencedGroupId,
        description: rule.description,
        tags: rule.tags,
        region: account.region,
      },
      computed: { arn: account.ec2Arn(`security-group-rule/${id}`), securityGroupRuleId: id },
    };
  };

  return {
    async create(props) {
      const request = requestOf(schema.parse(props));
      const { id } = await doing(`creating VPC Security Group Rule`, () =>
        direction === "Egress" ? ec2.AuthorizeSecurityGroupEgress(request) : ec2.AuthorizeSecurityGroupIngress(request),
      );
      return { id, ...(await existing(id, () => look(id))) };
    },

    read: look,

    async update(id, props) {
      await doing(`updating VPC Security Group Rule (${id})`, () =>
        ec2.ModifySecurityGroupRules({ ruleId: id, request: requestOf(schema.parse(props)) }),
      );
      return existing(id, () => look(id));
    },

    async delete(id) {
      await doing(`deleting VPC Security Group Rule (${id})`, () =>
        unlessGone(GONE, () =>
          direction === "Egress"
            ? ec2.RevokeSecurityGroupEgress({ ruleId: id })
            : ec2.RevokeSecurityGroupIngress({ ruleId: id }),
        ),
      );
    },
  };
}

function requestOf(inputs: InputsOf<"vpc/securityGroupIngressRule">): RuleRequest {
  const all = inputs.ipProtocol === "-1";
  return {
    groupId: inputs.securityGroupId,
    protocol: inputs.ipProtocol.toLowerCase(),
    fromPort: all ? -1 : (inputs.fromPort ?? -1),
    toPort: all ? -1 : (inputs.toPort ?? -1),
    ...(inputs.cidrIpv4 === undefined ? {} : { cidrIpv4: inputs.cidrIpv4 }),
    ...(inputs.cidrIpv6 === undefined ? {} : { cidrIpv6: inputs.cidrIpv6 }),
    ...(inputs.prefixListId === undefined ? {} : { prefixListId: inputs.prefixListId }),
    ...(inputs.referencedSecurityGroupId === undefined ? {} : { referencedGroupId: inputs.referencedSecurityGroupId }),
    ...(inputs.description === undefined ? {} : { description: inputs.description }),
    tags: inputs.tags,
  };
}

/** What makes two inline rules the same. */
function key(rule: RuleRequest | SecurityGroupRule): string {
  const { protocol, fromPort, toPort, cidrIpv4, cidrIpv6, prefixListId, referencedGroupId, description } = rule;
  return JSON.stringify([protocol, fromPort, toPort, cidrIpv4, cidrIpv6, prefixListId, referencedGroupId, description]);
}
