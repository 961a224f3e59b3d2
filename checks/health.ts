import { type ClusterAccess, type DataPlaneScope } from "../migration/gateRequest";
import { stateOf } from "../migration/record";
import { shapeOf } from "../migration/stages";
import { DASHBOARD_PORT } from "./clients/controlPlane";
import { type KubernetesApi } from "./clients/kubernetes";
import { getDeployment, isReady, podLog, podsOf, readySince, type Deployment, type Pod } from "./clients/objects";
import { type Probe, type ProbeTarget } from "./clients/probe";
import { type CheckContext, type GateCheck } from "./context";
import { CONTROL_PLANE_FRAGMENTS, DATA_PLANE_FRAGMENTS, readLog } from "./logs";
import { redact, Report, type CheckResult } from "./result";

const CHECK = "health";
/** Plain HTTP port of the DP Manager, and the gateway's status port (facts/api7.md 1.2, 1.4). */
const DP_MANAGER_PORT = 7900;
const STATUS_PORT = 7085;
/** A gateway logs each request as well, so the newest lines reach back only some seconds under load. */
const LOG_LINES = 20_000;

/** Before B gets traffic, and before each further step: control plane, data planes and targets of B are well. */
export const health: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ to }) => shapeOf(to).weightB > 0,
  run: (context) => {
    const began = stateOf(context.record)?.stageSince;
    return checkHealth(context, context.now, began === undefined ? undefined : new Date(began));
  },
};

/** @param since begin of the stage: lines of logs from before it do not count */
export async function checkHealth(context: CheckContext, now: Date, since?: Date): Promise<CheckResult> {
  const report = new Report(CHECK);
  await Promise.all([
    report.look(async () => {
      const api = await context.systems.cluster("B");
      const probe = await context.systems.probe("B");
      const cluster = { report, context, api, probe, now, since };
      await Promise.all([
        checkControlPlane(cluster),
        ...context.scope.clusterB.dataPlanes.map((one) => checkDataPlane(cluster, one)),
      ]);
    }),
    report.look(() => checkVersion(report, context)),
    ...context.scope.clusterB.dataPlanes.map((one) => report.look(() => checkTargets(report, context, one))),
  ]);
  return report.result();
}

/** Control plane B alone: before it has data planes, and what they wait for. */
export async function checkControlPlaneB(context: CheckContext, now: Date): Promise<CheckResult> {
  const report = new Report("control plane");
  await Promise.all([
    report.look(async () => {
      const api = await context.systems.cluster("B");
      const probe = await context.systems.probe("B");
      await checkControlPlane({ report, context, api, probe, now, since: undefined });
    }),
    report.look(() => checkVersion(report, context)),
  ]);
  return report.result();
}

/** What the looks at one cluster share. */
interface Looking {
  readonly report: Report;
  readonly context: CheckContext;
  readonly api: KubernetesApi;
  readonly probe: Probe;
  readonly now: Date;
  readonly since: Date | undefined;
}

async function checkVersion(report: Report, context: CheckContext): Promise<void> {
  const controlPlane = await context.systems.controlPlaneB();
  const version = await controlPlane.version();
  report.addEvidence({ version });
  if (version === context.scope.version) return;
  report.finding({
    subject: "control plane B, /api/version",
    seen: version,
    expected: `${context.scope.version}, the version of A`,
    remedy: "set `version` to A's version and install B again from the matching charts",
  });
}

async function checkControlPlane(looking: Looking): Promise<void> {
  const { controlPlane }: ClusterAccess = looking.context.scope.clusterB;
  const dashboard = {
    kind: "services",
    name: `${controlPlane}-dashboard`,
    scheme: "https",
    port: DASHBOARD_PORT,
  } as const;
  const manager = {
    kind: "services",
    name: `${controlPlane}-dp-manager`,
    scheme: "http",
    port: DP_MANAGER_PORT,
  } as const;
  await Promise.all([
    checkComponent(looking, dashboard.name),
    checkComponent(looking, manager.name),
    expectOk(looking, dashboard, "/healthz"),
    expectOk(looking, manager, "/healthz"),
  ]);
}

/** One of the control plane's Deployments: wholly available, in the version at hand, and with clean logs. */
async function checkComponent(looking: Looking, name: string): Promise<void> {
  const { report, context, api } = looking;
  await report.look(async () => {
    const deployment = await getDeployment(api, name, context.signal);
    if (!deployment) {
      missingDeployment(looking, name);
      return;
    }
    const { spec, status, metadata } = deployment;
    const settled = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    const [available, updated] = [status?.availableReplicas ?? 0, status?.updatedReplicas ?? 0];
    if (spec.replicas < 1 || !settled || available < spec.replicas || updated < spec.replicas) {
      report.finding({
        subject: `${api.label}, Deployment ${name}`,
        seen: `${available} available and ${updated} up to date of ${spec.replicas}${settled ? "" : ", a change is not taken up yet"}`,
        expected: "all replicas available, at least one",
        remedy: `kubectl describe deployment ${name}; kubectl logs deployment/${name}`,
        transient: spec.replicas >= 1,
      });
    }
    checkImages(looking, `Deployment ${name}`, deployment.spec.template.spec.containers, /api7-ee-/);
    const pods = await podsOf(api, deployment, context.signal);
    await Promise.all(pods.map((pod) => scanLog(looking, pod, CONTROL_PLANE_FRAGMENTS)));
  });
}

