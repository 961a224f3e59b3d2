import { covers } from "../migration/blocks";
import { DP_MANAGER_PORT, dpManagerAddressB } from "../migration/names";
import { type Inspection } from "../migration/inspection";
import { getDeployment, getService, podsOf } from "./clients/objects";
import { type Address, type Reached } from "./clients/probePod";
import { type CheckContext } from "./context";
import { CouldNotLook, type Report } from "./result";

/** The address of B's DP Manager outside of the gateways' files: in control plane B's settings, and behind its name. */

/** The address that B's gateways have, and that control plane B has to name. */
export function addressOfB({ scope }: CheckContext): string {
  return dpManagerAddressB(scope.clusterB.namespace, scope.domainB?.name);
}

/**
 * Gateway Settings > Deployment names B: the restored setting names A, and the script that it shows to whoever adds a
 * gateway would connect it there (facts/api7.md 4.6). @throws CouldNotLook
 */
export async function checkDeploymentSetting(report: Report, context: CheckContext): Promise<void> {
  const controlPlane = await context.systems.controlPlaneB();
  const { dpManagerAddress: addresses, key } = await controlPlane.deploymentSettings();
  report.addEvidence({ [key]: addresses });
  const expected = addressOfB(context);
  if (addresses.length === 1 && addresses[0] === expected) return;
  report.finding({
    subject: `control plane B, Gateway Settings > Deployment, ${key}`,
    seen: addresses.length === 0 ? "no address" : addresses.join(", "),
    expected,
    remedy: "set it in B's dashboard, or let the program: pulumi up --refresh --replace '**control-plane-b-address'",
  });
}

/**
 * The name that B's gateways use leads to control plane B, as B's own name service sees it: to the DP Manager's Service,
 * its pods, its load balancer or what the program's record stands for. Anything else could be A. @throws CouldNotLook
 */
export async function checkDomain(report: Report, context: CheckContext, inspection: Inspection): Promise<void> {
  const { domainB, clusterB } = context.scope;
  if (domainB === undefined) return;
  const { name, target } = domainB;
  const { addresses: own, hosts } = await placesOfB(context);
  const asked = [name, ...hosts, ...(target === undefined ? [] : [target])].map((host): Address => ({
    host,
    port: DP_MANAGER_PORT,
  }));
  const probe = await context.systems.probe("B");
  const { deployment = "" } = clusterB.dataPlanes[0] ?? {};
  const [found, ...others] = await probe.connect({ deployment, image: inspection.probeImage }, asked, context.signal);
  if (found === undefined) throw new CouldNotLook(`${name}, from B`, "no answer", "run the check again");
  report.addEvidence({ domain: { name, addresses: found.addresses, state: found.state } });
  const expected = new Set([...own, ...others.flatMap(({ addresses }) => addresses)]);
  for (const seen of problems(found, expected, inspection)) {
    report.finding({
      subject: `${name}, as B resolves it`,
      seen,
      expected: `control plane B: ${[...expected].join(", ") || "an address of its Service, pods or load balancer"}`,
      remedy:
        target === undefined
          ? "point the name at B's DP Manager for everybody who asks from B, and wait for its TTL"
          : "correct controlPlane.domain.record.target, then pulumi up; and wait for the record's TTL",
      // A resolver keeps the answer from before for a while.
      transient: true,
    });
  }
}

function problems(
  { addresses, state, said }: Reached,
  expected: ReadonlySet<string>,
  { addressesA = [] }: Inspection,
): readonly string[] {
  if (addresses.length === 0) return ["B's name service does not know it"];
  const ofA = addresses.filter((address) => addressesA.some((block) => isWithin(block, address)));
  if (ofA.length > 0) return [`${ofA.join(", ")}: addresses of cluster A`];
  const foreign = addresses.filter((address) => !expected.has(address));
  if (foreign.length > 0) return [`${foreign.join(", ")}, none of which is known to be B's`];
  return state === "open" ? [] : [`${addresses.join(", ")}, port ${DP_MANAGER_PORT}: ${said === "" ? state : said}`];
}

function isWithin(block: string, address: string): boolean {
  return /^\d+(\.\d+){3}$/.test(address) && covers(block, `${address}/32`);
}

/** Where B's DP Manager is: addresses of its Service and pods, and host names of its load balancer. */
async function placesOfB(
  context: CheckContext,
): Promise<{ readonly addresses: readonly string[]; readonly hosts: readonly string[] }> {
  const api = await context.systems.cluster("B");
  const name = `${context.scope.clusterB.controlPlane}-dp-manager`;
  const [service, deployment] = await Promise.all([
    getService(api, name, context.signal),
    getDeployment(api, name, context.signal),
  ]);
  const pods = deployment ? await podsOf(api, deployment, context.signal) : [];
  const balancers = service?.status?.loadBalancer?.ingress ?? [];
  return {
    addresses: [
      service?.spec?.clusterIP ?? "",
      ...pods.map(({ status }) => status?.podIP ?? ""),
      ...balancers.map(({ ip = "" }) => ip),
    ].filter((address) => address !== "" && address !== "None"),
    hosts: balancers.flatMap(({ hostname }) => hostname ?? []),
  };
}
