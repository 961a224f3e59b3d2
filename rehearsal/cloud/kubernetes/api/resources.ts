import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type ClusterObjects } from "./clusterObjects";
import { withDefaults } from "./defaults";
import { alreadyExists, badRequest, forbidden, invalid, modified, notFound } from "./errors";
import { isFields } from "./fields";
import { KINDS, apiVersionOf, type Kind } from "./kinds";
import { type KubeObject, type ObjectInput, type ObjectMetadata, omit, timestamp } from "./objects";
import { mergePatch } from "./mergePatch";
import { afterApply, afterUpdate, type Writer } from "./ownership";
import { ServiceAddresses } from "./serviceAddresses";
import { type Store } from "./store";
import { validate } from "./validate";

/** Who writes and how, from the request. */
export interface WriteOptions {
  /** The query `fieldManager`, or the client's name. */
  readonly manager: string;
  readonly subresource?: string;
  /** Nothing is stored; the answer is what would have been. */
  readonly dryRun?: boolean;
}

export interface DeleteOptions {
  readonly dryRun?: boolean;
  /** Pods only: seconds until they are killed; 0 at once. Default: the pod's own. */
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Objects whose finalizer keeps them until a controller here has let go. */
const INITIAL_FINALIZERS: Readonly<Record<string, readonly string[]>> = {
  TargetGroupBinding: ["elbv2.k8s.aws/resources"],
};

/** What the API does with objects: admission, defaults, validation, ownership, versions, deletion. */
export class Resources implements ClusterObjects {
  private readonly addresses = new ServiceAddresses();

  constructor(readonly store: Store) {}

  /** @throws ApiError 404 */
  get(kind: Kind, namespace: string | undefined, name: string): KubeObject {
    const found = this.store.get(kind, namespace, name);
    if (found === undefined) {
      throw notFound(kind, name);
    }
    return found;
  }

  /** @throws ApiError 404 for a missing namespace, 409, 422 */
  create(kind: Kind, namespace: string | undefined, input: ObjectInput, options: WriteOptions): KubeObject {
    const named = this.named(kind, namespace, input);
    this.admit(kind, namespace, named.metadata?.name ?? "");
    if (this.store.get(kind, namespace, named.metadata?.name ?? "") !== undefined) {
      throw alreadyExists(kind, named.metadata?.name ?? "");
    }
    const fresh = this.fresh(kind, namespace, this.completed(kind, named));
    this.check(kind, fresh, undefined);
    const owned = afterUpdate(undefined, fresh, this.writer(kind, options));
    return options.dryRun === true ? owned : this.store.put(kind, owned);
  }

  /** Replaces an object as a whole; without `resourceVersion` unconditionally. */
  replace(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    input: ObjectInput,
    options: WriteOptions,
  ): KubeObject {
    return this.write(kind, this.get(kind, namespace, name), input, options);
  }

  /** JSON merge patch; strategic patches are taken as such, so lists are replaced as a whole. */
  merge(kind: Kind, namespace: string | undefined, name: string, patch: unknown, options: WriteOptions): KubeObject {
    const live = this.get(kind, namespace, name);
    return this.write(kind, live, mergePatch(live, patch) as ObjectInput, options);
  }

  /** Server-side apply; creates what does not exist. @throws ApiError 409 on fields of other managers, 422 */
  apply(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    input: ObjectInput,
    options: WriteOptions & { readonly force: boolean },
  ): KubeObject {
    const live = this.store.get(kind, namespace, name);
    const named = this.named(kind, namespace, { ...input, metadata: { ...input.metadata, name } });
    const writer = this.writer(kind, options);
    if (live === undefined) {
      this.admit(kind, namespace, name);
      const empty = this.fresh(kind, namespace, { metadata: { name } });
      const applied = afterApply(empty, named, writer, options.force);
      const object = this.completed(kind, applied) as KubeObject;
      this.check(kind, object, undefined);
      return options.dryRun === true ? object : this.store.put(kind, object);
    }
    const applied = afterApply(live, named, writer, options.force);
    return this.finish(kind, live, this.completed(kind, applied, live) as KubeObject, options);
  }

