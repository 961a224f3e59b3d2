import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type DatabaseAddress, libpqEnvironmentWithout } from "../server";
import { type SourcePlan } from "./source";
import { type DumpTools } from "../../checks/clients/dumpTools";

const run = promisify(execFile);
/** A line for each object: some hundred bytes for each of ten thousand. */
const LIST_BYTES = 64 * 1024 ** 2;

/**
 * The table of contents of an archive without what is not to be restored:
 * - extensions and their comments: they are there by now, in A's version, and may belong to the server's administrator;
 * - schemas that were made for them;
 * - default privileges of other roles than the restoring one, which only those roles can set.
 */
export async function restoreList(
  tools: DumpTools,
  archive: string,
  there: { readonly user: string; readonly schemas: readonly string[] },
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const { stdout } = await run(tools.pgRestore, ["--list", archive], {
    env: libpqEnvironmentWithout(environment),
    maxBuffer: LIST_BYTES,
  });
  return stdout
    .split("\n")
    .filter((line) => isWanted(line, there))
    .join("\n");
}

/** What B has of its own by the time of the restore. */
export function thereOf(
  { user }: DatabaseAddress,
  { extensions }: SourcePlan,
): { readonly user: string; readonly schemas: readonly string[] } {
  return { user, schemas: extensions.map(({ schema }) => schema).filter(isMadeForExtension) };
}

/** Whether a schema is not on every server, so that it has to be made for its extension. */
export function isMadeForExtension(schema: string): boolean {
  return schema !== "pg_catalog" && schema !== "public";
}

/** `ID; CATALOG OBJECT TYPE SCHEMA NAME OWNER` */
export function isWanted(
  line: string,
  { user, schemas }: { readonly user: string; readonly schemas: readonly string[] },
): boolean {
  const entry = /^\d+; \d+ \d+ (.*)$/.exec(line)?.[1];
  if (entry === undefined) return true;
  if (/^(EXTENSION - |COMMENT - EXTENSION )/.test(entry)) return false;
  if (schemas.some((schema) => entry.startsWith(`SCHEMA - ${schema} `))) return false;
  return !entry.startsWith("DEFAULT ACL ") || entry.endsWith(` ${user}`);
}
