import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { blockersOf, explain } from "../../checks/clients/postgresFailure";
import { CouldNotLook, textOf } from "../../checks/result";
import { connect, disconnect, targetOf, type DatabaseAddress } from "../server";
import { prepareFolder, throughFolder } from "./folder";
import { isMadeForExtension } from "./list";
import { type Progress, ProgressReader } from "./progress";
import { missingRoles, refuseUnlessReady } from "./refusals";
import { type CopyRequest } from "./request";
import { endLeftBehind, openSource, type Source, type SourcePlan } from "./source";
import { streamed } from "./stream";
import { empty, lock, openTarget, removeMark, setMark, stateOf } from "./target";
import { findTools } from "../../checks/clients/dumpTools";

/**
 * Copies database A into database B by `pg_dump` and `pg_restore`, at one moment of A.
 *
 * It is resumable as a whole: A is only read; B is filled when it is empty or carries the mark of this copy, and is empty
 * again after a failure. When even that was cut short (this process was killed), the next run finds the mark, ends what
 * the killed one left on both servers, empties B and begins anew.
 */
export interface CopyOptions {
  readonly request: CopyRequest;
  readonly a: DatabaseAddress;
  readonly b: DatabaseAddress;
  /** What the programs are found by and run with. */
  readonly environment: NodeJS.ProcessEnv;
  /** Ends the copy; B is emptied all the same. */
  readonly signal: AbortSignal;
  /** How long the copy waits for a lock on A, milliseconds. Default 10,000. */
  readonly lockWaitMs?: number;
  /** Once nothing stands against the copy, before anything is read. */
  readonly onStart?: (plan: SourcePlan) => void | Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

/** What is kept of a copy: nothing of it is secret. */
export interface CopySummary {
  readonly source: "dump";
  readonly tables: number;
  /** Size of A's tables, bytes. */
  readonly bytes: number;
  /** SHA-256 of what was dumped. */
  readonly digest: string;
  /** Where the dump stays as the safety copy. */
  readonly folder?: string;
  /** Of pg_dump and pg_restore. */
  readonly version: string;
  /** Publications and subscriptions of A, which B does not have. */
  readonly leftOut: readonly string[];
}

/** What either way of moving the data is given. */
export interface Transfer {
  readonly options: CopyOptions;
  readonly source: Source;
  readonly tools: Awaited<ReturnType<typeof findTools>>;
  readonly onLine: (line: string, pid: number) => void;
}

/** @throws CouldNotLook with what went wrong, what to do, and what became of B */
export async function copyDatabase(options: CopyOptions): Promise<CopySummary> {
  const { request, a, b, signal } = options;
  const mark = `api7-migration copy ${request.stack}`;
  const tools = await findTools(request.major, options.environment);
  if (request.folder !== undefined) await prepareFolder(request);
  const source = await named(a, signal, () => openSource(a, b.user, options.lockWaitMs));
  let target: Client | undefined;
  try {
    const { plan } = source;
    const opened = await named(b, signal, () => openTarget(b, plan.locale));
    target = opened.client;
    const client = target;
    await named(b, signal, async () => {
      if (!(await lock(client))) throw beingFilled();
      await endLeftBehind(client);
    });
    await named(a, signal, () => source.endLeftBehind());
    const state = await named(b, signal, () => stateOf(client, mark));
    await named(b, signal, () => refuseUnlessReady({ request, plan, client, state }));
    return await filling(options, client, mark, async () => {
      await prepare(client, plan, request.createRoles);
      await options.onStart?.(plan);
      const progress = new ProgressReader(plan, (event) => options.onProgress?.(event));
      const transfer = { options, source, tools, onLine: (line: string, pid: number) => progress.read(line, pid) };
      const { digest } = await (request.folder === undefined ? streamed(transfer) : throughFolder(transfer));
      if (request.folder === undefined) await refresh(client, plan.materializedViews);
      await settings(client, b, plan);
      return summaryOf(options, plan, digest, tools.version);
    });
  } finally {
    await source.close();
    await disconnect(target);
  }
}

/** Marks B, empties it, and lets it be filled; after a failure it is empty again. */
async function filling<T>(options: CopyOptions, client: Client, mark: string, fill: () => Promise<T>): Promise<T> {
  const { a, b, signal } = options;
  try {
    await setMark(client, mark, "begun");
    await empty(client, mark);
    const result = await fill();
    signal.throwIfAborted();
    await setMark(client, mark, "complete");
    return result;
  } catch (error) {
    const left = await emptyAgain(b, mark);
    const failure = error instanceof CouldNotLook ? error : undefined;
    const said = signal.aborted ? "the copy was ended from outside" : (failure?.seen ?? textOf(error));
    const holders = LOCKED.test(said) ? await lockHolders(a) : undefined;
    const seen = holders === undefined ? said : `${said}\n${holders}`;
    throw new CouldNotLook(
      failure?.subject ?? `copy of database ${a.database}`,
      `${seen}\ndatabase A was only read; ${left}`,
      failure?.remedy ?? remedyOf(seen),
      { cause: error },
    );
  }
}

/** On a connection of its own: the one that was used may be what failed. */
async function emptyAgain(address: DatabaseAddress, mark: string): Promise<string> {
  let client: Client | undefined;
  try {
    client = await connect(address);
    await endLeftBehind(client);
    await empty(client, mark);
    await removeMark(client);
    return "database B is empty again";
  } catch (error) {
    return `database B could not be emptied (${textOf(error)}): it carries the mark, and the next run empties it first`;
  } finally {
    await disconnect(client);
  }
}

/** Extensions in A's versions (a dump names none) and the roles that grants name. */
async function prepare(client: Client, plan: SourcePlan, createRoles: boolean): Promise<void> {
  for (const { name, version, schema } of plan.extensions) {
    const where = escapeIdentifier(schema);
    if (isMadeForExtension(schema)) await client.query(`create schema if not exists ${where}`);
    await client.query(
      `create extension if not exists ${escapeIdentifier(name)} with schema ${where} version ${escapeIdentifier(version)}`,
    );
  }
  if (!createRoles) return;
  for (const role of await missingRoles(client, plan.roles)) {
    await client.query(`create role ${escapeIdentifier(role)} nologin`);
  }
}

/**
 * Fills materialized views. A dump of rows alone leaves that out, and so does one of the schema alone. One that reads
 * another that is still empty is tried again after it.
 */
async function refresh(client: Client, views: readonly string[]): Promise<void> {
  const waiting: string[] = [];
  let cause: unknown;
  for (const view of views) {
    try {
      await client.query(`refresh materialized view ${view}`);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === NOT_POPULATED)) throw error;
      cause = error;
      waiting.push(view);
    }
  }
  if (waiting.length === 0) return;
  if (waiting.length === views.length) throw cause;
  await refresh(client, waiting);
}

