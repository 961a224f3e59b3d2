import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { type DataPlaneScope } from "../migration/gateRequest";
import { type Inspection, NO_INSPECTION } from "../migration/inspection";
import { DP_MANAGER_PORT } from "../migration/names";
import { shapeOf } from "../migration/stages";
import { getConfigMap, getDeployment, podsOf, type Deployment, type Pod } from "./clients/objects";
import { type KubernetesApi } from "./clients/kubernetes";
import { type CheckContext, type GateCheck } from "./context";
import { addressOfB, checkDeploymentSetting, checkDomain } from "./pinningAddress";
import { CouldNotLook, Report, textOf, type CheckResult } from "./result";
import { overridesOf } from "./pinningEnvironment";
import { alive, checkListedByB, checkNotListedByA, type GatewayPod } from "./pinningInstances";
import { checkClosedToB } from "./pinningNetwork";

const CHECK = "pinned";

/**
 * Every data plane of B belongs to control plane B. After a restore both clusters have the same CA, so that mutual TLS
 * would let a gateway of B in at A (facts/api7.md 2.3): the proof has to be positive. It has seven parts: what the
 * gateways are told, what could override it, where that leads and what control plane B tells new ones (pinningAddress.ts),
 * whom control plane B lists, whom database A lists, and that A's DP Manager does not let B in (pinningNetwork.ts).
 */
export const pinned: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ to }) => shapeOf(to).weightB > 0,
  // After `decommission` A belongs to its owners, who may have removed it.
  run: (context) =>
    checkPinning(context, { clusterA: context.move.from !== "decommission", inspection: context.inspection }),
};

export interface PinningOptions {
  /** Whether A is still there to be looked at: its database, and its DP Manager from B. */
  readonly clusterA: boolean;
  readonly inspection?: Inspection | undefined;
}

export async function checkPinning(context: CheckContext, options: PinningOptions): Promise<CheckResult> {
  const report = new Report(CHECK);
  const pods = await report.look(async () => {
    const api = await context.systems.cluster("B");
    const lists = await Promise.all(
      context.scope.clusterB.dataPlanes.map((scope) => report.look(() => checkDataPlane(report, context, api, scope))),
    );
    // A data plane that could not be looked at is a finding; the others are checked further.
    return lists.flatMap((list) => list ?? []);
  });
  if (!pods) return report.result();
  report.addEvidence({ pods: alive(pods).map(({ pod }) => pod.metadata.name) });
  await Promise.all([
    ...context.scope.clusterB.dataPlanes.map((scope) =>
      report.look(() =>
        checkListedByB(
          report,
          context,
          scope,
          pods.filter(({ group }) => group === scope.group),
        ),
      ),
    ),
    report.look(() => checkDeploymentSetting(report, context)),
    report.look(() => checkDomain(report, context, options.inspection ?? NO_INSPECTION)),
    ...(options.clusterA
      ? [
          report.look(() => checkNotListedByA(report, context, alive(pods))),
          report.look(() => checkClosedToB(report, context, options.inspection ?? NO_INSPECTION)),
        ]
      : []),
  ]);
  return report.result();
}

/** What the gateways of one group are told, and their pods. */
async function checkDataPlane(
  report: Report,
  context: CheckContext,
  api: KubernetesApi,
  scope: DataPlaneScope,
): Promise<readonly GatewayPod[]> {
  const deployment = await getDeployment(api, scope.deployment, context.signal);
  if (!deployment) {
    report.finding({
      subject: `${api.label}, Deployment ${scope.deployment}`,
      seen: "there is none",
      expected: "the gateways of B",
      remedy: "pulumi up --refresh at stage start, or correct the names in the settings",
    });
    return [];
  }
  const all = await podsOf(api, deployment, context.signal);
  const pods = all.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  await report.look(() => checkAddress(report, context, api, deployment));
  checkRendered(report, api, deployment, pods);
  // Pods may still run with a template from before: both are looked at.
  const specs = [
    { subject: `Deployment ${scope.deployment}`, spec: deployment.spec.template.spec },
    ...pods.map((pod) => ({ subject: `pod ${pod.metadata.name}`, spec: pod.spec })),
  ];
  await Promise.all(
    specs.map(({ subject, spec }) =>
      report.look(async () => {
        for (const override of await overridesOf(api, spec, scope.group, context.signal)) {
          report.finding({
            subject: `${api.label}, ${subject}`,
            seen: `environment variable ${override.name} (${override.source})`,
            expected: override.expected,
            remedy:
              "take the variable out of the values of chart gateway (apisix.extraEnvVars, extraEnvVarsCM, extraEnvVarsSecret)",
          });
        }
      }),
    ),
  );
  return all.map((pod) => ({ group: scope.group, pod }));
}

