import { stat, writeFile } from "node:fs/promises";
import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { Client } from "pg";
import { copyTree } from "./cluster";

/** Folders whose content belongs to the running server or is rebuilt at start (the list of pg_basebackup). */
const CONTENT_LEFT_OUT = [
  "pg_wal/",
  "pg_replslot/",
  "pg_dynshmem/",
  "pg_notify/",
  "pg_serial/",
  "pg_snapshots/",
  "pg_stat_tmp/",
  "pg_subtrans/",
] as const;

const FILES_LEFT_OUT: ReadonlySet<string> = new Set([
  "postmaster.pid",
  "postmaster.opts",
  "postgresql.auto.conf.tmp",
  "current_logfiles.tmp",
  "pg_internal.init",
  "backup_label",
  "tablespace_map",
]);

function belongsIntoBackup(path: string): boolean {
  const name = basename(path);
  return (
    !CONTENT_LEFT_OUT.some((folder) => path.startsWith(folder)) &&
    !FILES_LEFT_OUT.has(name) &&
    !name.startsWith("pgsql_tmp")
  );
}

/**
 * A copy of a running server's files that starts as a consistent server, made the way pg_basebackup makes it: backup
 * mode, all files, then the write-ahead log from the beginning of the backup to its end. Writes go on meanwhile; what
 * was committed before the end of the backup is in the copy.
 * @param admin connection string of the superuser (backup mode needs it).
 * @returns bytes copied.
 * @throws Error when a needed piece of the write-ahead log is gone already (more was written than the server keeps).
 */
export async function copyRunningCluster(
  admin: string,
  dataFolder: string,
  folder: string,
): Promise<{ bytes: number }> {
  const client = new Client({ connectionString: admin });
  await client.connect();
  try {
    const start = await client.query<{ segment: string }>(
      "select pg_walfile_name(pg_backup_start($1, true)) as segment",
      [`snapshot ${basename(folder)}`],
    );
    const filesBytes = await copyTree(dataFolder, folder, belongsIntoBackup);
    // One statement: outside backup mode the session must not end in between.
    const stop = await client.query<{ segment: string; label: string; tablespaces: string }>(
      "select pg_walfile_name(lsn) as segment, labelfile as label, spcmapfile as tablespaces from pg_backup_stop(false)",
    );
    const first = start.rows[0]?.segment;
    const last = stop.rows[0];
    if (!first || !last) throw new Error("PostgreSQL answered backup mode without a position in its write-ahead log.");
    if (last.tablespaces !== "")
      throw new Error("The server has tablespaces outside its data folder; they are not copied.");
    await writeFile(join(folder, "backup_label"), last.label, { mode: 0o600 });
    const walBytes = await copyLog(dataFolder, folder, first, last.segment);
    return { bytes: filesBytes + walBytes };
  } finally {
    await client.end();
  }
}

async function copyLog(dataFolder: string, folder: string, first: string, last: string): Promise<number> {
  await mkdir(join(folder, "pg_wal", "archive_status"), { recursive: true, mode: 0o700 });
  let bytes = 0;
  for (const segment of segmentsBetween(first, last)) {
    const from = join(dataFolder, "pg_wal", segment);
    try {
      await copyFile(from, join(folder, "pg_wal", segment));
      bytes += (await stat(from)).size;
    } catch (error) {
      throw new Error(
        `Part ${segment} of the write-ahead log (needed: ${first} to ${last}) could not be copied. When the server wrote more than ` +
          "it keeps (wal_keep_size) during the snapshot, take the snapshot again at a quieter time.",
        { cause: error },
      );
    }
  }
  return bytes;
}

/** Segments of 16 MiB are named by timeline, high and low part in hexadecimal; a high part has 256 of them. */
export function segmentsBetween(first: string, last: string): readonly string[] {
  const timeline = first.slice(0, 8);
  const number = (name: string): number =>
    Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16);
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
  const names: string[] = [];
  for (let at = number(first); at <= number(last); at += 1)
    names.push(timeline + hex(Math.floor(at / 256)) + hex(at % 256));
  return names;
}
