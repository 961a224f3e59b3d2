import { type MigrationScope } from "../migration/gateRequest";
import { LEAVING } from "../migration/leaving";
import { KubernetesApi, refused } from "../checks/clients/kubernetes";
import { textOf } from "../checks/result";

/**
 * Ends what stays open on B after the way back. A change of weights cuts nothing: WebSockets and streams stay where they
 * began (facts/aws.md 1). B's gateways are replaced, as `kubectl rollout restart` does it: each one that goes leaves its
 * target group, finishes what it has, and closes the rest at the end of its shutdown time; clients that connect again get A.
 *
 * By choice and afterwards only: it needs B's API server, and the way back needs nothing of B.
 */

export interface Drained {
  readonly deployment: string;
  /** Undefined: its gateways are being replaced. */
  readonly trouble?: string | undefined;
}

/** Marks a rollout that somebody asked for; the same that kubectl writes. */
const ANNOTATION = "kubectl.kubernetes.io/restartedAt";
const LIMIT_MS = 30_000;

/** Never throws: what could not be done is in the answer, since A has every new request already. */
export async function drainB({ clusterB }: Pick<MigrationScope, "clusterB">, now: Date): Promise<readonly Drained[]> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const api = KubernetesApi.open("cluster B", clusterB, signal);
  return Promise.all(
    clusterB.dataPlanes.map(async ({ deployment }): Promise<Drained> => {
      try {
        await restart(await api, deployment, now, signal);
        return { deployment };
      } catch (error) {
        return { deployment, trouble: textOf(error) };
      }
    }),
  );
}

async function restart(api: KubernetesApi, deployment: string, now: Date, signal: AbortSignal): Promise<void> {
  const path = api.path("apps/v1", "deployments", deployment);
  const annotations = { [ANNOTATION]: now.toISOString() };
  const answer = await api.request({
    method: "PATCH",
    path,
    headers: { "content-type": "application/merge-patch+json" },
    body: JSON.stringify({ spec: { template: { metadata: { annotations } } } }),
    signal,
  });
  if (answer.status !== 200) throw refused(`cluster B ${path}`, answer);
}

/** For whoever waits: what was begun, and until when connections may still be open. */
export function describeDrain(drained: readonly Drained[]): readonly string[] {
  return drained.map(({ deployment, trouble }) =>
    trouble === undefined
      ? `B's gateways ${deployment} are being replaced: what is open on them is closed after ${LEAVING.graceSeconds} s at the latest`
      : `B's gateways ${deployment} could not be replaced (${trouble}): what is open on them stays until its client closes it; ` +
        `kubectl rollout restart deployment ${deployment}`,
  );
}
