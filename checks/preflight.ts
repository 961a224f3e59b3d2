import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { isIngressController, managersOf, type Manager } from "../migration/managers";
import { mountedCertificates } from "./certificates";
import { readJson, refused, type KubernetesApi } from "./clients/kubernetes";
import { type GateCheck } from "./context";
import { inspectionContext, type InspectionContext } from "./inspectionContext";
import { judgeCertificates, lookAtLicence } from "./licence";
import { preflightDatabase, preflightInstance, preflightTools } from "./preflightDatabase";
import { lookAtTicket } from "./preflightTicket";
import { preflightLoadBalancer } from "./preflightLoadBalancer";
import { CouldNotLook, Report, textOf, type CheckResult } from "./result";

const CHECK = "preflight";

/**
 * Before the freeze, while A's API is still up: everything that a later stage relies on and that can be known now. What
 * is missing is named with the way to get it; nothing of A is touched.
 */
export const preflight: GateCheck = {
  name: CHECK,
  limitSeconds: 120,
  appliesTo: ({ from, to }) => from === "prepare" && to === "freeze",
  run: (context) => checkPreflight(inspectionContext(context), process.cwd()),
};

/** @param projectFolder folder that the charts' paths are relative to */
export async function checkPreflight(context: InspectionContext, projectFolder: string): Promise<CheckResult> {
  const report = new Report(CHECK);
  if (context.inspection.prerequisites === undefined) {
    report.finding({
      subject: "request",
      seen: "it names no prerequisites",
      expected: "the settings' part of the gate request",
      remedy: "give the whole gate request on standard input",
      unknown: true,
    });
  }
  await Promise.all([
    report.look(() => preflightDatabase(report, context)),
    report.look(() => preflightTools(context)),
    report.look(() => preflightInstance(report, context)),
    report.look(() => preflightLoadBalancer(report, context)),
    report.look(() => lookAtTicket(report, context.inspection.rehearsal, projectFolder, context.now)),
    report.look(() => lookAtControlPlaneA(report, context)),
    report.look(async () => lookAtClusterA(report, context, await context.systems.cluster("A"))),
    report.look(async () => lookAtClusterB(report, await context.systems.cluster("B"), context.signal)),
    ...(context.inspection.prerequisites?.charts ?? []).map((chart) =>
      report.look(() => lookAtChart(report, projectFolder, chart)),
    ),
  ]);
  report.note("subnets, zones and the load balancer's certificate are proved by what stage `prepare` made of them");
  return report.result();
}

/** Version, licence and instances, as A's own API tells them. @throws CouldNotLook */
async function lookAtControlPlaneA(report: Report, context: InspectionContext): Promise<void> {
  const controlPlane = await context.systems.controlPlane("A");
  const version = await controlPlane.version();
  report.addEvidence({ versionA: version });
  if (version !== context.scope.version) {
    report.finding({
      subject: "control plane A, /api/version",
      seen: version,
      expected: `${context.scope.version}, the setting version`,
      remedy: `pulumi config set version ${version}, with the charts that carry it: A and B have the same version`,
    });
  }
  await lookAtLicence(report, context, controlPlane, "control plane A");
  for (const { group } of context.scope.clusterA.dataPlanes) {
    const { id } = await controlPlane.gatewayGroup(group);
    const { instances } = await controlPlane.instances(id);
    report.addEvidence({ [`instances of group ${group} at A`]: instances });
  }
}

const METADATA = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const DEPLOYMENTS = z.object({
  items: z.array(
    z.object({
      metadata: METADATA,
      spec: z.object({
        replicas: z.number().default(1),
        template: z.object({ spec: z.object({ containers: z.array(z.object({ image: z.string() })) }) }),
      }),
    }),
  ),
});
const AUTOSCALERS = z.object({
  items: z.array(
    z.object({
      metadata: METADATA,
      spec: z.object({
        minReplicas: z.number().default(1),
        scaleTargetRef: z.object({ kind: z.string(), name: z.string() }),
      }),
    }),
  ),
});
type DeploymentItem = z.infer<typeof DEPLOYMENTS>["items"][number];
type AutoscalerItem = z.infer<typeof AUTOSCALERS>["items"][number];

