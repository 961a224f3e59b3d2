import { type Pool } from "pg";
import { toBase64, type KeyValue } from "../common/etcd";

/** One change: the value is undefined when the key was deleted. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly kv: KeyValue;
  readonly deleted: boolean;
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly deleted: number;
  readonly value: Buffer | null;
}

const COLUMNS = "id::float8 as id, name, deleted, value";
/** Keys of data planes; others (`compact_rev_key`) are the table's own. */
const WHERE = "name like '/gateway_groups/%'";
/** Changes kept for those who were away for a moment; who was away longer reads everything anew. */
const CHANGES_KEPT = 5000;
/** Revisions that compaction leaves in the table. */
const REVISIONS_KEPT = 100;

/**
 * The key-value table as the DP Manager holds it: everything in memory, kept current by asking for newer rows. While the
 * database is away it goes on serving what it had. (Whether API7's does is not documented; data planes keep theirs anyway.)
 */
export class KeyValueStore {
  private readonly current = new Map<string, KeyValue>();
  private readonly changes: Change[] = [];
  /** Everything newer than this can be told from memory. */
  private oldest = 0;
  private last = 0;
  private readonly listeners = new Set<() => void>();
  private polling: Promise<void> | undefined;

  constructor(private readonly pool: Pool) {}

  get revision(): number {
    return this.last;
  }

  get compactRevision(): number {
    return this.oldest;
  }

  /** Reads the newest value of every key. */
  async load(): Promise<void> {
    const found = await this.pool.query<Row & { revision: number }>(
      `select distinct on (name) ${COLUMNS}, (select max(k.id) from kine k)::float8 as revision
       from kine where ${WHERE} order by name, kine.id desc`,
    );
    for (const row of found.rows) if (row.deleted === 0) this.current.set(row.name, keyValue(row));
    this.last = found.rows[0]?.revision ?? 0;
    this.oldest = this.last;
  }

  /** Reads what was written since, and tells the watchers. Calls at the same time share one read. */
  poll(): Promise<void> {
    this.polling ??= this.readNewer().finally(() => (this.polling = undefined));
    return this.polling;
  }

  private async readNewer(): Promise<void> {
    const found = await this.pool.query<Row>(`select ${COLUMNS} from kine where kine.id > $1 order by kine.id`, [
      this.last,
    ]);
    if (found.rows.length === 0) return;
    for (const row of found.rows) {
      this.last = row.id;
      if (!row.name.startsWith("/gateway_groups/")) continue;
      const change = { revision: row.id, key: row.name, kv: keyValue(row), deleted: row.deleted === 1 };
      if (change.deleted) this.current.delete(row.name);
      else this.current.set(row.name, change.kv);
      this.changes.push(change);
    }
    const surplus = this.changes.splice(0, Math.max(0, this.changes.length - CHANGES_KEPT));
    this.oldest = surplus.at(-1)?.revision ?? this.oldest;
    for (const listener of this.listeners) listener();
  }

  /** All keys with a prefix. */
  range(prefix: string): readonly KeyValue[] {
    const found: KeyValue[] = [];
    for (const [key, kv] of this.current) if (key.startsWith(prefix)) found.push(kv);
    return found;
  }

  /** Changes from `revision` on below a prefix; undefined when older ones than memory holds would be needed. */
  changesFrom(revision: number, prefix: string): readonly Change[] | undefined {
    // A revision from the future belongs to another database: the reader has to begin anew.
    if (revision <= this.oldest || revision > this.last + 1) return undefined;
    return this.changes.filter((change) => change.revision >= revision && change.key.startsWith(prefix));
  }

  /** Calls `listener` after each change; the returned function ends that. */
  watch(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Writes one key, as every writer does: through the table's function. */
  async put(key: string, value: string): Promise<void> {
    await this.pool.query("select kine_write($1, to_jsonb($2::text))", [key, value]);
  }

  /** Removes superseded revisions but the last ones, and notes up to where, as kine does from time to time. */
  async compact(): Promise<void> {
    const upTo = this.last - REVISIONS_KEPT;
    if (upTo <= 0) return;
    await this.pool.query(
      `delete from kine old where old.id <= $1 and old.name <> 'compact_rev_key'
         and (old.deleted = 1 or exists (select 1 from kine newer where newer.name = old.name and newer.id > old.id and newer.id <= $1))`,
      [upTo],
    );
    await this.pool.query("update kine set prev_revision = $1 where name = 'compact_rev_key' and prev_revision < $1", [
      upTo,
    ]);
  }
}

function keyValue(row: Row): KeyValue {
  return {
    key: toBase64(row.name),
    value: (row.value ?? Buffer.alloc(0)).toString("base64"),
    mod_revision: String(row.id),
  };
}
