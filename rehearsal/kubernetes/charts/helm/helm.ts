import { setTimeout as sleep } from "node:timers/promises";
import { KINDS } from "../../../cloud/kubernetes/api/kinds";
import { KubeClient } from "../../../cloud/kubernetes/client";
import { readChart, type ChartMetadata } from "../chart";
import { type RenderedObject } from "../objects";
import { render } from "../render";
import { type Values } from "../values";
import { ReleaseObjects } from "./objects";
import { ReleaseStorage, type ReleaseRecord, type ReleaseStatus } from "./storage";
import { waitUntilReady } from "./wait";

/** One installation or upgrade. */
export interface ReleaseRequest {
  /** Path of a chart archive or folder. */
  readonly chart: string;
  readonly name: string;
  readonly namespace: string;
  /** May hold secrets; they end up in the release's Secret and in ConfigMaps, as with the official charts. */
  readonly values: Values;
  /** How long to wait for pods, in seconds of real time; 0 does not wait. */
  readonly timeoutSeconds: number;
  readonly createNamespace?: boolean;
  readonly description?: string;
}

/** The release is there, and it is not well: pods did not become ready in time. The next upgrade goes on from here. */
export class ReleaseFailed extends Error {
  override readonly name = "ReleaseFailed";

  constructor(
    readonly record: ReleaseRecord,
    message: string,
  ) {
    super(message);
  }
}

/** Longest wait for the end of deleted objects, in milliseconds of real time, where no timeout is given. */
const UNINSTALL_TIMEOUT_MS = 300_000;

/** What Helm does with releases, for the two charts that are known here. */
export class Helm {
  private readonly storage: ReleaseStorage;

  constructor(
    private readonly client: KubeClient,
    private readonly signal?: AbortSignal,
  ) {
    // A cancelled operation must still be able to note that it failed.
    this.storage = new ReleaseStorage(new KubeClient(client.access));
  }

  /** The newest revision; `undefined` when there is no such release. */
  async latest(namespace: string, name: string): Promise<ReleaseRecord | undefined> {
    return (await this.storage.history(namespace, name)).at(-1);
  }

  /**
   * @throws ReleaseFailed when pods did not become ready; any other error when nothing was installed: the name is in
   * use, the chart is missing, values do not fit, objects belong to somebody else
   */
  async install(request: ReleaseRequest): Promise<ReleaseRecord> {
    const { name, namespace } = request;
    const { chart, manifest } = await this.load(request);
    if ((await this.latest(namespace, name)) !== undefined) {
      throw new Error("cannot re-use a name that is still in use");
    }
    if (request.createNamespace === true) {
      await this.ensureNamespace(namespace);
    }
    await this.objects(request).refuseForeign(manifest);
    const record = this.record(request, chart, manifest, 1, "pending-install", "Initial install underway");
    await this.storage.put(record);
    return this.roll(request, record, [], "Install complete");
  }

  /** Goes on from the newest revision, failed or not. @throws as `install` */
  async upgrade(request: ReleaseRequest): Promise<ReleaseRecord> {
    const { name, namespace } = request;
    const { chart, manifest } = await this.load(request);
    const history = await this.storage.history(namespace, name);
    const last = history.at(-1);
    if (last === undefined) {
      throw new Error(`"${name}" has no deployed releases`);
    }
    if (last.info.status.startsWith("pending-")) {
      throw new Error("another operation (install/upgrade/rollback) is in progress");
    }
    const record = this.record(request, chart, manifest, last.version + 1, "pending-upgrade", "Preparing upgrade");
    await this.storage.put(record);
    const done = await this.roll(request, record, last.manifest, "Upgrade complete");
    for (const old of history.filter(({ info }) => info.status === "deployed")) {
      await this.storage.put(withStatus(old, "superseded", old.info.description));
    }
    return done;
  }

  /** Deletes the release's objects and its history, and waits until the objects are gone. Nothing to do is fine. */
  async uninstall(namespace: string, name: string, timeoutSeconds: number): Promise<void> {
    const history = await this.storage.history(namespace, name);
    const last = history.at(-1);
    if (last === undefined) {
      return;
    }
    await this.storage.put(withStatus(last, "uninstalling", "Deletion in progress (or silently failed)"));
    const objects = this.objects({ name, namespace });
    await objects.remove(last.manifest);
    const deadline = Date.now() + (timeoutSeconds > 0 ? timeoutSeconds * 1000 : UNINSTALL_TIMEOUT_MS);
    for (let left = last.manifest; left.length > 0; left = await objects.remaining(left)) {
      if (Date.now() > deadline) {
        throw new Error(`uninstallation of release ${name} timed out: ${left.length} objects are still there`);
      }
      await sleep(50, undefined, this.signal && { signal: this.signal });
    }
    for (const record of history) {
      await this.storage.remove(record);
    }
  }

  /** Brings the objects about, waits for them, and notes how it ended. */
  private async roll(
    request: ReleaseRequest,
    record: ReleaseRecord,
    before: readonly RenderedObject[],
    description: string,
  ): Promise<ReleaseRecord> {
    const objects = this.objects(request);
    let failure: string | undefined;
    try {
      await objects.bring(before, record.manifest);
      if (request.timeoutSeconds > 0) {
        const deadline = Date.now() + request.timeoutSeconds * 1000;
        const missing = await waitUntilReady(this.client, objects, record.manifest, deadline, this.signal);
        // Helm's own words for the end of the waiting time, then what was seen.
        failure = missing.length === 0 ? undefined : `context deadline exceeded: ${missing.join("; ")}`;
      }
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    if (failure !== undefined) {
      const failed = withStatus(record, "failed", `Release "${record.name}" failed`);
      await this.storage.put(failed);
      throw new ReleaseFailed(failed, failure);
    }
    const done = withStatus(record, "deployed", request.description ?? description);
    await this.storage.put(done);
    return done;
  }

  private async load(
    request: ReleaseRequest,
  ): Promise<{ readonly chart: ChartMetadata; readonly manifest: readonly RenderedObject[] }> {
    const chart = await readChart(request.chart);
    const { name: release, namespace, values } = request;
    return { chart, manifest: render({ chart, release, namespace, values }) };
  }

  private record(
    { name, namespace, values }: ReleaseRequest,
    metadata: ChartMetadata,
    manifest: readonly RenderedObject[],
    version: number,
    status: ReleaseStatus,
    description: string,
  ): ReleaseRecord {
    const info = { status, description, last_deployed: new Date().toISOString() };
    return { name, namespace, version, info, chart: { metadata }, config: values, manifest };
  }

  private objects({ name, namespace }: { readonly name: string; readonly namespace: string }): ReleaseObjects {
    return new ReleaseObjects(this.client, { release: name, namespace });
  }

  private async ensureNamespace(namespace: string): Promise<void> {
    if ((await this.client.find(KINDS.namespace, undefined, namespace)) === undefined) {
      await this.client.create(KINDS.namespace, undefined, { metadata: { name: namespace } }, "helm");
    }
  }
}

function withStatus(record: ReleaseRecord, status: ReleaseStatus, description: string): ReleaseRecord {
  return { ...record, info: { ...record.info, status, description } };
}
