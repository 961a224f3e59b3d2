import { ALL_KINDS, KINDS } from "../api/kinds";
import { type KubeObject } from "../api/objects";
import { type Resources } from "../api/resources";
import { type Controller } from "./controller";

/** Deletes what belongs to owners that are gone, and what lies in namespaces that are being deleted. */
export class GarbageCollector implements Controller {
  constructor(private readonly resources: Resources) {}

  sync(): void {
    const { store } = this.resources;
    const objects = ALL_KINDS.flatMap((kind) => store.list(kind).map((object) => ({ kind, object })));
    const alive = new Set(objects.map(({ object }) => object.metadata.uid));
    const ending = new Set(
      store
        .list(KINDS.namespace)
        .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
        .map(({ metadata }) => metadata.name),
    );
    for (const { kind, object } of objects) {
      const { namespace, name, deletionTimestamp } = object.metadata;
      const doomed = isOrphan(object, alive) || (namespace !== undefined && ending.has(namespace));
      if (doomed && deletionTimestamp === undefined) {
        this.resources.delete(kind, namespace, name);
      }
    }
    for (const namespace of store.list(KINDS.namespace)) {
      const { name, deletionTimestamp } = namespace.metadata;
      if (deletionTimestamp !== undefined && this.isEmpty(name)) {
        this.resources.remove(KINDS.namespace, namespace);
      }
    }
  }

  private isEmpty(namespace: string): boolean {
    return ALL_KINDS.filter(({ namespaced }) => namespaced).every(
      (kind) => this.resources.store.list(kind, namespace).length === 0,
    );
  }
}

function isOrphan({ metadata }: KubeObject, alive: ReadonlySet<string>): boolean {
  const owners = metadata.ownerReferences ?? [];
  return owners.length > 0 && owners.every(({ uid }) => !alive.has(uid));
}
