import { isClusterName, isOwnAddress, isWithin, type Endpoint, type Reference } from "../migration/endpoints";
import { shapeOf } from "../migration/stages";
import { type Reached } from "./clients/probePod";
import { type GateCheck } from "./context";
import { configurationB, inspectionContext, type GroupEnvironment, type InspectionContext } from "./inspectionContext";
import { Report, type CheckResult } from "./result";

const CHECK = "dependencies";
const USES_SHOWN = 3;

/**
 * Everything that the configuration points to can be reached from B: upstreams, registries, secret and identity
 * providers, loggers, Redis; its `$env://` variables are there, and its `$secret://` providers. Names and addresses of
 * cluster A are findings: in B they mean something else, or B would go on needing A.
 */
export const dependencies: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ from, to }) => shapeOf(to).weightB > 0 && from !== "decommission",
  run: (context) => checkDependencies(inspectionContext(context)),
};

export async function checkDependencies(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  await report.look(async () => {
    const { endpoints, environments, documents } = await configurationB(context);
    const found = endpoints.list();
    const references = endpoints.listReferences();
    report.addEvidence({ documents, endpoints: found.length, references: references.map(({ name }) => name) });
    for (const reference of references)
      checkReference(report, reference, environments, (name) => endpoints.hasProvider(name));
    await checkEndpoints(report, context, found);
  });
  return report.result();
}

async function checkEndpoints(report: Report, context: InspectionContext, found: readonly Endpoint[]): Promise<void> {
  const accepted = acceptedAddresses(context);
  const open = found.filter((endpoint) => !accepted.has(addressOf(endpoint)) && !isControlPlaneOfB(context, endpoint));
  for (const [address, reason] of accepted) {
    const used = found.some((endpoint) => addressOf(endpoint) === address);
    report.note(used ? `${address} is not looked at: ${reason}` : `${address} is accepted, but nothing points to it`);
  }
  const lookedAt = open.filter((endpoint) => !cannotBeTold(report, endpoint));
  if (lookedAt.length === 0) return;
  const probe = await context.systems.probe("B");
  const place = {
    deployment: context.scope.clusterB.dataPlanes[0]?.deployment ?? "",
    image: context.inspection.probeImage,
  };
  // What could not be tried at all is one finding, not one for each address.
  const reached = await report.look(() =>
    probe.connect(
      place,
      lookedAt.map(({ host, port }) => ({ host, port })),
      context.signal,
    ),
  );
  if (!reached) return;
  report.addEvidence({ reached: reached.map(({ host, port, state }) => `${host}:${port} ${state}`) });
  for (const [index, endpoint] of lookedAt.entries()) {
    const answer = reached[index];
    if (answer) checkReached(report, context, endpoint, answer);
  }
}

function checkReached(report: Report, context: InspectionContext, endpoint: Endpoint, answer: Reached): void {
  const { host } = endpoint;
  const address = addressOf(endpoint);
  const blocks = context.inspection.addressesA ?? [];
  const inA = [host, ...answer.addresses].find((one) => blocks.some((block) => isWithin(one, block)));
  const state = answer.state === "open" ? "B reaches it" : describe(answer);
  if (isClusterName(host)) {
    report.finding({
      subject: `${address}, from B`,
      seen: `a name of one cluster's Services (${state}); ${usesText(endpoint)}`,
      expected: "a name that means the same in both clusters",
      remedy: `publish it beyond cluster A and change the configuration on A before the freeze, or accept it: ${acceptCommand(address)}`,
    });
    return;
  }
  if (inA !== undefined) {
    report.finding({
      subject: `${address}, from B`,
      seen: `${inA} belongs to cluster A (${state}); ${usesText(endpoint)}`,
      expected: "nothing of cluster A: it goes away with A",
      remedy: `move it out of cluster A and change the configuration before the freeze, or accept it: ${acceptCommand(address)}`,
    });
    return;
  }
  if (answer.state === "open") return;
  report.finding({
    subject: `${address}, from B`,
    seen: `${describe(answer)}; ${usesText(endpoint)}`,
    expected: "a connection from a pod beside B's gateways",
    remedy: `open the way (security group, route, name service, firewall of the other side), or accept it: ${acceptCommand(address)}`,
    transient: true,
  });
}

