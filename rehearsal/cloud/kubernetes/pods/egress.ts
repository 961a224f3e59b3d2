import { BlockList } from "node:net";
import type { V1NetworkPolicy, V1NetworkPolicyEgressRule } from "@kubernetes/client-node";
import { type KubeObject, type Pod } from "../api/objects";
import { labelSelector } from "../api/selectors";

/** The egress rules of each network policy that selects a pod; empty: no policy does, so everything is allowed. */
export type EgressPolicies = readonly (readonly V1NetworkPolicyEgressRule[])[];

/** What the policies of the pod's namespace say about where it may connect to. */
export function egressPolicies(policies: readonly KubeObject[], pod: Pod): EgressPolicies {
  return policies.flatMap((object) => {
    const { spec } = object as unknown as V1NetworkPolicy;
    const selects =
      object.metadata.namespace === pod.metadata.namespace &&
      labelSelector(spec?.podSelector)(pod.metadata.labels ?? {});
    return selects && spec?.policyTypes?.includes("Egress") === true ? [spec.egress ?? []] : [];
  });
}

/**
 * Whether a TCP connection is allowed: by any rule of any policy, as policies add up. Rules that select pods or
 * namespaces are not needed here, and allow nothing.
 */
export function allows(policies: EgressPolicies, address: string, port: number): boolean {
  return policies.length === 0 || policies.flat().some((rule) => toMatches(rule, address) && portMatches(rule, port));
}

function toMatches({ to = [] }: V1NetworkPolicyEgressRule, address: string): boolean {
  return (
    to.length === 0 ||
    to.some(
      ({ ipBlock }) =>
        ipBlock !== undefined &&
        isWithin(address, ipBlock.cidr) &&
        !(ipBlock.except ?? []).some((cidr) => isWithin(address, cidr)),
    )
  );
}

function portMatches({ ports = [] }: V1NetworkPolicyEgressRule, port: number): boolean {
  return (
    ports.length === 0 ||
    ports.some(
      ({ protocol = "TCP", port: first, endPort }) =>
        protocol === "TCP" && (first === undefined || (port >= Number(first) && port <= (endPort ?? Number(first)))),
    )
  );
}

function isWithin(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(bits));
  return list.check(address);
}
