import { setTimeout as sleep } from "node:timers/promises";
import { type ObjectReader } from "../../cloud/kubernetes/api/clusterObjects";
import { type Kind } from "../../cloud/kubernetes/api/kinds";
import { type KubeObject } from "../../cloud/kubernetes/api/objects";
import { type RealApi, type WatchEvent } from "./api";

/** Wait before a lost watch is opened again, in milliseconds. */
const AGAIN_MS = 300;

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** A real cluster's objects of some kinds, kept up to date by watches: what a node and its controllers see. */
export class Mirror implements ObjectReader {
  private readonly byKind = new Map<Kind, Map<string, KubeObject>>();
  private readonly ended = new AbortController();
  private readonly loops: Promise<void>[] = [];

  /** @param onChange called after every change, and after every complete list */
  constructor(
    private readonly api: RealApi,
    private readonly onChange: () => void,
    private readonly report: (line: string) => void,
  ) {}

  /** Lists the kinds once and follows them from then on. @throws KubeError when one cannot be listed */
  async follow(kinds: readonly Kind[]): Promise<void> {
    for (const kind of kinds) {
      const version = await this.relist(kind);
      this.loops.push(this.loop(kind, version));
    }
  }

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.byKind.get(kind)?.get(`${kind.namespaced ? (namespace ?? "") : ""}/${name}`);
  }

  list(kind: Kind, namespace?: string): readonly KubeObject[] {
    return [...(this.byKind.get(kind) ?? new Map<string, KubeObject>())]
      .filter(([, { metadata }]) => namespace === undefined || !kind.namespaced || metadata.namespace === namespace)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, object]) => object);
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await Promise.all(this.loops);
  }

  /** A server that was down, or has forgotten old versions, is listed anew; objects that are gone meanwhile leave. */
  private async loop(kind: Kind, from: string): Promise<void> {
    const { signal } = this.ended;
    let version: string | undefined = from;
    let lost = false;
    while (!signal.aborted) {
      try {
        version ??= await this.relist(kind);
        if (lost) this.report(`follows ${kind.plural} again`);
        lost = false;
        version = await this.watch(kind, version, signal);
      } catch (error) {
        if (this.isEnded()) return;
        version = undefined;
        if (!lost)
          this.report(`lost sight of ${kind.plural}: ${error instanceof Error ? error.message : String(error)}`);
        lost = true;
      }
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private isEnded(): boolean {
    return this.ended.signal.aborted;
  }

  /** Answers the version from which the next watch goes on; undefined when everything has to be listed anew. */
  private async watch(kind: Kind, from: string, signal: AbortSignal): Promise<string | undefined> {
    let version: string | undefined = from;
    await this.api.watch(
      kind,
      from,
      (event) => {
        version = this.take(kind, event, version);
      },
      signal,
    );
    return version;
  }

  private take(kind: Kind, { type, object }: WatchEvent, version: string | undefined): string | undefined {
    if (type === "ERROR") return undefined;
    if (type !== "BOOKMARK") {
      const objects = this.byKind.get(kind) ?? new Map<string, KubeObject>();
      this.byKind.set(kind, objects);
      if (type === "DELETED") objects.delete(keyOf(object));
      else objects.set(keyOf(object), object);
      this.onChange();
    }
    return version === undefined ? undefined : object.metadata.resourceVersion;
  }

  private async relist(kind: Kind): Promise<string> {
    const { resourceVersion, items } = await this.api.list(kind);
    this.byKind.set(kind, new Map(items.map((item) => [keyOf(item), item])));
    this.onChange();
    return resourceVersion;
  }
}
