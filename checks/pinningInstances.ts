import { type DataPlaneScope } from "../migration/gateRequest";
import { type Instance } from "./clients/controlPlane";
import { type Pod } from "./clients/objects";
import { Snapshot } from "./clients/postgres";
import { type CheckContext } from "./context";
import { readHeartbeats, type Heartbeat } from "./database/instances";
import { controlPlaneSince } from "./pinningNetwork";
import { type Report } from "./result";

/** Whom the control planes list: every gateway of B at B and nobody else, and none of them at A. */

const STATEMENT_MS = 10_000;

/** A pod of one group's gateways, those that are on their way out included. */
export interface GatewayPod {
  readonly group: string;
  readonly pod: Pod;
}

/** Pods that are not on their way out. */
export function alive(pods: readonly GatewayPod[]): readonly GatewayPod[] {
  return pods.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
}

/** Control plane B lists every pod, with a fresh heartbeat. */
export async function checkListedByB(
  report: Report,
  context: CheckContext,
  scope: DataPlaneScope,
  pods: readonly GatewayPod[],
): Promise<void> {
  const controlPlane = await context.systems.controlPlaneB();
  const group = await controlPlane.gatewayGroup(scope.group);
  const { instances, serverTime } = await controlPlane.instances(group.id);
  report.addEvidence({ [`instances of group ${scope.group} at B`]: instances, serverTime: serverTime.toISOString() });
  await report.look(async () => {
    const since = await controlPlaneSince(context);
    const mine = pods.map(({ pod }) => identityOf(pod));
    checkNobodyElse(report, context, { scope, instances, serverTime, since, mine });
  });
  for (const { pod } of alive(pods)) {
    const { hostnames, ip } = identityOf(pod);
    const listed = instances.filter(
      (instance) => hostnames.includes(instance.hostname) || (ip !== undefined && instance.ip === ip),
    );
    const newest = listed
      .map((instance) => instance.lastHeartbeat?.getTime() ?? Number.NEGATIVE_INFINITY)
      .reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const age = (serverTime.getTime() - newest) / 1000;
    if (age <= context.scope.heartbeatSeconds) continue;
    report.finding({
      subject: `pod ${pod.metadata.name} of B`,
      seen:
        listed.length === 0
          ? `control plane B does not list it among ${instances.length} instances of group ${scope.group}`
          : Number.isFinite(age)
            ? `its last heartbeat at control plane B is ${Math.round(age)} s old`
            : "control plane B lists it without a heartbeat",
      expected: `a heartbeat at control plane B not older than ${context.scope.heartbeatSeconds} s`,
      remedy:
        "look at etcd.host, the variables and the log of this pod: it belongs to another control plane, or to none",
      transient: true,
    });
  }
  if (alive(pods).length === 0) {
    report.finding({
      subject: `gateways of B, group ${scope.group}`,
      seen: "there is no pod",
      expected: `${scope.replicas} pods that belong to control plane B`,
      remedy: `kubectl get deployment ${scope.deployment}`,
      transient: true,
    });
  }
}

/**
 * No other gateway reports to control plane B. The copy brought A's instances along; they are told apart by their
 * heartbeats, which are older than control plane B.
 */
function checkNobodyElse(
  report: Report,
  context: CheckContext,
  seen: {
    readonly scope: DataPlaneScope;
    readonly instances: readonly Instance[];
    readonly serverTime: Date;
    readonly since: Date;
    readonly mine: readonly ReturnType<typeof identityOf>[];
  },
): void {
  const oldest = Math.max(seen.serverTime.getTime() - context.scope.heartbeatSeconds * 1000, seen.since.getTime());
  const others = seen.instances.filter(
    ({ hostname, ip, lastHeartbeat }) =>
      (lastHeartbeat?.getTime() ?? Number.NEGATIVE_INFINITY) > oldest &&
      !seen.mine.some((one) => (hostname === "" ? one.ip === ip : one.hostnames.includes(hostname))),
  );
  for (const { hostname, ip, lastHeartbeat } of others) {
    report.finding({
      subject: `instance ${hostname === "" ? ip : hostname} at control plane B, group ${seen.scope.group}`,
      seen: `it reports to B since the copy (${ip}, last heartbeat ${lastHeartbeat?.toISOString() ?? ""}), and is no pod of Deployment ${seen.scope.deployment}`,
      expected: "the gateways of B, and nobody else",
      remedy:
        "find who runs it: a gateway of A that was pointed to B serves B's configuration in A; a pod that just left goes away by itself",
      // A pod that was deleted a moment ago is gone from the list of pods before its heartbeat is old.
      transient: true,
    });
  }
}

/** Database A has no row of a pod of B: A's API may be closed, its tables are not. */
export async function checkNotListedByA(
  report: Report,
  context: CheckContext,
  pods: readonly GatewayPod[],
): Promise<void> {
  const heartbeats = await context.systems.withDatabaseA(async (target) => {
    const snapshot = await Snapshot.open(target, {
      connections: 1,
      statementTimeoutMs: STATEMENT_MS,
      signal: context.signal,
    });
    try {
      return await readHeartbeats(snapshot);
    } finally {
      await snapshot.close();
    }
  });
  report.addEvidence({ instancesOfA: heartbeats.length });
  for (const { pod } of pods) {
    const row = heartbeats.find((heartbeat) => isRowOf(heartbeat, pod));
    if (!row) continue;
    report.finding({
      subject: `pod ${pod.metadata.name} of B`,
      seen: `database A lists it in ${row.table}, with its last heartbeat at ${row.lastHeartbeat?.toISOString() ?? "an unknown time"}`,
      expected: "no pod of B in database A: it would serve A's configuration, and its loss",
      remedy: "correct etcd.host and the variables of B's gateways, and replace this pod; B may get no traffic before",
    });
  }
}

/** Names and address under which a pod's gateway reports: the pod's own, or its node's where it uses the host's network. */
function identityOf(pod: Pod): { readonly hostnames: readonly string[]; readonly ip: string | undefined } {
  const node = pod.spec.hostNetwork === true && pod.spec.nodeName !== undefined ? [pod.spec.nodeName] : [];
  return { hostnames: [pod.metadata.name, ...node], ip: pod.status?.podIP };
}

/** By name; by address only where a row has no name and is younger than the pod, since clusters may share address ranges. */
function isRowOf(row: Heartbeat, pod: Pod): boolean {
  const { hostnames, ip } = identityOf(pod);
  if (row.hostname !== undefined) return hostnames.includes(row.hostname);
  const started = pod.status?.startTime === undefined ? 0 : Date.parse(pod.status.startTime);
  return row.ip !== undefined && row.ip === ip && (row.lastHeartbeat?.getTime() ?? Number.POSITIVE_INFINITY) >= started;
}
