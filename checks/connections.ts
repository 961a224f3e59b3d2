import { SPARE_CONNECTIONS } from "../migration/connections";
import { Snapshot } from "./clients/postgres";
import { type GateCheck } from "./context";
import { inspectionContext, type InspectionContext } from "./inspectionContext";
import { CouldNotLook, Report, type CheckResult } from "./result";

const CHECK = "connections";
const STATEMENT_MS = 10_000;

/** -1: no limit. The superuser's and the provider's own reserve are taken off (`reserved_connections`: PostgreSQL 16). */
const LIMITS = `
  select current_setting('max_connections')::int as server,
    current_setting('superuser_reserved_connections')::int
      + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0) as reserved,
    (select datconnlimit from pg_database where datname = current_database()) as database,
    (select rolconnlimit from pg_roles where rolname = coalesce($1::text, current_user::text)) as role,
    coalesce($1::text, current_user::text) as "user"`;

/**
 * Before control plane B starts: its pools fit into what database B takes. One too small shows only under load, or in a
 * rolling update, as gateways that lose their control plane.
 */
export const connections: GateCheck = {
  name: CHECK,
  limitSeconds: 15,
  appliesTo: ({ from, to }) => from === "restore" && to === "start",
  run: (context) => checkConnections(inspectionContext(context)),
};

export async function checkConnections(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  await report.look(async () => {
    const wanted = context.inspection.connectionsB;
    if (wanted === undefined) {
      throw new CouldNotLook("request", "it does not say what control plane B needs", "give the whole gate request", {
        lasting: true,
      });
    }
    const { needed, user } = wanted;
    const limits = await limitsOf(context, user);
    report.addEvidence({ connectionsB: { needed, ...limits } });
    const { server, reserved, database, role } = limits;
    const kept = reserved + SPARE_CONNECTIONS;
    const places = [
      { subject: "max_connections of the server", limit: server - kept, seen: `${server}, ${kept} of them kept free` },
      { subject: "the limit of the database", limit: database, seen: String(database) },
      { subject: `the limit of user ${limits.user}`, limit: role, seen: String(role) },
    ];
    for (const { subject, limit, seen } of places) {
      if (limit < 0 && subject !== places[0]?.subject) continue;
      if (needed <= limit) continue;
      report.finding({
        subject: `database B, ${subject}`,
        seen,
        expected: `room for ${needed} connections: every pod of control plane B, and those of a rolling update, with full pools`,
        remedy: `pulumi config set --path controlPlane.maxDatabaseConnections N for smaller pools, or raise the limit (databaseB.parameters.max_connections, a larger databaseB.instanceClass)`,
      });
    }
  });
  return report.result();
}

interface Limits {
  readonly server: number;
  readonly reserved: number;
  readonly database: number;
  /** Null: there is no such user. */
  readonly role: number | null;
  readonly user: string;
}

async function limitsOf(
  context: InspectionContext,
  user: string | undefined,
): Promise<Limits & { readonly role: number }> {
  const snapshot = await Snapshot.open(await context.systems.databaseB(), {
    connections: 1,
    statementTimeoutMs: STATEMENT_MS,
    signal: context.signal,
  });
  try {
    const [found] = await snapshot.query<Limits>(LIMITS, [user ?? null]);
    if (typeof found?.role === "number") return { ...found, role: found.role };
    throw new CouldNotLook(
      "database B",
      `it has no user ${user ?? ""}`,
      "correct databaseB.applicationUser, or make the user",
      { lasting: true },
    );
  } finally {
    await snapshot.close();
  }
}