/** What cannot be looked at from another pod is no pass: it has to be accepted by name. */
function cannotBeTold(report: Report, endpoint: Endpoint): boolean {
  const { host, protocol } = endpoint;
  const why = host.startsWith("$")
    ? "its address is not written down: it comes from a Secret or a secret provider"
    : isOwnAddress(host)
      ? "an address of the gateway's own pod, which another pod cannot look at"
      : protocol === "udp"
        ? "UDP: whether anybody takes it cannot be seen"
        : undefined;
  if (why === undefined) return false;
  report.finding({
    subject: `${addressOf(endpoint)}, from B`,
    seen: `${why}; ${usesText(endpoint)}`,
    expected: "an address that can be tried, or a decision",
    remedy: `try it by hand from B's gateways, then accept it: ${acceptCommand(addressOf(endpoint))}`,
    unknown: true,
  });
  return true;
}

function checkReference(
  report: Report,
  reference: Reference,
  environments: readonly GroupEnvironment[],
  hasProvider: (name: string) => boolean,
): void {
  const { kind, name, groups } = reference;
  if (kind === "secret") {
    if (hasProvider(name)) return;
    report.finding({
      subject: `secret provider ${name}`,
      seen: `no such provider in database B; ${usesText(reference)}`,
      expected: "the provider that $secret:// names, as MANAGER/ID",
      remedy: "compare with A's secret providers; a reference that A cannot resolve either has to be taken out on A",
    });
    return;
  }
  const lacking = environments.filter(
    ({ group, variables }) =>
      (groups?.includes(group) ?? true) && !variables.some((variable) => variable.name === name),
  );
  for (const { deployment, group } of lacking) {
    report.finding({
      subject: `variable ${name}, cluster B, Deployment ${deployment}`,
      seen: `the gateways of group ${group} do not have it; ${usesText(reference)}`,
      expected: "every variable that $env:// names",
      remedy: `set it in gatewayGroups[].clusterB.environment, or in the Secret that environmentSecret names`,
    });
  }
}

/** By the operators: what B need not reach, and each Redis whose loss is accepted. */
function acceptedAddresses({ inspection }: InspectionContext): ReadonlyMap<string, string> {
  const redis = inspection.statefulPlugins.flatMap(({ redis: id, policy, reason }) =>
    id !== undefined && policy === "accept" ? id.split(",").map((address) => [address, reason] as const) : [],
  );
  return new Map([...redis, ...inspection.unreachable.map(({ address, reason }) => [address, reason] as const)]);
}

/** B's own control plane: its address is in the system settings, and other checks look at it. */
function isControlPlaneOfB({ scope }: InspectionContext, { host }: Endpoint): boolean {
  const { controlPlane, namespace } = scope.clusterB;
  return ["", ".svc", ".svc.cluster.local"].some((tail) => host === `${controlPlane}-dp-manager.${namespace}${tail}`);
}

function describe({ state, said, addresses }: Reached): string {
  const where = addresses.length === 0 ? "" : ` (${addresses.join(", ")})`;
  switch (state) {
    case "open":
      return "it can be reached";
    case "refused":
      return `the connection is refused${where}`;
    case "timeout":
      return `nobody answers within 3 s${where}`;
    case "unresolved":
      return "B's name service does not know the name";
    case "failed":
      return `the connection fails${where}: ${said}`;
  }
}

function addressOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

function usesText({ uses }: { readonly uses: readonly string[] }): string {
  const more = uses.length > USES_SHOWN ? ` and ${uses.length - USES_SHOWN} more` : "";
  return `used by ${uses.slice(0, USES_SHOWN).join("; ")}${more}`;
}

function acceptCommand(address: string): string {
  return `pulumi config set --path 'inspection.unreachable[0].address' '${address}', and its reason`;
}
