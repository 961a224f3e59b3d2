import { Snapshot } from "./clients/postgres";
import { findTools } from "./clients/dumpTools";
import { describeInstance } from "./clients/rdsInstance";
import { Certificates } from "./certificates";
import { readTables } from "./database/catalog";
import { readDocuments } from "./database/configurationDocuments";
import { type InspectionContext } from "./inspectionContext";
import { judgeCertificates } from "./licence";
import { CouldNotLook, type Report } from "./result";

/** Database A before the freeze: reachable, readable as a whole, of the right major version, and known to RDS. */

const STATEMENT_MS = 60_000;

const FACTS = `
  select current_setting('server_version_num')::int as version, pg_database_size(current_database())::text as bytes,
    current_setting('search_path') as "searchPath", current_user as "user"`;
const EXTENSIONS = "select extname as name, extversion as version from pg_extension order by 1";
const UNREADABLE = `
  select format('%I.%I', n.nspname, c.relname) as id from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
    and not (has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')) order by 1`;

/** @throws CouldNotLook when database A cannot be reached */
export async function preflightDatabase(report: Report, context: InspectionContext): Promise<void> {
  const { prerequisites } = context.inspection;
  await context.systems.withDatabaseA(async (target) => {
    const snapshot = await Snapshot.open(target, {
      connections: 1,
      statementTimeoutMs: STATEMENT_MS,
      signal: context.signal,
    });
    try {
      await lookInside(report, context, snapshot, prerequisites?.engineVersion);
    } finally {
      await snapshot.close();
    }
  });
}

async function lookInside(
  report: Report,
  context: InspectionContext,
  snapshot: Snapshot,
  wantedVersion: string | undefined,
): Promise<void> {
  const [facts] = await snapshot.query<{ version: number; bytes: string; searchPath: string; user: string }>(FACTS);
  if (!facts) throw new CouldNotLook("database A", "it says nothing about itself", "look at the server");
  const extensions = await snapshot.query<{ name: string; version: string }>(EXTENSIONS);
  const major = Math.floor(facts.version / 10_000);
  report.addEvidence({ databaseA: { version: facts.version, bytes: facts.bytes, extensions } });
  if (wantedVersion !== undefined && Number(wantedVersion.split(".")[0]) !== major) {
    report.finding({
      subject: "database A",
      seen: `PostgreSQL ${major}`,
      expected: `${wantedVersion.split(".")[0] ?? "?"}, the major version of databaseB.engineVersion`,
      remedy:
        "set databaseB.engineVersion and parameterGroupFamily to A's major version: a migration changes no version",
    });
  }
  const unreadable = await snapshot.query<{ id: string }>(UNREADABLE);
  if (unreadable.length > 0) {
    report.finding({
      subject: `database A, user ${facts.user}`,
      seen: `it may not read ${unreadable.length} tables, such as ${unreadable
        .slice(0, 3)
        .map(({ id }) => id)
        .join(", ")}`,
      expected: "a user who can read every table",
      remedy: `GRANT pg_read_all_data TO ${facts.user}`,
    });
    return;
  }
  const tables = await readTables(snapshot);
  if (tables.length === 0) {
    report.finding({
      subject: "database A",
      seen: "it has no tables",
      expected: "the control plane's tables",
      remedy: "correct the database in the connection string databaseADsn",
    });
    return;
  }
  const certificates = new Certificates();
  for await (const document of readDocuments(snapshot, context.scope.volatile, "database A"))
    certificates.add(document);
  judgeCertificates(report, context, certificates.list());
}

/** The programs of a copy by dump, before the freeze waits for them. @throws CouldNotLook when they are missing */
export async function preflightTools({ inspection }: InspectionContext): Promise<void> {
  const { dumpMajor } = inspection.prerequisites ?? {};
  if (dumpMajor !== undefined) await findTools(dumpMajor);
}

/** What the copy of the instance depends on. @throws CouldNotLook */
export async function preflightInstance(report: Report, context: InspectionContext): Promise<void> {
  const { prerequisites } = context.inspection;
  // A copy by dump takes A wherever it runs.
  if (prerequisites?.databaseA === undefined) return;
  const subject = `RDS instance ${prerequisites.databaseA} (database A)`;
  const found = await describeInstance(context.scope.region, prerequisites.databaseA, context.signal);
  report.addEvidence({ instanceA: found ?? null });
  if (!found) {
    report.finding({
      subject,
      seen: "there is none in this region and account",
      expected: "the instance that the snapshot is taken from",
      remedy: "correct clusterA.databaseIdentifier, aws:region, or the account (AWS_PROFILE)",
    });
    return;
  }
  const wanted = prerequisites.engineVersion.split(".")[0] ?? "";
  const problems: (readonly [string, string, string])[] = [];
  if (found.status !== "available") {
    problems.push([
      `status ${found.status}`,
      "available: else no snapshot can be taken",
      "wait until RDS is done with it",
    ]);
  }
  if (found.engine !== "postgres") {
    problems.push([
      `engine ${found.engine}`,
      "postgres",
      "database B is an RDS instance for PostgreSQL; copy by a dump instead",
    ]);
  }
  if (found.engineVersion.split(".")[0] !== wanted) {
    problems.push([
      `version ${found.engineVersion}`,
      `major version ${wanted}`,
      "set databaseB.engineVersion to A's major version",
    ]);
  }
  if (!found.encrypted && prerequisites.needsEncryptedA === true) {
    problems.push([
      "its storage is not encrypted",
      "encrypted storage: a snapshot is restored as it is, and B's must be encrypted",
      "name a KMS key, by which the snapshot's copy is encrypted: pulumi config set --path databaseB.source.kmsKeyArn ARN",
    ]);
  }
  for (const [seen, expected, remedy] of problems) report.finding({ subject, seen, expected, remedy });
}
