import { statfs } from "node:fs/promises";
import { type Client } from "pg";
import { CouldNotLook } from "../../checks/result";
import { type CopyRequest } from "./request";
import { type Extension, readSlots, rows, serverMajor, type Slots, type SourcePlan } from "./source";
import { localeDifference, othersConnected, ownsDatabase, type TargetState } from "./target";

/** Why a copy is not begun. Everything that can be known beforehand is told at once, before anything is written. */

const MEBIBYTE = 1024 ** 2;
const GIBIBYTE = 1024 ** 3;
/** Beside the dump itself: its table of contents, and what else grows on that disk meanwhile. */
const FOLDER_RESERVE_BYTES = 64 * MEBIBYTE;
/** Data, indexes that are built beside it, and the write-ahead log of both. */
const TARGET_FACTOR = 2;
/** pg_dump and pg_restore take one connection more than their jobs. */
const LEADER = 1;

interface Refusal {
  readonly subject: string;
  readonly seen: string;
  readonly remedy: string;
}

export interface Preconditions {
  readonly request: CopyRequest;
  readonly plan: SourcePlan;
  readonly client: Client;
  readonly state: TargetState;
}

/** @throws CouldNotLook with everything that stands against the copy */
export async function refuseUnlessReady(conditions: Preconditions): Promise<void> {
  const { client, plan, request, state } = conditions;
  const refusals: Refusal[] = [
    ...majors(request.major, plan.major, await serverMajor(client)),
    ...content(state),
    ...(await occupants(client)),
    ...(await ownership(client)),
    ...(await locale(client, plan)),
    ...connections("database A", plan.slots, request.jobs),
    ...connections("database B", await readSlots(client), request.jobs),
    ...(await folderSpace(request, plan)),
    ...targetSpace(request, plan),
    ...(await extensions(client, plan.extensions)),
    ...(await roles(client, plan.roles, request.createRoles)),
  ];
  const [first, ...others] = refusals;
  if (first === undefined) return;
  const more = others.map(({ subject, seen, remedy }) => `${subject}: ${seen}. ${remedy}`);
  throw new CouldNotLook(first.subject, [first.seen, ...more].join("\n"), first.remedy, { lasting: true });
}

function majors(wanted: number, a: number, b: number): readonly Refusal[] {
  if (wanted === a && a === b) return [];
  return [
    {
      subject: "PostgreSQL versions",
      seen: `database A is of major version ${a}, database B of ${b}, databaseB.engineVersion says ${wanted}`,
      remedy: "A and B must be of the same major version; a migration is no upgrade of the database",
    },
  ];
}

function content(state: TargetState): readonly Refusal[] {
  if (state.kind !== "foreign") return [];
  return [
    {
      subject: "database B",
      seen: `it is not empty, and nothing in it says that this copy filled it: ${state.objects.join(", ")}`,
      remedy: "name an empty database; this program removes nothing that it did not put there",
    },
  ];
}

async function occupants(client: Client): Promise<readonly Refusal[]> {
  const others = await othersConnected(client);
  if (others.length === 0) return [];
  const remedy = "end them: nobody may use database B before it is proved equal";
  return [{ subject: "database B", seen: `others are connected to it: ${others.join(", ")}`, remedy }];
}

async function ownership(client: Client): Promise<readonly Refusal[]> {
  if (await ownsDatabase(client)) return [];
  const remedy = "ALTER DATABASE name OWNER TO user: it is marked while it is filled, and emptied after a failure";
  return [{ subject: "database B", seen: "the user does not own it", remedy }];
}

async function locale(client: Client, plan: SourcePlan): Promise<readonly Refusal[]> {
  const difference = await localeDifference(client, plan.locale);
  if (difference === undefined) return [];
  const remedy = "drop the empty database, so that it is created as A's, or create it so";
  return [{ subject: "database B", seen: `it stores text otherwise than A: ${difference}`, remedy }];
}

