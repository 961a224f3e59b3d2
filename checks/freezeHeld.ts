import { compareConfiguration, digestOfTables } from "../migration/configurationDigest";
import { type ConfigurationDigest, stateOf } from "../migration/record";
import { shapeOf } from "../migration/stages";
import { getAutoscaler, getDeployment, podsOf } from "./clients/objects";
import { Snapshot } from "./clients/postgres";
import { type CheckContext, type GateCheck, type GateContext, type Move } from "./context";
import { fingerprintConfiguration, type ConfigurationFingerprint } from "./database/fingerprint";
import { type KubernetesApi } from "./clients/kubernetes";
import { Report, type CheckResult } from "./result";

const CHECK = "freeze held";
/** A traffic gate ends within 30 s, and the fingerprint of a gateway's configuration takes a second or two. */
const LIMIT_SECONDS = 25;
const STATEMENT_MS = 20_000;

/** From `restore` on: A's configuration did not move, and A is at its full size for the way back. */
export const freezeHeld: GateCheck = {
  name: CHECK,
  limitSeconds: LIMIT_SECONDS,
  appliesTo: ({ from, to }) => from !== "decommission" && to !== "freeze" && shapeOf(to).clusterA !== "open",
  run: async (context) => {
    const report = new Report(CHECK);
    const [, fingerprint] = await Promise.all([checkClusterA(report, context), fingerprintA(report, context)]);
    if (!fingerprint) return report.result();
    addFingerprint(report, fingerprint);
    if (takesFingerprint(context.move)) report.note("the fingerprint of A's configuration goes into the record");
    else compareWithRecord(report, context, fingerprint);
    return report.result();
  },
};

/** Entering `restore` records the fingerprint: what is copied right afterwards is what later stages compare with. */
export function takesFingerprint(move: Move): boolean {
  return move.to === "restore" && move.mode === "record";
}

/** The fingerprint that the check took, for the record. */
export function recordedFingerprint(result: CheckResult): ConfigurationDigest | undefined {
  return result.evidence[DIGEST] as ConfigurationDigest | undefined;
}

/** What `freeze` has to achieve, and the fingerprint, once the freeze is in place. */
export async function checkFreeze(
  context: CheckContext,
): Promise<{ readonly result: CheckResult; readonly fingerprint: ConfigurationFingerprint | undefined }> {
  const report = new Report("freeze");
  const [, fingerprint] = await Promise.all([checkClusterA(report, context), fingerprintA(report, context)]);
  if (fingerprint) addFingerprint(report, fingerprint);
  return { result: report.result(), fingerprint };
}

const DIGEST = "configurationA";

function addFingerprint(report: Report, fingerprint: ConfigurationFingerprint): void {
  report.addEvidence({
    [DIGEST]: digestOfTables(fingerprint.tables),
    tables: fingerprint.tables.map(({ table, rows, digest }) => ({ table, rows: Number(rows), digest })),
    notCompared: fingerprint.notCompared,
  });
}

function fingerprintA(report: Report, context: CheckContext): Promise<ConfigurationFingerprint | undefined> {
  return report.look(() =>
    context.systems.withDatabaseA(async (target) => {
      const snapshot = await Snapshot.open(target, { statementTimeoutMs: STATEMENT_MS, signal: context.signal });
      try {
        return await fingerprintConfiguration(snapshot, context.scope.volatile);
      } finally {
        await snapshot.close();
      }
    }),
  );
}

