import { merged, ownedValues, split, without } from "../../../cloud/kubernetes/api/fields";
import { kindOf, type Kind } from "../../../cloud/kubernetes/api/kinds";
import { omit, type KubeObject } from "../../../cloud/kubernetes/api/objects";
import { KubeError, type KubeClient } from "../../../cloud/kubernetes/client";
import { type RenderedObject } from "../objects";

/** Name of Helm in `managedFields`. */
const MANAGER = "helm";

/** Whose objects they are. */
export interface Owner {
  readonly release: string;
  readonly namespace: string;
}

const RELEASE_NAME = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE = "meta.helm.sh/release-namespace";

function kindOfObject({ apiVersion, kind }: RenderedObject): Kind {
  const known = kindOf(apiVersion, kind);
  if (known === undefined) {
    // Helm's own words for a kind that the cluster does not serve.
    throw new Error(
      `unable to build kubernetes objects from release manifest: resource mapping not found for kind "${kind}" in ` +
        `version "${apiVersion}": ensure CRDs are installed first`,
    );
  }
  return known;
}

/** The object with the marks by which Helm knows its own. */
function marked(object: RenderedObject, { release, namespace }: Owner): RenderedObject {
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...labels, "app.kubernetes.io/managed-by": "Helm" },
      annotations: { ...annotations, [RELEASE_NAME]: release, [RELEASE_NAMESPACE]: namespace },
    },
  };
}

function identity({ apiVersion, kind, metadata }: RenderedObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace}/${metadata.name}`;
}

/** The live object brought from the old manifest to the new one; what neither names stays as it is. */
function threeWay(live: KubeObject, before: RenderedObject | undefined, after: RenderedObject): KubeObject {
  const now = ownedValues(after);
  const gone = before === undefined ? [] : [...ownedValues(before).keys()].filter((field) => !now.has(field));
  const pruned = gone.reduce<unknown>((object, field) => without(object, split(field)), live);
  return merged(pruned, omit(after, "apiVersion", "kind")) as KubeObject;
}

/** Creates and changes the objects of one release. */
export class ReleaseObjects {
  constructor(
    private readonly client: KubeClient,
    private readonly owner: Owner,
  ) {}

  /** @throws Error when an object is there already and belongs to somebody else, or its kind is not served */
  async refuseForeign(objects: readonly RenderedObject[]): Promise<void> {
    for (const object of objects) {
      const { namespace, name } = object.metadata;
      const live = await this.client.find(kindOfObject(object), namespace, name);
      if (live !== undefined && live.metadata.annotations?.[RELEASE_NAME] !== this.owner.release) {
        throw new Error(
          `Unable to continue with install: ${object.kind} "${name}" in namespace "${namespace}" exists and cannot be ` +
            `imported into the current release: invalid ownership metadata`,
        );
      }
    }
  }

  /** Brings the objects from one manifest to the next, and deletes those that are left out. */
  async bring(before: readonly RenderedObject[], after: readonly RenderedObject[]): Promise<void> {
    const old = new Map(before.map((object) => [identity(object), marked(object, this.owner)]));
    for (const object of after) {
      await this.put(old.get(identity(object)), marked(object, this.owner));
    }
    const kept = new Set(after.map(identity));
    await this.remove(before.filter((object) => !kept.has(identity(object))));
  }

  /** Deletes the objects, the last created first. */
  async remove(objects: readonly RenderedObject[]): Promise<void> {
    for (const object of [...objects].reverse()) {
      await this.client.delete(kindOfObject(object), object.metadata.namespace, object.metadata.name);
    }
  }

  /** Which of the objects are still there. */
  async remaining(objects: readonly RenderedObject[]): Promise<readonly RenderedObject[]> {
    const found = await Promise.all(objects.map((object) => this.live(object)));
    return objects.filter((_, index) => found[index] !== undefined);
  }

  async live(object: RenderedObject): Promise<KubeObject | undefined> {
    return this.client.find(kindOfObject(object), object.metadata.namespace, object.metadata.name);
  }

  private async put(before: RenderedObject | undefined, after: RenderedObject): Promise<void> {
    const kind = kindOfObject(after);
    const live = await this.live(after);
    if (live === undefined) {
      await this.client.create(kind, after.metadata.namespace, after, MANAGER);
      return;
    }
    try {
      await this.client.replace(kind, threeWay(live, before, after), MANAGER);
    } catch (error) {
      // Controllers write the same objects: once more on the newest one, as a patch would do on the server.
      if (!(error instanceof KubeError && error.reason === "Conflict")) {
        throw error;
      }
      const newest = await this.live(after);
      await this.client.replace(kind, threeWay(newest ?? live, before, after), MANAGER);
    }
  }
}