function connections(subject: string, slots: Slots, jobs: number): readonly Refusal[] {
  const wanted = jobs + LEADER;
  if (slots.free >= wanted) return [];
  return [
    {
      subject,
      seen: `${slots.free} connections are free (limited by ${slots.limitedBy}), the copy takes ${wanted}`,
      remedy: "free some, raise the limit, or lower databaseB.source.jobs",
    },
  ];
}

async function folderSpace(request: CopyRequest, plan: SourcePlan): Promise<readonly Refusal[]> {
  if (request.folder === undefined) return [];
  // A dump is compressed; what cannot be compressed (large binary values) comes to about its size in the table.
  const wanted = plan.tables.reduce((sum, { bytes }) => sum + bytes, 0) + FOLDER_RESERVE_BYTES;
  const { bavail, bsize } = await statfs(request.folder);
  const free = bavail * bsize;
  if (free >= wanted) return [];
  return [
    {
      subject: `folder ${request.folder}`,
      seen: `${mebibytes(free)} are free, the dump may need ${mebibytes(wanted)}`,
      remedy: "free some space, name another folder, or leave databaseB.source.folder out: the data is streamed then",
    },
  ];
}

function targetSpace(request: CopyRequest, plan: SourcePlan): readonly Refusal[] {
  const wanted = TARGET_FACTOR * plan.databaseBytes;
  if (request.storageBytes === undefined || request.storageBytes >= wanted) return [];
  return [
    {
      subject: "database B",
      seen: `its storage has ${Math.floor(request.storageBytes / GIBIBYTE)} GiB, the copy needs ${Math.ceil(wanted / GIBIBYTE)} GiB`,
      remedy: `pulumi config set --path databaseB.allocatedStorageGiB ${Math.ceil(wanted / GIBIBYTE)}`,
    },
  ];
}

/** Each extension in A's very version: there already, or to be had. */
async function extensions(client: Client, wanted: readonly Extension[]): Promise<readonly Refusal[]> {
  const found = await rows<{ name: string; version: string; installed: boolean }>(
    client,
    `select v.name, v.version, v.installed from pg_available_extension_versions v where v.name = any($1)`,
    [wanted.map(({ name }) => name)],
  );
  return wanted.flatMap(({ name, version }): readonly Refusal[] => {
    const installed = found.find((entry) => entry.name === name && entry.installed);
    const available = found.filter((entry) => entry.name === name).map((entry) => entry.version);
    if (installed === undefined ? available.includes(version) : installed.version === version) return [];
    const seen =
      installed !== undefined
        ? `it has version ${installed.version}, A has ${version}`
        : `A has version ${version}; B's server ${available.length === 0 ? "does not have it" : `has ${available.join(", ")}`}`;
    const remedy = "install that version on B's server, or take the extension out of A";
    return [{ subject: `database B, extension ${name}`, seen, remedy }];
  });
}

async function roles(client: Client, wanted: readonly string[], create: boolean): Promise<readonly Refusal[]> {
  const missing = await missingRoles(client, wanted);
  if (missing.length === 0) return [];
  const statements = missing.map((role) => `CREATE ROLE "${role.replaceAll('"', '""')}" NOLOGIN;`).join(" ");
  const refusal = {
    subject: "database B",
    seen: `A's grants name roles that it lacks: ${missing.join(", ")}`,
    remedy: statements,
  };
  if (!create) return [refusal];
  const [may] = await rows<{ may: boolean }>(
    client,
    "select rolcreaterole or rolsuper as may from pg_roles where rolname = current_user",
  );
  return may?.may === true ? [] : [refusal];
}

/** Which of these roles the server does not have. */
export async function missingRoles(client: Client, wanted: readonly string[]): Promise<readonly string[]> {
  const there = await rows<{ name: string }>(client, "select rolname as name from pg_roles where rolname = any($1)", [
    wanted,
  ]);
  return wanted.filter((role) => !there.some(({ name }) => name === role));
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MEBIBYTE)} MiB`;
}
