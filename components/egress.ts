import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1";
import type * as pulumi from "@pulumi/pulumi";
import { covers } from "../migration/blocks";
import { DP_MANAGER_PORT } from "../migration/names";
import { type Settings } from "../migration/settings";

/**
 * Where pods of B may connect to. Network policies only allow, so what shall be closed is left out: blocks by `except`,
 * ports by the gaps between ranges.
 */

const DP_MANAGER_HTTP_PORT = 7900;
const LAST_PORT = 65_535;

export interface EgressArgs {
  /** `app.kubernetes.io/instance` of the pods, which is their release. */
  readonly instance: string;
  readonly namespace: string;
  readonly rules: readonly pulumi.Inputs[];
}

/** The policy of one release, there before its first pod. */
export function egressPolicy(name: string, args: EgressArgs, options: pulumi.CustomResourceOptions): NetworkPolicy {
  const { instance, namespace, rules } = args;
  return new NetworkPolicy(
    name,
    {
      metadata: { name: `${instance}-egress`, namespace },
      spec: {
        podSelector: { matchLabels: { "app.kubernetes.io/instance": instance } },
        policyTypes: ["Egress"],
        egress: [...rules],
      },
    },
    options,
  );
}

/**
 * Everything but A's DP Manager, by its two ports, and A's database, by its addresses. Both clusters have the same CA
 * after the restore: mutual TLS would let a gateway of B in at A (facts/api7.md 2.3).
 */
export function egressOfGateways({ dpManagerCidrs, databaseCidrs }: Settings["clusterA"]): readonly pulumi.Inputs[] {
  const beside = dpManagerCidrs
    .filter((cidr) => !databaseCidrs.some((closed) => covers(closed, cidr)))
    .map((cidr) =>
      block(
        cidr,
        databaseCidrs.filter((closed) => covers(cidr, closed)),
      ),
    );
  const closed = [...new Set([...dpManagerCidrs, ...databaseCidrs])];
  return [
    { to: [block("0.0.0.0/0", closed)] },
    ...(beside.length === 0
      ? []
      : [
          {
            to: beside,
            ports: [
              ...portsWithout([DP_MANAGER_HTTP_PORT, DP_MANAGER_PORT]),
              { protocol: "UDP", port: 1, endPort: LAST_PORT },
            ],
          },
        ]),
  ];
}

/** Everything but A's database: whatever control plane B is told, it does not write there. */
export function egressOfControlPlane({ databaseCidrs }: Settings["clusterA"]): readonly pulumi.Inputs[] {
  return [{ to: [block("0.0.0.0/0", databaseCidrs)] }];
}

function block(cidr: string, except: readonly string[]): pulumi.Inputs {
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except: [...except] }) } };
}

/** @param closed in rising order */
function portsWithout(closed: readonly number[]): readonly pulumi.Inputs[] {
  const edges = [0, ...closed, LAST_PORT + 1];
  return edges.slice(1).flatMap((next, index) => {
    const port = (edges[index] ?? 0) + 1;
    return port > next - 1 ? [] : [{ protocol: "TCP", port, endPort: next - 1 }];
  });
}