/** Sizes as the settings have them, and nobody who would undo the freeze. @throws CouldNotLook */
async function lookAtClusterA(report: Report, context: InspectionContext, api: KubernetesApi): Promise<void> {
  const { signal, scope, inspection } = context;
  const [deployments, autoscalers] = await Promise.all([
    list(api, DEPLOYMENTS, "apps/v1", "deployments", signal),
    list(api, AUTOSCALERS, "autoscaling/v2", "horizontalpodautoscalers", signal),
  ]);
  const sizes = [
    ...(inspection.prerequisites?.deploymentsA ?? []).map((one) => ({ ...one, autoscaler: undefined })),
    ...scope.clusterA.dataPlanes.map(({ deployment, replicas, autoscaler }) => ({
      name: deployment,
      replicas,
      autoscaler,
    })),
  ];
  for (const wanted of sizes) {
    const found = deployments.items.find(({ metadata }) => metadata.name === wanted.name);
    checkSize(report, api, wanted, found);
    const owner = autoscalers.items.find(
      ({ spec: { scaleTargetRef: ref } }) => ref.kind === "Deployment" && ref.name === wanted.name,
    );
    if (owner !== undefined) checkAutoscaler(report, context, api, wanted, owner);
    const objects = [
      ...(found === undefined ? [] : [found.metadata]),
      ...(owner === undefined ? [] : [owner.metadata]),
    ];
    for (const metadata of objects) {
      for (const manager of managersOf({ namespace: api.namespace, ...metadata })) {
        checkManager(report, context, `${api.label}, ${metadata.name}`, manager);
      }
    }
  }
  await lookForWriters(report, context, api, deployments.items);
  for (const { deployment } of scope.clusterA.dataPlanes) {
    await report.look(async () =>
      judgeCertificates(report, context, await mountedCertificates(api, deployment, signal)),
    );
  }
}

function checkSize(
  report: Report,
  api: KubernetesApi,
  wanted: { readonly name: string; readonly replicas: number; readonly autoscaler: string | undefined },
  found: DeploymentItem | undefined,
): void {
  const subject = `${api.label}, Deployment ${wanted.name}`;
  if (found === undefined) {
    report.finding({
      subject,
      seen: `there is none in namespace ${api.namespace}`,
      expected: `a Deployment of ${wanted.replicas} replicas, as the settings have it`,
      remedy: "correct clusterA.namespace, clusterA.controlPlane and gatewayGroups[].clusterA.deployment",
    });
    return;
  }
  const { replicas } = found.spec;
  // With an autoscaler the recorded size is the full one; the size of the hour may be smaller.
  if (wanted.autoscaler === undefined ? replicas === wanted.replicas : replicas <= wanted.replicas) return;
  report.finding({
    subject,
    seen: `${replicas} replicas`,
    expected: `${wanted.autoscaler === undefined ? "" : "at most "}${wanted.replicas}, as the settings have it: opening A again would bring back another size`,
    remedy: "record the present size in the settings, or bring A back to the recorded one",
  });
}

function checkAutoscaler(
  report: Report,
  { inspection }: InspectionContext,
  api: KubernetesApi,
  wanted: { readonly name: string; readonly autoscaler: string | undefined },
  { metadata, spec }: AutoscalerItem,
): void {
  const subject = `${api.label}, HorizontalPodAutoscaler ${metadata.name}`;
  if (metadata.name !== wanted.autoscaler) {
    report.finding({
      subject,
      seen: `it sets the size of Deployment ${wanted.name}, and the settings do not know it`,
      expected: "an autoscaler that the freeze pins to A's full size",
      remedy:
        "name it in gatewayGroups[].clusterA.autoscaler; for a Deployment of the control plane remove it until the migration is over",
    });
    return;
  }
  const recorded = inspection.prerequisites?.autoscalersA.find(({ name }) => name === metadata.name)?.minimum;
  if (recorded === undefined || recorded === spec.minReplicas) return;
  report.finding({
    subject,
    seen: `a minimum of ${spec.minReplicas}`,
    expected: `${recorded}, as the settings have it: it is given back when A is opened again`,
    remedy: "record the present minimum in gatewayGroups[].clusterA.autoscaler.minimum",
  });
}

