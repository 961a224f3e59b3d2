import { type ObjectReader } from "./clusterObjects";
import { type Kind } from "./kinds";
import { type KubeObject } from "./objects";

/** Called after every change; `object` is the new one, or the last one of an object that is gone. */
export type ChangeListener = (kind: Kind, object: KubeObject) => void;

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

/** All objects of one cluster, in memory, with one counter of versions as etcd has it. */
export class Store implements ObjectReader {
  private readonly byKind = new Map<Kind, Map<string, KubeObject>>();
  private readonly listeners: ChangeListener[] = [];
  private version = 1000;

  /** Version of the newest change, as lists carry it. */
  get resourceVersion(): string {
    return String(this.version);
  }

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.byKind.get(kind)?.get(keyOf(kind.namespaced ? namespace : undefined, name));
  }

  /** In the order of namespace and name. Without a namespace: those of all. */
  list(kind: Kind, namespace?: string): readonly KubeObject[] {
    const all = [...(this.byKind.get(kind) ?? new Map<string, KubeObject>())];
    return all
      .filter(([, { metadata }]) => namespace === undefined || !kind.namespaced || metadata.namespace === namespace)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, object]) => object);
  }

  /** Stores the object under a new version and answers it. */
  put(kind: Kind, object: KubeObject): KubeObject {
    this.version += 1;
    const stored: KubeObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.version) },
    };
    const objects = this.byKind.get(kind) ?? new Map<string, KubeObject>();
    this.byKind.set(kind, objects.set(keyOf(stored.metadata.namespace, stored.metadata.name), stored));
    this.tell(kind, stored);
    return stored;
  }

  remove(kind: Kind, object: KubeObject): void {
    this.version += 1;
    if (this.byKind.get(kind)?.delete(keyOf(object.metadata.namespace, object.metadata.name)) === true) {
      this.tell(kind, object);
    }
  }

  onChange(listener: ChangeListener): void {
    this.listeners.push(listener);
  }

  private tell(kind: Kind, object: KubeObject): void {
    for (const listener of this.listeners) {
      listener(kind, object);
    }
  }
}