function compareWithRecord(report: Report, context: GateContext, fingerprint: ConfigurationFingerprint): void {
  const recorded = stateOf(context.record)?.configurationA;
  const remedy =
    "find who wrote to A (audit log, pipelines, ingress controllers). Before `start`: copy again at stage restore with a higher " +
    "`databaseB.copy`. Later: make the same change on both sides, or undo it on A";
  if (!recorded) {
    report.finding({
      subject: "configuration of A",
      seen: "the record holds no fingerprint of it",
      expected: "the one that was taken when `restore` was entered",
      remedy: "go back to `restore` by way of rollback and abandon, or bring back the record from its copy",
      unknown: true,
    });
    return;
  }
  const difference = compareConfiguration(recorded, fingerprint.tables);
  if (difference.same) return;
  const live = digestOfTables(fingerprint.tables);
  const tables = difference.tables.length > 0 ? difference.tables : ["(the record cannot tell which)"];
  for (const table of tables) {
    const now = fingerprint.tables.find((candidate) => candidate.table === table);
    report.finding({
      subject: `table ${table} of A`,
      seen: now ? `it moved since the freeze; ${now.rows} rows now` : `the whole is ${live["*"] ?? ""}`,
      expected: `as recorded: ${recorded[table] ?? recorded["*"] ?? ""} (rows:hash)`,
      remedy,
    });
  }
}

/** A's workloads: closed to edits as the mode says, and at full size. */
async function checkClusterA(report: Report, context: CheckContext): Promise<void> {
  await report.look(async () => {
    const api = await context.systems.cluster("A");
    await Promise.all([
      checkDataPlanes(report, context, api),
      ...(context.scope.freezeMode === "scale-dashboard" ? [checkClosed(report, context, api)] : []),
    ]);
  });
}

/** Mode `scale-dashboard`: nothing serves A's Admin API or portal any more. */
async function checkClosed(report: Report, context: CheckContext, api: KubernetesApi): Promise<void> {
  const { controlPlane } = context.scope.clusterA;
  const components = [
    { name: `${controlPlane}-dashboard`, optional: false },
    { name: `${controlPlane}-developer-portal`, optional: true },
  ];
  await Promise.all(
    components.map(({ name, optional }) =>
      report.look(async () => {
        const deployment = await getDeployment(api, name, context.signal);
        if (!deployment && optional) return;
        if (!deployment) {
          report.finding({
            subject: `${api.label}, Deployment ${name}`,
            seen: "there is none",
            expected: "A's dashboard, scaled to 0",
            remedy: "correct A's namespace and the control plane's full name in the settings",
          });
          return;
        }
        const pods = await podsOf(api, deployment, context.signal);
        const wanted = deployment.spec.replicas;
        if (wanted === 0 && pods.length === 0) return;
        report.finding({
          subject: `${api.label}, Deployment ${name}`,
          seen: `${wanted} replicas wanted, ${pods.length} pods there`,
          expected: "0 replicas and no pod: A's configuration is closed",
          remedy: `find what scaled it up (kubectl describe deployment ${name}), pause it, then pulumi up --refresh`,
          // Pods that are ending take requests for a moment longer.
          transient: wanted === 0,
        });
      }),
    ),
  );
}

async function checkDataPlanes(report: Report, context: CheckContext, api: KubernetesApi): Promise<void> {
  await Promise.all(
    context.scope.clusterA.dataPlanes.map(async ({ deployment: name, replicas, autoscaler }) => {
      await report.look(async () => {
        const deployment = await getDeployment(api, name, context.signal);
        const wanted = deployment?.spec.replicas ?? 0;
        const ready = deployment?.status?.readyReplicas ?? 0;
        if (wanted >= replicas && ready >= replicas) return;
        report.finding({
          subject: `${api.label}, Deployment ${name}`,
          seen: deployment ? `${wanted} replicas wanted, ${ready} ready` : "there is none",
          expected: `at least ${replicas} ready: a rollback must find A at full size`,
          remedy: deployment
            ? `kubectl scale deployment ${name} --replicas=${replicas}`
            : "correct the name in the settings",
          transient: wanted >= replicas,
        });
      });
      if (autoscaler === undefined) return;
      await report.look(async () => {
        const found = await getAutoscaler(api, autoscaler, context.signal);
        const minimum = found?.spec.minReplicas ?? 0;
        if (minimum >= replicas) return;
        report.finding({
          subject: `${api.label}, HorizontalPodAutoscaler ${autoscaler}`,
          seen: found ? `minReplicas ${minimum}` : "there is none",
          expected: `minReplicas at least ${replicas}: A's size must not follow its shrinking traffic`,
          remedy: found ? "find what changed it, then pulumi up --refresh" : "correct the name in the settings",
        });
      });
    }),
  );
}