function checkManager(report: Report, { inspection }: InspectionContext, subject: string, manager: Manager): void {
  const paused = (inspection.paused ?? []).find(({ manager: name }) => name === manager.name);
  if (paused !== undefined) {
    report.note(`${manager.name} manages ${subject}, and is paused: ${paused.reason}`);
    return;
  }
  report.finding({
    subject,
    seen: `managed by ${manager.name}`,
    expected: "nobody who undoes the freeze within minutes",
    remedy: `${manager.pause}; then: pulumi config set --path 'inspection.paused[0].manager' '${manager.name}', and its reason`,
  });
}

/** Controllers that write API7's configuration, or pods' addresses, from Kubernetes objects: they write on through the freeze. */
async function lookForWriters(
  report: Report,
  context: InspectionContext,
  api: KubernetesApi,
  here: readonly DeploymentItem[],
): Promise<void> {
  const answer = await api.request({ path: "/apis/apps/v1/deployments", signal: context.signal });
  let items = here;
  if (answer.status === 200) items = readJson(DEPLOYMENTS, answer, `${api.label}, all Deployments`).items;
  else report.note(`only namespace ${api.namespace} of A was searched for ingress controllers (HTTP ${answer.status})`);
  for (const { metadata, spec } of items) {
    if (spec.replicas === 0 || !spec.template.spec.containers.some(({ image }) => isIngressController(image))) continue;
    const namespace = metadata.namespace ?? api.namespace;
    checkManager(report, context, `configuration of A`, {
      name: `ingress controller ${namespace}/${metadata.name}`,
      pause: `kubectl scale deployment ${metadata.name} --namespace ${namespace} --replicas 0`,
    });
  }
}

/** The API server answers, and lets this user look into the namespace; it may not exist yet. @throws CouldNotLook */
async function lookAtClusterB(report: Report, api: KubernetesApi, signal: AbortSignal): Promise<void> {
  const version = await api.get(z.object({ gitVersion: z.string() }), "/version", signal);
  const pods = await api.request({ path: api.path("v1", "pods"), signal });
  if (pods.status !== 200) throw refused(`${api.label}, pods of namespace ${api.namespace}`, pods);
  report.addEvidence({ kubernetesB: version?.gitVersion ?? null });
}

async function list<T>(
  api: KubernetesApi,
  schema: z.ZodType<T>,
  group: string,
  resource: string,
  signal: AbortSignal,
): Promise<T> {
  const found = await api.get(schema, api.path(group, resource), signal);
  if (found !== undefined) return found;
  throw new CouldNotLook(
    `${api.label}, ${resource}`,
    "the API server does not know them",
    "check that the kubeconfig leads to cluster A's API server",
  );
}

async function lookAtChart(
  report: Report,
  projectFolder: string,
  chart: { readonly name: string; readonly file: string; readonly sha256: string },
): Promise<void> {
  const subject = `chart ${chart.file} (${chart.name})`;
  let content: Buffer;
  try {
    content = await readFile(resolve(projectFolder, chart.file));
  } catch (error) {
    report.finding({
      subject,
      seen: `it cannot be read: ${textOf(error)}`,
      expected: "the archive, beside the program: nothing is fetched while a stage runs",
      remedy: "pull the archive of that version (helm pull), and put it there",
    });
    return;
  }
  const digest = createHash("sha256").update(content).digest("hex");
  if (digest === chart.sha256) return;
  report.finding({
    subject,
    seen: `SHA-256 ${digest}`,
    expected: chart.sha256,
    remedy: `verify the archive, then pulumi config set --path ${chart.name}.sha256 ${digest}`,
  });
}
