import { type Inspection } from "../migration/inspection";
import { getDeployment, getService, isReady, podsOf } from "./clients/objects";
import { type Address } from "./clients/probePod";
import { type CheckContext } from "./context";
import { CouldNotLook, type Report } from "./result";

/** B's gateways cannot connect to A's DP Manager: whatever they were told, they would not get there. */

/** HTTP and mutual TLS ports of the DP Manager (facts/api7.md 1.2). */
const PORTS = [7900, 7943] as const;

/** @throws CouldNotLook when A's DP Manager is not found, or no pod of B tells */
export async function checkClosedToB(report: Report, context: CheckContext, inspection: Inspection): Promise<void> {
  const addresses = await dpManagersOfA(context, inspection);
  const probe = await context.systems.probe("B");
  const { deployment = "" } = context.scope.clusterB.dataPlanes[0] ?? {};
  const reached = await probe.connect({ deployment, image: inspection.probeImage }, addresses, context.signal);
  report.addEvidence({ dpManagersOfAFromB: reached.map(({ host, port, state }) => `${host}:${port} ${state}`) });
  for (const { host, port, state } of reached) {
    if (state !== "open") continue;
    report.finding({
      subject: `DP Manager of A at ${host}:${port}, from B`,
      seen: "a pod beside B's gateways connects to it",
      expected: "no way: with A's CA in both databases, A would let a gateway of B in",
      remedy:
        "enforce network policies in B (the policy GATEWAY-egress is there, its network plugin has to honour it), or close the port in A's security group; add the address to clusterA.dpManagerCidrs when it is not in them",
    });
  }
}

/** Ready pods of A's DP Manager, its load balancer where it has one, and every single address of the settings. */
async function dpManagersOfA(context: CheckContext, inspection: Inspection): Promise<readonly Address[]> {
  const { controlPlane } = context.scope.clusterA;
  const api = await context.systems.cluster("A");
  const name = `${controlPlane}-dp-manager`;
  const deployment = await getDeployment(api, name, context.signal);
  const [pods, service] = await Promise.all([
    deployment ? podsOf(api, deployment, context.signal) : [],
    getService(api, name, context.signal),
  ]);
  const ready = pods.filter(isReady).flatMap(({ status }) => status?.podIP ?? []);
  // A closed port of a pod that does not run proves nothing.
  if (ready.length === 0) {
    throw new CouldNotLook(
      `${api.label}, Deployment ${name}`,
      deployment ? "none of its pods is ready" : "there is none",
      "A's DP Manager has to run until `decommission`: kubectl get pods",
    );
  }
  const balancers = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
  const single = (inspection.addressesA ?? []).flatMap((block) => /^(.+)\/32$/.exec(block)?.[1] ?? []);
  const hosts = [...new Set([...ready, ...balancers, ...single])];
  return hosts.flatMap((host) => PORTS.map((port) => ({ host, port })));
}

/** Since when control plane B's DP Manager runs: heartbeats from before came with the copy. @throws CouldNotLook */
export async function controlPlaneSince(context: CheckContext): Promise<Date> {
  const api = await context.systems.cluster("B");
  const name = `${context.scope.clusterB.controlPlane}-dp-manager`;
  const deployment = await getDeployment(api, name, context.signal);
  const pods = deployment ? await podsOf(api, deployment, context.signal) : [];
  const starts = pods.flatMap(({ status }) => (status?.startTime === undefined ? [] : [Date.parse(status.startTime)]));
  if (starts.length > 0) return new Date(Math.min(...starts));
  throw new CouldNotLook(
    `${api.label}, Deployment ${name}`,
    "none of its pods says since when it runs",
    `kubectl get pods; kubectl describe deployment ${name}`,
  );
}
