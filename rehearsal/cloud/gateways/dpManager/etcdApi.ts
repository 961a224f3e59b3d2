import { type IncomingMessage, type ServerResponse } from "node:http";
import { fromBase64, groupPrefix, type WatchResponse } from "../common/etcd";
import { HttpError, readJson, sendJson } from "../common/http";
import { type KeyValueStore } from "./store";

/** How often a quiet watch says that it is alive. */
const PROGRESS_MS = 5000;

/** The etcd side of the DP Manager: range, put and watch below one gateway group's prefix (facts/api7.md 4.3). */
export class EtcdApi {
  private readonly watches = new Set<ServerResponse>();

  constructor(private readonly store: KeyValueStore) {}

  async range(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request);
    const kvs = this.store.range(ownKey(body.key));
    sendJson(response, 200, { header: this.header(), kvs, count: String(kvs.length) });
  }

  async put(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request);
    await this.store.put(ownKey(body.key), typeof body.value === "string" ? fromBase64(body.value) : "");
    sendJson(response, 200, { header: this.header() });
  }

  /** Stays open and writes one line for every batch of changes. */
  async watch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { create_request: wish } = await readJson(request);
    const { key, start_revision: start } = (wish ?? {}) as {
      readonly key?: unknown;
      readonly start_revision?: unknown;
    };
    const prefix = ownKey(key);
    let next = Number(start);
    if (!Number.isInteger(next) || next < 1) throw new HttpError(400, "start_revision is not a revision");
    // A data plane that comes from another instance may know a revision that this one has not read yet.
    if (next > this.store.revision + 1) await this.store.poll();
    response.writeHead(200, { "content-type": "application/json" });
    this.watches.add(response);
    write(response, { result: { header: this.header(), created: true } });
    const send = (): void => {
      const changes = this.store.changesFrom(next, prefix);
      if (!changes) {
        const compact = String(this.store.compactRevision);
        write(response, { result: { header: this.header(), canceled: true, compact_revision: compact } });
        response.end();
        return;
      }
      next = this.store.revision + 1;
      if (changes.length === 0) return;
      const events = changes.map(({ kv, deleted }) => (deleted ? { type: "DELETE" as const, kv } : { kv }));
      write(response, { result: { header: this.header(), events } });
    };
    const unwatch = this.store.watch(send);
    const progress = setInterval(() => write(response, { result: { header: this.header() } }), PROGRESS_MS);
    response.on("close", () => {
      unwatch();
      clearInterval(progress);
      this.watches.delete(response);
    });
    send();
  }

  /** Ends all watches, so that data planes go to another instance. */
  close(): void {
    for (const response of this.watches) response.end();
  }

  private header(): { readonly revision: string } {
    return { revision: String(this.store.revision) };
  }
}

function write(response: ServerResponse, message: WatchResponse): void {
  response.write(`${JSON.stringify(message)}\n`);
}

/** Data planes see their group's keys only. */
function ownKey(key: unknown): string {
  const prefix = typeof key === "string" ? fromBase64(key) : "";
  const shortId = /^\/gateway_groups\/([^/]+)\//.exec(prefix)?.[1];
  if (shortId === undefined || !prefix.startsWith(groupPrefix(shortId))) {
    throw new HttpError(400, "key is not below /gateway_groups/{short_id}/");
  }
  return prefix;
}
