import { type KubernetesApi } from "../clients/kubernetes";
import { getAutoscaler, getDeployment, podsOf } from "../clients/objects";
import { type CheckContext } from "../context";
import { type Report } from "../result";
import { checkWritesRefused } from "./writesRefused";

/** A's workloads as `freeze` has to leave them: closed to edits as the mode says, and at full size. */

/** @param options `closed: false` while an emergency change lets people in, or lets them out in this very update */
export async function checkClusterA(
  report: Report,
  context: CheckContext,
  options: { readonly closed: boolean },
): Promise<void> {
  const closes = options.closed && context.scope.freezeMode === "scale-dashboard";
  await Promise.all([
    report.look(async () => {
      const api = await context.systems.cluster("A");
      await Promise.all([
        checkDataPlanes(report, context, api),
        ...(closes ? [checkClosed(report, context, api)] : []),
      ]);
    }),
    ...(options.closed ? [checkWritesRefused(report, context)] : []),
  ]);
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
