import { setTimeout as sleep } from "node:timers/promises";
import { KINDS } from "../../../cloud/kubernetes/api/kinds";
import { type Deployment, type Pod } from "../../../cloud/kubernetes/api/objects";
import { type KubeClient } from "../../../cloud/kubernetes/client";
import { type RenderedObject } from "../objects";
import { type ReleaseObjects } from "./objects";

/** Time between two looks, in milliseconds. */
const LOOK_EVERY_MS = 150;

/** How many pods a Deployment may miss and still count as ready: its `maxUnavailable`, rounded down. */
function mayMiss({ spec }: Deployment): number {
  const value = spec.strategy?.type === "RollingUpdate" ? spec.strategy.rollingUpdate?.maxUnavailable : 0;
  const replicas = spec.replicas ?? 1;
  return typeof value === "string" && value.endsWith("%")
    ? Math.floor((replicas * Number(value.slice(0, -1))) / 100)
    : Number(value ?? 0);
}

/** Whether a Deployment's controller has seen its newest spec and enough pods of it are ready, as Helm's `--wait` asks. */
export function isRolledOut(deployment: Deployment, missing = mayMiss(deployment)): boolean {
  const { metadata, spec, status = {} } = deployment;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const expected = (spec.replicas ?? 1) - missing;
  const old = replicas - updatedReplicas;
  return (
    observedGeneration >= (metadata.generation ?? 1) &&
    updatedReplicas >= expected &&
    availableReplicas - old >= expected
  );
}

/** Why pods of a Deployment are not ready, in a few words for a message. */
export async function whatIsMissing(client: KubeClient, deployment: Deployment): Promise<string> {
  const { name, namespace } = deployment.metadata;
  const selector = Object.entries(deployment.spec.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const pods = (await client.list(KINDS.pod, namespace, selector.join(","))) as readonly Pod[];
  const reasons = pods
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .filter(({ ready }) => !ready)
    .map(
      ({ state, restartCount }) =>
        state.waiting?.reason ?? (restartCount > 0 ? `restarted ${restartCount} times` : "not ready"),
    );
  const { availableReplicas = 0, replicas = 0, updatedReplicas = 0 } = deployment.status ?? {};
  const fresh = Math.max(0, availableReplicas - (replicas - updatedReplicas));
  const why = reasons.length === 0 ? "" : ` (${[...new Set(reasons)].join(", ")})`;
  return `Deployment ${name}: ${fresh} of ${deployment.spec.replicas ?? 1} pods of its newest template are ready${why}`;
}

/**
 * Waits until all Deployments of a manifest are rolled out. Answers what is still missing at the deadline, empty when
 * nothing is.
 * @param deadlineMs as `Date.now()` counts
 */
export async function waitUntilReady(
  client: KubeClient,
  objects: ReleaseObjects,
  manifest: readonly RenderedObject[],
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const deployments = manifest.filter(({ kind }) => kind === "Deployment");
  for (;;) {
    signal?.throwIfAborted();
    const live = (await Promise.all(deployments.map((object) => objects.live(object)))) as (Deployment | undefined)[];
    const waiting = live.filter((deployment) => deployment === undefined || !isRolledOut(deployment));
    if (waiting.length === 0) {
      return [];
    }
    if (Date.now() >= deadlineMs) {
      return Promise.all(
        waiting.map(async (deployment) =>
          deployment === undefined ? "a Deployment of the release is gone" : whatIsMissing(client, deployment),
        ),
      );
    }
    await sleep(Math.max(1, Math.min(LOOK_EVERY_MS, deadlineMs - Date.now())), undefined, signal && { signal });
  }
}
