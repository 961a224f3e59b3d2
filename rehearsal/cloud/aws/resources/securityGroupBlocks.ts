import { type RuleRequest } from "../ec2/actions";
import { type SecurityGroupRule } from "../ec2/network";
import { type InputsOf } from "./inputs";

type Block = NonNullable<InputsOf<"ec2/securityGroup">["ingress"]>[number];

/** The rules that one inline block stands for: one for each source. */
export function inlineRules(groupId: string, block: Block): RuleRequest[] {
  const all = block.protocol === "-1";
  const shared = {
    groupId,
    protocol: block.protocol.toLowerCase(),
    fromPort: all ? -1 : block.fromPort,
    toPort: all ? -1 : block.toPort,
    ...(block.description === undefined || block.description === "" ? {} : { description: block.description }),
    tags: {},
  };
  const groups = [...(block.securityGroups ?? []), ...(block.self === true ? [groupId] : [])];
  return [
    ...(block.cidrBlocks ?? []).map((cidrIpv4) => ({ ...shared, cidrIpv4 })),
    ...(block.ipv6CidrBlocks ?? []).map((cidrIpv6) => ({ ...shared, cidrIpv6 })),
    ...(block.prefixListIds ?? []).map((prefixListId) => ({ ...shared, prefixListId })),
    ...groups.map((referencedGroupId) => ({ ...shared, referencedGroupId })),
  ];
}

/** Rules gathered into blocks as the provider reads them: one for each protocol, port range and description. */
export function blocksOf(rules: readonly SecurityGroupRule[]): Record<string, unknown>[] {
  const gathered = new Map<string, SecurityGroupRule[]>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.protocol, rule.fromPort, rule.toPort, rule.description]);
    gathered.set(key, [...(gathered.get(key) ?? []), rule]);
  }
  return [...gathered.values()].map((group) => {
    const [first] = group;
    const all = first?.protocol === "-1";
    const references = group.flatMap(({ referencedGroupId }) => referencedGroupId ?? []);
    return {
      protocol: first?.protocol,
      fromPort: all ? 0 : first?.fromPort,
      toPort: all ? 0 : first?.toPort,
      description: first?.description ?? "",
      cidrBlocks: group.flatMap(({ cidrIpv4 }) => cidrIpv4 ?? []),
      ipv6CidrBlocks: group.flatMap(({ cidrIpv6 }) => cidrIpv6 ?? []),
      prefixListIds: group.flatMap(({ prefixListId }) => prefixListId ?? []),
      securityGroups: references.filter((id) => id !== first?.groupId),
      self: references.includes(first?.groupId ?? ""),
    };
  });
}