const CHECKSUM = "checksum/config";

/** A pod reads its config file once: one that began with an earlier file is told something else than the ConfigMap says. */
function checkRendered(report: Report, api: KubernetesApi, deployment: Deployment, pods: readonly Pod[]): void {
  const wanted = deployment.spec.template.metadata?.annotations?.[CHECKSUM];
  for (const { metadata } of pods) {
    const running = metadata.annotations?.[CHECKSUM];
    if (wanted === running) continue;
    report.finding({
      subject: `${api.label}, pod ${metadata.name}`,
      seen: `it runs with the config file of ${CHECKSUM} ${(running ?? "none").slice(0, 16)}`,
      expected: `that of the Deployment, ${(wanted ?? "none").slice(0, 16)}`,
      remedy: `kubectl rollout status deployment ${deployment.metadata.name}; replace the pod when it stays`,
      transient: true,
    });
  }
}

const GATEWAY_CONFIG = z.object({
  deployment: z.object({ etcd: z.object({ host: z.array(z.string()).min(1) }) }),
});

/** `etcd.host` in the config file that the pods mount names the DP Manager of B and nothing else. */
async function checkAddress(
  report: Report,
  context: CheckContext,
  api: KubernetesApi,
  deployment: Deployment,
): Promise<void> {
  const { controlPlane, namespace } = context.scope.clusterB;
  const { name } = deployment.metadata;
  const service = `${controlPlane}-dp-manager`;
  const expected = addressOfB(context);
  const allowed =
    context.scope.domainB === undefined
      ? [`${service}.${namespace}.svc.cluster.local`, `${service}.${namespace}.svc`, `${service}.${namespace}`, service]
      : [context.scope.domainB.name];
  for (const { configMap, text } of await configFiles(api, deployment, context.signal)) {
    const hosts = etcdHosts(text, `${api.label}, ConfigMap ${configMap}`);
    report.addEvidence({ [`etcd.host of ${name}`]: hosts });
    const foreign = hosts.filter((host) => !allowed.some((known) => isAddress(host, known)));
    if (foreign.length === 0) continue;
    report.finding({
      subject: `${api.label}, ConfigMap ${configMap} (gateways ${name})`,
      seen: `etcd.host has ${foreign.join(", ")}`,
      expected: `only ${expected}, the DP Manager of B`,
      remedy: "let the data plane take its address from control plane B's object; pulumi up --refresh at stage start",
    });
  }
}

async function configFiles(
  api: KubernetesApi,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<readonly { readonly configMap: string; readonly text: string }[]> {
  const names = (deployment.spec.template.spec.volumes ?? []).flatMap(({ configMap }) =>
    configMap ? [configMap.name] : [],
  );
  const found = await Promise.all(
    [...new Set(names)].map(async (configMap) => ({
      configMap,
      text: (await getConfigMap(api, configMap, signal))?.["config.yaml"],
    })),
  );
  const files = found.flatMap(({ configMap, text }) => (text === undefined ? [] : [{ configMap, text }]));
  if (files.length > 0) return files;
  throw new CouldNotLook(
    `${api.label}, Deployment ${deployment.metadata.name}`,
    `none of its ConfigMaps (${names.join(", ") || "it mounts none"}) has a config.yaml`,
    "install the gateways by the official chart, which mounts it",
  );
}

function etcdHosts(text: string, subject: string): readonly string[] {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new CouldNotLook(subject, `config.yaml is not YAML: ${textOf(error)}`, "look at the ConfigMap");
  }
  const parsed = GATEWAY_CONFIG.safeParse(document);
  if (parsed.success) return parsed.data.deployment.etcd.host;
  throw new CouldNotLook(
    subject,
    "config.yaml has no list deployment.etcd.host",
    "set etcd.host in the values of chart gateway",
  );
}

function isAddress(address: string, host: string): boolean {
  try {
    const url = new URL(address);
    return url.protocol === "https:" && url.hostname === host && url.port === String(DP_MANAGER_PORT);
  } catch {
    return false;
  }
}