  /** Changes the status, as controllers do: no generation, no ownership. Does nothing when the object is gone. */
  setStatus(kind: Kind, object: KubeObject, status: unknown): void {
    const live = this.store.get(kind, object.metadata.namespace, object.metadata.name);
    if (live?.metadata.uid === object.metadata.uid && !isDeepStrictEqual(live.status, status)) {
      this.store.put(kind, { ...live, status });
    }
  }

  /** Answers the object when it lives on until its finalizers or its pod's end, else `undefined`. */
  delete(kind: Kind, namespace: string | undefined, name: string, options: DeleteOptions = {}): KubeObject | undefined {
    const live = this.get(kind, namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (
      (uid !== undefined && uid !== live.metadata.uid) ||
      (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion)
    ) {
      throw modified(kind, name);
    }
    const grace = kind === KINDS.pod ? graceSeconds(live, options.gracePeriodSeconds) : undefined;
    const waits = (live.metadata.finalizers ?? []).length > 0 || kind === KINDS.namespace || kind === KINDS.pod;
    if (options.dryRun === true) {
      return live;
    }
    if (!waits) {
      this.store.remove(kind, live);
      return undefined;
    }
    const shorter = grace !== undefined && grace < (live.metadata.deletionGracePeriodSeconds ?? Infinity);
    if (live.metadata.deletionTimestamp !== undefined && !shorter) {
      return live;
    }
    const metadata: ObjectMetadata = {
      ...live.metadata,
      deletionTimestamp: live.metadata.deletionTimestamp ?? timestamp(),
      deletionGracePeriodSeconds: grace ?? 0,
    };
    const status = kind === KINDS.namespace ? { status: { phase: "Terminating" } } : {};
    return this.store.put(kind, { ...live, metadata, ...status });
  }

  /** Does nothing when the object has it already, or is gone. */
  addFinalizer(kind: Kind, object: KubeObject, finalizer: string): void {
    const live = this.store.get(kind, object.metadata.namespace, object.metadata.name);
    const finalizers = live?.metadata.finalizers ?? [];
    if (live?.metadata.uid === object.metadata.uid && !finalizers.includes(finalizer)) {
      this.store.put(kind, { ...live, metadata: { ...live.metadata, finalizers: [...finalizers, finalizer] } });
    }
  }

  /** Takes a finalizer off; the last one of a deleted object ends it. */
  removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): void {
    const live = this.store.get(kind, object.metadata.namespace, object.metadata.name);
    if (live?.metadata.uid !== object.metadata.uid) {
      return;
    }
    const finalizers = (live.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    this.settle(kind, { ...live, metadata: { ...live.metadata, finalizers } });
  }

  /** Ends an object that was waiting for its end (a stopped pod, an emptied namespace). */
  remove(kind: Kind, object: KubeObject): void {
    const live = this.store.get(kind, object.metadata.namespace, object.metadata.name);
    if (live?.metadata.uid === object.metadata.uid) {
      this.store.remove(kind, live);
    }
  }

  private write(kind: Kind, live: KubeObject, input: ObjectInput, options: WriteOptions): KubeObject {
    const { name, namespace } = live.metadata;
    const named = this.named(kind, namespace, input);
    if (named.metadata?.name !== name) {
      throw badRequest(
        `the name of the object (${named.metadata?.name ?? ""}) does not match the name on the URL (${name})`,
      );
    }
    const { resourceVersion, uid } = named.metadata;
    if (
      (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) ||
      (uid !== undefined && uid !== live.metadata.uid)
    ) {
      throw modified(kind, name);
    }
    const { labels, annotations, finalizers, ownerReferences } = named.metadata;
    const metadata: ObjectMetadata = {
      ...serverSet(live.metadata),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    };
    const kept =
      options.subresource === "status" ? { ...live, status: named["status"] } : { ...named, status: live.status };
    const object = { ...kept, apiVersion: live.apiVersion, kind: live.kind, metadata };
    const completed = this.completed(kind, object, live) as KubeObject;
    return this.finish(kind, live, afterUpdate(live, completed, this.writer(kind, options)), options);
  }

  /** Validates, counts the generation, and stores what differs. */
  private finish(kind: Kind, live: KubeObject, object: KubeObject, options: WriteOptions): KubeObject {
    this.check(kind, object, live);
    const specChanged = !isDeepStrictEqual(content(live), content(object));
    const generation = (live.metadata.generation ?? 1) + (specChanged ? 1 : 0);
    const counted: KubeObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: live.metadata.resourceVersion, generation },
    };
    const clean = JSON.parse(JSON.stringify(counted)) as KubeObject;
    if (options.dryRun === true || isDeepStrictEqual(clean, JSON.parse(JSON.stringify(live)))) {
      return options.dryRun === true ? clean : live;
    }
    return this.settle(kind, clean);
  }