async function checkDataPlane(looking: Looking, scope: DataPlaneScope): Promise<void> {
  const { report, context, api } = looking;
  await report.look(async () => {
    const deployment = await getDeployment(api, scope.deployment, context.signal);
    if (!deployment) {
      missingDeployment(looking, scope.deployment);
      return;
    }
    const pods = (await podsOf(api, deployment, context.signal)).filter(
      (pod) => pod.metadata.deletionTimestamp === undefined,
    );
    checkSize(looking, scope, deployment, pods);
    await Promise.all(
      pods.flatMap((pod) => {
        checkImages(looking, `pod ${pod.metadata.name}`, pod.spec.containers, /api7-ee-3-gateway/);
        const status = { kind: "pods", name: pod.metadata.name, scheme: "http", port: STATUS_PORT } as const;
        return [
          expectOk(looking, status, "/status"),
          expectOk(looking, status, "/status/ready"),
          scanLog(looking, pod, DATA_PLANE_FRAGMENTS),
        ];
      }),
    );
  });
}

function checkSize(looking: Looking, scope: DataPlaneScope, deployment: Deployment, pods: readonly Pod[]): void {
  const ready = pods.filter(isReady);
  looking.report.addEvidence({ [`pods of ${scope.deployment}`]: pods.map((pod) => pod.metadata.name) });
  if (ready.length >= scope.replicas && ready.length === pods.length) return;
  const waiting = pods.filter((pod) => !isReady(pod)).map((pod) => pod.metadata.name);
  looking.report.finding({
    subject: `${looking.api.label}, Deployment ${scope.deployment}`,
    seen: `${ready.length} pods ready${waiting.length > 0 ? `, not ready: ${waiting.join(", ")}` : ""}`,
    expected: `${scope.replicas} pods, all of them ready`,
    remedy: `kubectl get pods; a gateway that does not get its configuration does not start: look at its log`,
    transient: deployment.spec.replicas >= scope.replicas,
  });
}

/** The tag of API7's own images among the containers; sidecars of a mesh have versions of their own. */
function checkImages(
  looking: Looking,
  subject: string,
  containers: readonly { readonly image: string }[],
  own: RegExp,
): void {
  const { report, context, api } = looking;
  const ours = containers.filter(({ image }) => own.test(image));
  for (const { image } of ours.length > 0 ? ours : containers.slice(0, 1)) {
    const tag = /:([^:/@]+)(?:@|$)/.exec(image)?.[1] ?? "none";
    if (tag.replace(/^v/, "") === context.scope.version) continue;
    report.finding({
      subject: `${api.label}, ${subject}`,
      seen: `image ${image}`,
      expected: `tag ${context.scope.version}, the version of A`,
      remedy: "take the chart that belongs to the version, and no image of another",
    });
  }
}

async function expectOk(looking: Looking, target: ProbeTarget, path: string): Promise<void> {
  const { report, context, api, probe } = looking;
  await report.look(async () => {
    const answer = await probe(target, { path, signal: context.signal });
    if (answer.status === 200) return;
    report.finding({
      subject: `${api.label}, ${target.name}:${target.port}${path}`,
      seen: `HTTP ${answer.status}: ${redact(answer.body).replaceAll(/\s+/g, " ").slice(0, 200)}`,
      expected: "HTTP 200",
      remedy:
        path === "/status/ready"
          ? "the gateway has no working DP Manager: look at etcd.host and its log"
          : `look at the log of ${target.name}`,
      transient: true,
    });
  });
}

async function scanLog(looking: Looking, pod: Pod, fragments: Parameters<typeof readLog>[1]): Promise<void> {
  const { report, context, api, now } = looking;
  const { name } = pod.metadata;
  await report.look(async () => {
    const container = pod.spec.containers.find(({ image }) => image.includes("api7-ee-")) ?? pod.spec.containers[0];
    const log = await podLog(api, name, container?.name ?? "", LOG_LINES, context.signal, looking.since);
    const reading = readLog(log, fragments, readySince(pod), now);
    report.addEvidence({ [`log of ${name}`]: reading });
    for (const trouble of reading.troubles) {
      report.finding({
        subject: `${api.label}, log of pod ${name}`,
        seen: `${trouble.count} times "${trouble.fragment}": ${trouble.line}`,
        expected: "no such line since the pod is ready, or a recovery after it",
        remedy:
          "mend the connection; the line stops counting 30 minutes after its last appearance, or when the pod is replaced",
      });
    }
  });
}

async function checkTargets(report: Report, context: CheckContext, scope: DataPlaneScope): Promise<void> {
  const balancers = await context.systems.loadBalancers();
  const arn = await balancers.targetGroupArn(scope.targetGroup);
  const targets = arn === undefined ? undefined : await balancers.targetHealth(arn);
  const subject = `target group ${scope.targetGroup} (B, gateway group ${scope.group})`;
  report.addEvidence({ [subject]: targets ?? null });
  if (!targets) {
    report.finding({
      subject,
      seen: "there is none",
      expected: "B's target group",
      remedy: "pulumi up --refresh at the present stage",
    });
    return;
  }
  const healthy = targets.filter(({ state }) => state === "healthy");
  // A draining target is on its way out and gets nothing new.
  const others = targets.filter(({ state }) => state !== "healthy" && state !== "draining");
  if (healthy.length >= scope.replicas && others.length === 0) return;
  const seen = others.map(({ target, state, reason }) => `${target} ${state}${reason === "" ? "" : ` (${reason})`}`);
  report.finding({
    subject,
    seen: [`${healthy.length} healthy`, ...seen].join(", "),
    expected: `at least ${scope.replicas} targets, all of them healthy: with none healthy the load balancer would still send B its share`,
    remedy: "check the TargetGroupBinding in B, the security group of port 7085, and the pods behind these addresses",
    transient: true,
  });
}

function missingDeployment({ report, api }: Looking, name: string): void {
  report.finding({
    subject: `${api.label}, Deployment ${name}`,
    seen: "there is none",
    expected: "the Deployment that stage `start` installs",
    remedy: "pulumi up --refresh at stage start, or correct namespace and names in the settings",
  });
}
