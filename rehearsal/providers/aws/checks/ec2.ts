import { isIPv4, isIPv6 } from "node:net";
import { type Failure, type Props } from "../../framework";
import { asObject, demand, failure, given, list, number, text, texts } from "./read";

const PROTOCOLS = ["tcp", "udp", "icmp", "icmpv6", "-1"] as const;
const SOURCES = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"] as const;

/** `aws.ec2.SecurityGroup` beyond its schema. */
export function securityGroupFailures(news: Props): Failure[] {
  const name = text(news, "name");
  const description = text(news, "description");
  return [
    ...(name === undefined ? [] : failure("name", groupNameFault(name))),
    ...demand(
      description === undefined || /^[0-9A-Za-z_ .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(description),
      "description",
      `"${description ?? ""}" must have 1 to 255 characters of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*`,
    ),
    ...demand(given(news, "vpcId"), "vpcId", "There is no default VPC here; give the group's VPC."),
    ...["ingress", "egress"].flatMap((direction) =>
      (list(news, direction) ?? []).flatMap((block, index) =>
        blockFailures(asObject(block) ?? {}, `${direction}[${index}]`),
      ),
    ),
  ];
}

/** `aws.vpc.SecurityGroupIngressRule` and `EgressRule` beyond their schema. */
export function securityGroupRuleFailures(news: Props): Failure[] {
  const sources = SOURCES.filter((source) => given(news, source));
  const [cidr4, cidr6] = [text(news, "cidrIpv4"), text(news, "cidrIpv6")];
  return [
    ...demand(
      sources.length === 1,
      "cidrIpv4",
      `Exactly one of ${SOURCES.join(", ")} must be given, not ${sources.length}.`,
    ),
    ...(cidr4 === undefined ? [] : failure("cidrIpv4", cidrFault(cidr4, 4))),
    ...(cidr6 === undefined ? [] : failure("cidrIpv6", cidrFault(cidr6, 6))),
    ...protocolFailures(text(news, "ipProtocol"), "ipProtocol"),
    ...portFailures(news, text(news, "ipProtocol"), ""),
  ];
}

function blockFailures(block: Props, path: string): Failure[] {
  const protocol = text(block, "protocol");
  const sources = ["cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups", "self"];
  return [
    ...protocolFailures(protocol, `${path}.protocol`),
    ...demand(
      sources.some((source) => given(block, source)),
      path,
      `A rule needs one of ${sources.join(", ")}.`,
    ),
    ...texts(block, "cidrBlocks").flatMap((cidr) => failure(`${path}.cidrBlocks`, cidrFault(cidr, 4))),
    ...texts(block, "ipv6CidrBlocks").flatMap((cidr) => failure(`${path}.ipv6CidrBlocks`, cidrFault(cidr, 6))),
    // All protocols are written with ports 0 here, unlike in rules of their own.
    ...(protocol === "-1"
      ? demand(
          (number(block, "fromPort") ?? 0) === 0 && (number(block, "toPort") ?? 0) === 0,
          `${path}.fromPort`,
          "fromPort and toPort must be 0 where protocol is -1.",
        )
      : portFailures(block, protocol, `${path}.`)),
  ];
}

function protocolFailures(protocol: string | undefined, path: string): Failure[] {
  const holds = protocol === undefined || PROTOCOLS.some((known) => known === protocol) || /^\d{1,3}$/.test(protocol);
  return demand(holds, path, `"${protocol ?? ""}" must be one of ${PROTOCOLS.join(", ")}, or a protocol's number.`);
}

function portFailures(inputs: Props, protocol: string | undefined, path: string): Failure[] {
  const [from, to] = [number(inputs, "fromPort"), number(inputs, "toPort")];
  if (protocol === "-1") {
    const none = (from === undefined || from === -1) && (to === undefined || to === -1);
    return demand(none, `${path}fromPort`, "fromPort and toPort must be left out where all protocols are meant (-1).");
  }
  if (protocol !== "tcp" && protocol !== "udp") return [];
  const port = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65_535;
  return ["fromPort", "toPort"]
    .flatMap((key) => {
      const value = number(inputs, key);
      return [
        ...demand(given(inputs, key), `${path}${key}`, `A ${protocol} rule needs it.`),
        ...demand(value === undefined || port(value), `${path}${key}`, `${value ?? ""} must be a port of 0 to 65535.`),
      ];
    })
    .concat(
      demand(
        from === undefined || to === undefined || from <= to,
        `${path}toPort`,
        `${to ?? ""} must not be less than fromPort (${from ?? ""}).`,
      ),
    );
}

function groupNameFault(name: string): string | undefined {
  if (name.length < 1 || name.length > 255) return `"${name}" must have 1 to 255 characters.`;
  if (name.startsWith("sg-")) return `"${name}" may not begin with "sg-".`;
  return /^[0-9A-Za-z_ .:/()#,@[\]+=&;{}!$*-]+$/.test(name)
    ? undefined
    : `"${name}" holds characters that AWS refuses.`;
}

/** What is wrong with a range of addresses, if anything: it must name its network address. */
function cidrFault(cidr: string, version: 4 | 6): string | undefined {
  const [address = "", bits = "", ...rest] = cidr.split("/");
  const valid = version === 4 ? isIPv4(address) : isIPv6(address);
  const limit = version === 4 ? 32 : 128;
  if (!valid || rest.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > limit) {
    return `"${cidr}" is no range of IPv${version} addresses as "${version === 4 ? "10.0.0.0/16" : "2001:db8::/32"}".`;
  }
  if (version === 6) return undefined;
  const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return value % size === 0 ? undefined : `"${cidr}" does not name its network address.`;
}
