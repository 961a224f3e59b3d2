import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CouldNotLook } from "../../checks/result";
import { libpqEnvironment, LOCK_WAIT_MS } from "../server";
import { type CopyOptions, type Transfer } from "./copy";
import { restoreList, thereOf } from "./list";
import { type CopyRequest } from "./request";
import { runTool } from "./run";

/**
 * The way through a folder: `pg_dump -Fd -j`, then `pg_restore -j`. The dump stays, named by stack and copy, as the safety
 * copy of A; it holds private keys and credentials, so that nobody but its owner may enter it.
 */

/** A copy neither publishes nor subscribes. */
export const LEFT_OUT = ["--no-publications", "--no-subscriptions"] as const;
/** Every object belongs to the user that B is used as. The first error ends the restore. */
export const RESTORE = ["--no-owner", "--no-tablespaces", "--exit-on-error", "--verbose"] as const;

/** Makes the folder, or finds that it cannot be used. @throws CouldNotLook */
export async function prepareFolder({ folder = "" }: CopyRequest): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const probe = join(folder, ".api7-migration");
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const remedy = "name a folder that whoever runs this may write, or leave databaseB.source.folder out";
    throw new CouldNotLook(`folder ${folder}`, `it cannot be written (${code})`, remedy, { lasting: true });
  }
}

export async function throughFolder({
  options,
  source,
  tools,
  onLine,
}: Transfer): Promise<{ readonly digest: string }> {
  const { request, a, b, environment, signal } = options;
  const { folder = "", jobs } = request;
  const kept = join(folder, `api7-${request.stack}-a-${request.copy}`);
  // Beside its last name: what bears that name is whole.
  const partial = await mkdtemp(`${kept}.partial-`);
  try {
    const dump = join(partial, "dump");
    await runTool({
      program: tools.pgDump,
      args: [
        ...[
          "--format=directory",
          `--file=${dump}`,
          `--jobs=${jobs}`,
          `--snapshot=${source.snapshot}`,
          ...lockWait(options),
        ],
        ...LEFT_OUT,
        "--verbose",
      ],
      environment: libpqEnvironment(a, environment),
      stdin: "ignore",
      stdout: "ignore",
      onLine,
      signal,
    }).done;
    // From here on A is not needed; its transaction would keep it from cleaning up.
    await source.close();
    const list = join(partial, "list");
    await writeFile(list, await restoreList(tools, dump, thereOf(b, source.plan), environment));
    await runTool({
      program: tools.pgRestore,
      args: [...RESTORE, `--jobs=${jobs}`, `--use-list=${list}`, `--dbname=${b.database}`, dump],
      environment: libpqEnvironment(b, environment),
      stdin: "ignore",
      stdout: "ignore",
      onLine,
      signal,
    }).done;
    const digest = await digestOf(dump);
    await rm(kept, { recursive: true, force: true });
    await rename(dump, kept);
    return { digest };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** How long pg_dump waits for a lock on A: a change of A's schema under way is told, not waited for. */
export function lockWait({ lockWaitMs = LOCK_WAIT_MS }: CopyOptions): readonly string[] {
  return [`--lock-wait-timeout=${lockWaitMs}`];
}

/** SHA-256 over the names and bytes of the dump's files. */
async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    hash.update(`${name} ${(await stat(path)).size}\n`);
    await pipeline(createReadStream(path), async function (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) hash.update(chunk);
    });
  }
  return hash.digest("hex");
}
