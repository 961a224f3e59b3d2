import { escapeIdentifier } from "pg";
import { parseTime } from "../clients/controlPlane";
import { type Snapshot } from "../clients/postgres";
import { CouldNotLook } from "../result";
import { readTables, type Table } from "./catalog";
import { HEARTBEAT_COLUMN } from "./volatile";

/** The gateway instances that a control plane's database lists, whatever its table is called (facts/api7.md 4.4). */

export interface Heartbeat {
  /** `schema.table`. */
  readonly table: string;
  readonly hostname: string | undefined;
  readonly ip: string | undefined;
  readonly lastHeartbeat: Date | undefined;
}

const HOSTNAME_COLUMN = /^(host_?name|host|pod_?name|node_?name)$/;
const IP_COLUMN = /^(ip|ip_?addr(ess)?|host_?ip|pod_?ip)$/;

/** @throws CouldNotLook when no such table is found, or it cannot be read */
export async function readHeartbeats(snapshot: Snapshot): Promise<readonly Heartbeat[]> {
  const tables = (await readTables(snapshot)).filter((table) => !table.partitioned && !table.materializedView);
  const queries = tables.flatMap((table) => {
    const query = heartbeatQuery(table);
    return query === undefined ? [] : [{ table, query }];
  });
  if (queries.length === 0) {
    throw new CouldNotLook(
      "database A",
      `none of its ${tables.length} tables has a heartbeat column beside a host name or an address`,
      "check that the connection string leads to the control plane's database, and its search path; ask API7 for the table of instances",
    );
  }
  const lists = await Promise.all(
    queries.map(async ({ table, query }) => {
      const rows = await snapshot.query<{ hostname: string | null; ip: string | null; beat: string | null }>(
        query,
        [],
        `table ${table.id}`,
      );
      return rows.map(({ hostname, ip, beat }) => ({
        table: table.id,
        hostname: hostname === null || hostname === "" ? undefined : hostname,
        ip: ip?.replace(/\/(32|128)$/, ""),
        lastHeartbeat: parseTime(beat ?? undefined),
      }));
    }),
  );
  return lists.flat();
}

function heartbeatQuery(table: Table): string | undefined {
  const column = (pattern: RegExp): string | undefined =>
    table.columns.find(({ name }) => pattern.test(name.toLowerCase()))?.name;
  const beat = table.columns.find(({ name }) => HEARTBEAT_COLUMN.test(name.toLowerCase()));
  const [hostname, ip] = [column(HOSTNAME_COLUMN), column(IP_COLUMN)];
  if (!beat || (hostname === undefined && ip === undefined)) return undefined;
  const text = (name: string | undefined): string => (name === undefined ? "null" : `${escapeIdentifier(name)}::text`);
  // Seconds since 1970, whatever the server writes times like.
  const seconds = beat.type.startsWith("timestamp")
    ? `extract(epoch from ${escapeIdentifier(beat.name)})::text`
    : text(beat.name);
  return `select ${text(hostname)} as hostname, ${text(ip)} as ip, ${seconds} as beat from only ${table.id}`;
}