/** object_not_in_prerequisite_state */
const NOT_POPULATED = "55000";

/** What is set for database A, such as its `search_path`, is set for B: a dump of one database leaves it out. */
async function settings(client: Client, b: DatabaseAddress, plan: SourcePlan): Promise<void> {
  const database = escapeIdentifier(b.database);
  const change = async (what: string, value: string): Promise<void> => {
    const at = value.indexOf("=");
    const [name, text] = [value.slice(0, at), value.slice(at + 1)];
    // Lists are stored as they were written, quotes included; everything else is one text.
    const written = LIST_SETTINGS.includes(name) && text !== "" ? text : escapeLiteral(text);
    await client.query(`alter ${what} set ${name.split(".").map(escapeIdentifier).join(".")} to ${written}`);
  };
  for (const value of plan.databaseSettings) await change(`database ${database}`, value);
  for (const value of plan.roleSettings)
    await change(`role ${escapeIdentifier(b.user)} in database ${database}`, value);
}

const LIST_SETTINGS = ["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"];

function summaryOf({ request }: CopyOptions, plan: SourcePlan, digest: string, version: string): CopySummary {
  return {
    source: "dump",
    tables: plan.tables.length,
    bytes: plan.tables.reduce((sum, { bytes }) => sum + bytes, 0),
    digest,
    ...(request.folder === undefined ? {} : { folder: request.folder }),
    version,
    leftOut: plan.leftOut,
  };
}

/** What PostgreSQL and its programs say of a lock that was not to be had. */
const LOCKED = /lock timeout|could not obtain lock|pg_dump failed.*statement timeout/;

async function named<T>(address: DatabaseAddress, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const holders = LOCKED.test(textOf(error)) ? await lockHolders(address) : undefined;
    throw explain(targetOf(address), error, signal, undefined, holders);
  }
}

/** Who holds locks that keep readers out; nothing when nobody does any more, or it cannot be asked. */
async function lockHolders(address: DatabaseAddress): Promise<string | undefined> {
  let client: Client | undefined;
  try {
    const asking = await connect(address);
    client = asking;
    const waited = Object.assign(new Error("lock timeout"), { code: "55P03" });
    return await blockersOf(waited, async (text) => (await asking.query<Record<string, unknown>>(text)).rows);
  } catch {
    return undefined;
  } finally {
    await disconnect(client);
  }
}

function beingFilled(): CouldNotLook {
  return new CouldNotLook(
    "database B",
    "another run of the copy is filling it",
    "wait until that run has ended, then run again",
  );
}

/** What a failure of the programs asks for. */
function remedyOf(seen: string): string {
  if (LOCKED.test(seen)) {
    return "wait until whoever holds a lock on database A is done (a change of its schema, a long transaction), then run again";
  }
  if (/No space left|File too large|could not extend file|Disk quota/.test(seen)) {
    return "make room on the disk that is named, or stream without a folder, then run again";
  }
  if (/too many (connections|clients)|remaining connection slots/.test(seen)) {
    return "lower databaseB.source.jobs or free some connections, then run again";
  }
  if (/password authentication failed/.test(seen)) return "correct the password in the secret setting, then run again";
  return "mend what is named, then run again: it begins anew";
}