  /** Stores an object, or ends it when it was deleted and nothing holds it any more. */
  private settle(kind: Kind, object: KubeObject): KubeObject {
    const { deletionTimestamp, finalizers } = object.metadata;
    if (
      deletionTimestamp !== undefined &&
      (finalizers ?? []).length === 0 &&
      kind !== KINDS.pod &&
      kind !== KINDS.namespace
    ) {
      this.store.remove(kind, object);
      return object;
    }
    return this.store.put(kind, object);
  }

  private named(kind: Kind, namespace: string | undefined, input: ObjectInput): ObjectInput {
    if (!isFields(input)) {
      throw badRequest("the body of the request must be an object");
    }
    const apiVersion = apiVersionOf(kind);
    if ((input.apiVersion ?? apiVersion) !== apiVersion || (input.kind ?? kind.kind) !== kind.kind) {
      throw badRequest(
        `${input.kind ?? ""} in version "${input.apiVersion ?? ""}" cannot be handled as a ${kind.kind} of ${apiVersion}`,
      );
    }
    const own = input.metadata?.namespace;
    if (kind.namespaced && own !== undefined && own !== namespace) {
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
    return { ...input, apiVersion, kind: kind.kind };
  }

  /** @throws ApiError 404 or 403 when the namespace cannot take the object */
  private admit(kind: Kind, namespace: string | undefined, name: string): void {
    if (!kind.namespaced) {
      return;
    }
    const home = this.get(KINDS.namespace, undefined, namespace ?? "");
    if (home.metadata.deletionTimestamp !== undefined) {
      throw forbidden(
        kind,
        name,
        `unable to create new content in namespace ${namespace ?? ""} because it is being terminated`,
      );
    }
  }

  private check(kind: Kind, object: KubeObject, live: KubeObject | undefined): void {
    const causes = validate(kind, object, live);
    if (causes.length > 0) {
      throw invalid(kind, object.metadata.name, causes);
    }
  }

  private fresh(kind: Kind, namespace: string | undefined, input: ObjectInput): KubeObject {
    const { name = "", labels, annotations, finalizers, ownerReferences } = input.metadata ?? {};
    const initial = INITIAL_FINALIZERS[kind.kind];
    const metadata: ObjectMetadata = {
      name,
      ...(kind.namespaced && namespace !== undefined ? { namespace } : {}),
      uid: randomUUID(),
      resourceVersion: "0",
      generation: 1,
      creationTimestamp: timestamp(),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined && initial === undefined
        ? {}
        : { finalizers: [...new Set([...(finalizers ?? []), ...(initial ?? [])])] }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    };
    return { ...input, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
  }

  /** The object as it would be stored: with the server's defaults and a Service's addresses. */
  private completed(kind: Kind, object: ObjectInput, live?: KubeObject): ObjectInput {
    const full = withDefaults(kind.kind, object);
    return kind === KINDS.service ? this.addresses.assign(full, live) : full;
  }

  private writer(kind: Kind, { manager, subresource }: WriteOptions): Writer {
    return { manager, apiVersion: apiVersionOf(kind), subresource };
  }
}

/** What of the metadata only the server writes. */
function serverSet(metadata: ObjectMetadata): ObjectMetadata {
  return omit(metadata, "labels", "annotations", "finalizers", "ownerReferences");
}

/** What counts for the generation. */
function content(object: KubeObject): unknown {
  return JSON.parse(JSON.stringify({ ...object, metadata: undefined, status: undefined }));
}

function graceSeconds(pod: KubeObject, asked: number | undefined): number {
  const own = isFields(pod.spec) ? pod.spec["terminationGracePeriodSeconds"] : undefined;
  return asked ?? (typeof own === "number" ? own : 30);
}
