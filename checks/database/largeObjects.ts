import { type Snapshot } from "../clients/postgres";
import { type Table } from "./catalog";
import { type RowSource } from "./rowSource";

/**
 * Large objects as a table of their own: number, size and a hash of the content. Holes are read as zeros, as every
 * reader gets them: a dump fills them, a snapshot does not.
 */

/** Bytes read at a time; memory on the server stays at that. */
const CHUNK_BYTES = 262_144;
/** INV_READ of libpq's large objects. */
const READ = 0x40000;
const SEEK_END = 2;

const LARGE_OBJECTS: Table = {
  id: "large objects",
  schema: "",
  name: "large objects",
  rootSchema: "",
  rootName: "large objects",
  partition: false,
  partitioned: false,
  materializedView: false,
  unlogged: false,
  pages: 0,
  columns: [],
  key: ["oid"],
};

const HASH = `('x' || encode(substr(sha256(int8send(c) || lo_get(m.oid, c * ${CHUNK_BYTES}, ${CHUNK_BYTES})), 1, 8), 'hex'))::bit(64)::int8`;

const SOURCE: RowSource = {
  from: `(select m.oid::int8 as oid, o.size,
      (select sum(${HASH}) from generate_series(0, (o.size - 1) / ${CHUNK_BYTES}) c) as content
    from pg_largeobject_metadata m
      cross join lateral (select lo_lseek64(f.fd, 0, ${SEEK_END}) as size, lo_close(f.fd) as closed
        from (select lo_open(m.oid, ${READ}) as fd) f) o)`,
  byPage: false,
  columns: [
    { name: "oid", type: "bigint", binary: true },
    { name: "size", type: "bigint", binary: true },
    { name: "content", type: "numeric", binary: true },
  ],
  key: ["oid"],
};

/** Undefined when the database has none. @throws CouldNotLook */
export async function readLargeObjects(
  snapshot: Snapshot,
): Promise<{ readonly table: Table; readonly source: RowSource } | undefined> {
  const [row] = await snapshot.query<{ some: boolean }>(
    "select exists (select from pg_largeobject_metadata) as some",
    [],
    LARGE_OBJECTS.id,
  );
  return row?.some === true ? { table: LARGE_OBJECTS, source: SOURCE } : undefined;
}
