import { setTimeout as sleep } from "node:timers/promises";
import { KINDS, type Kind } from "../../cloud/kubernetes/api/kinds";
import {
  takesRequests,
  type Deployment,
  type KubeObject,
  type Pod,
  type Service,
} from "../../cloud/kubernetes/api/objects";
import { type KubeClient } from "../../cloud/kubernetes/client";
import { isRolledOut, whatIsMissing } from "../../kubernetes/charts/helm/wait";
import { type Props, type ResourceContext } from "../framework";
import { annotation, type Identity } from "./identity";

/** The real provider's limit where neither `customTimeouts` nor an annotation sets one, in seconds. */
const DEFAULT_TIMEOUT_SECONDS = 600;
/** Time between two looks, in milliseconds. */
const LOOK_EVERY_MS = 150;

/** How long a resource may take, in seconds; `undefined` when it is not to be waited for. */
function timeoutSeconds(inputs: Props, ctx: ResourceContext): number | undefined {
  if (annotation(inputs, "pulumi.com/skipAwait") === "true") {
    return undefined;
  }
  const given = Number(annotation(inputs, "pulumi.com/timeoutSeconds"));
  return ctx.timeoutSeconds ?? (given > 0 ? given : DEFAULT_TIMEOUT_SECONDS);
}

/** What an object still lacks; `undefined` when nothing. */
type Look = (client: KubeClient, live: KubeObject) => Promise<string | undefined>;

async function lookAtDeployment(client: KubeClient, live: KubeObject): Promise<string | undefined> {
  const deployment = live as Deployment;
  const { status, spec } = deployment;
  // Surplus pods of a smaller size count as not done, too: the new size is there when the old pods are gone.
  const settled = (status?.replicas ?? 0) === (spec.replicas ?? 1);
  return isRolledOut(deployment, 0) && settled ? undefined : whatIsMissing(client, deployment);
}

async function lookAtService(client: KubeClient, live: KubeObject): Promise<string | undefined> {
  const { spec, metadata } = live as Service;
  const selector = Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  if (selector.length === 0 || spec.clusterIP === "None" || spec.type === "ExternalName") {
    return undefined;
  }
  const pods = (await client.list(KINDS.pod, metadata.namespace, selector.join(","))) as readonly Pod[];
  return pods.some(takesRequests)
    ? undefined
    : "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods";
}

const LOOKS: ReadonlyMap<Kind, Look> = new Map<Kind, Look>([
  [KINDS.deployment, lookAtDeployment],
  [KINDS.service, lookAtService],
]);

/** How waiting ended: the newest object, and what it still lacks when the time was over. */
export interface Awaited {
  readonly live: KubeObject;
  readonly missing: string | undefined;
}

/** Waits until an object does what its kind is for; kinds without such a thing are done at once. */
export async function awaitReady(
  client: KubeClient,
  kind: Kind,
  object: KubeObject,
  inputs: Props,
  ctx: ResourceContext,
): Promise<Awaited> {
  const look = LOOKS.get(kind);
  const seconds = timeoutSeconds(inputs, ctx);
  if (look === undefined || seconds === undefined) {
    return { live: object, missing: undefined };
  }
  const deadline = Date.now() + seconds * 1000;
  const { namespace, name } = object.metadata;
  for (let live: KubeObject = object; ;) {
    const missing = await look(client, live);
    if (missing === undefined || Date.now() >= deadline) {
      return { live, missing };
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: ctx.signal });
    const newest = await client.find(kind, namespace, name);
    if (newest === undefined) {
      return { live, missing: `${kind.kind} ${name} was deleted while it was waited for` };
    }
    live = newest;
  }
}

/** @throws Error when the object is still there at the end of the time */
export async function awaitGone(
  client: KubeClient,
  kind: Kind,
  { namespace, name }: Identity,
  inputs: Props,
  ctx: ResourceContext,
): Promise<void> {
  const seconds = timeoutSeconds(inputs, ctx);
  if (seconds === undefined) {
    return;
  }
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const live = await client.find(kind, namespace, name);
    if (live === undefined) {
      return;
    }
    if (Date.now() >= deadline) {
      const { finalizers = [] } = live.metadata;
      const why = finalizers.length === 0 ? "" : `; its finalizers ${finalizers.join(", ")} hold it`;
      throw new Error(`timed out waiting for ${kind.kind} ${name} to be deleted after ${seconds} s${why}`);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: ctx.signal });
  }
}
