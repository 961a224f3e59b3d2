import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { libpqEnvironment } from "../server";
import { type Transfer } from "./copy";
import { LEFT_OUT, lockWait, RESTORE } from "./folder";
import { restoreList, thereOf } from "./list";
import { runTool, type Tool } from "./run";

/**
 * The way without a folder: the rows go from one program into the other and touch no disk on the way. Only the schema,
 * some hundred KiB without a single row, is kept in a file meanwhile, since its two halves enclose the data: tables
 * first, then indexes, keys and triggers. All three dumps are of the same moment.
 */
export async function streamed({ options, source, tools, onLine }: Transfer): Promise<{ readonly digest: string }> {
  const { request, a, b, environment, signal } = options;
  const fromA = libpqEnvironment(a, environment);
  const intoB = libpqEnvironment(b, environment);
  const folder = await mkdtemp(join(tmpdir(), "api7-migration-schema-"));
  const hash = createHash("sha256");
  try {
    const schema = join(folder, "schema");
    const list = join(folder, "list");
    const common = { stdin: "ignore", stdout: "ignore", onLine, signal } as const;
    const dumping = ["--format=custom", `--snapshot=${source.snapshot}`, ...lockWait(options), ...LEFT_OUT];
    await runTool({
      ...common,
      program: tools.pgDump,
      args: [...dumping, "--schema-only", `--file=${schema}`],
      environment: fromA,
    }).done;
    hash.update(await readFile(schema));
    await writeFile(list, await restoreList(tools, schema, thereOf(b, source.plan), environment));
    const restoring = [...RESTORE, `--dbname=${b.database}`];
    const section = (name: string): readonly string[] => [`--section=${name}`, `--use-list=${list}`, schema];
    await runTool({
      ...common,
      program: tools.pgRestore,
      args: [...restoring, ...section("pre-data")],
      environment: intoB,
    }).done;
    // When one of the two fails, the other has nothing to wait for.
    const broken = new AbortController();
    const either = { ...common, signal: AbortSignal.any([signal, broken.signal]) };
    const dump = runTool({
      ...either,
      program: tools.pgDump,
      // Compressing would cost more than the network saves.
      args: [...dumping, "--data-only", "--compress=0", "--verbose"],
      environment: fromA,
      stdout: "pipe",
    });
    const restore = runTool({
      ...either,
      program: tools.pgRestore,
      args: [...restoring, "--data-only"],
      environment: intoB,
      stdin: "pipe",
    });
    await joined(dump, restore, hash, () => broken.abort());
    await source.close();
    await runTool({
      ...common,
      program: tools.pgRestore,
      args: [...restoring, `--jobs=${request.jobs}`, ...section("post-data")],
      environment: intoB,
    }).done;
    return { digest: hash.digest("hex") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a program says whose pipe's other end is gone: it may be heard before the one that is gone is known to have ended. */
const BROKEN_PIPE = /could not write to output file: (Connection reset by peer|Broken pipe)/;

/** Pipes one program into the other. When one fails, the other's end is waited for, and the first cause is told. */
async function joined(
  dump: Tool,
  restore: Tool,
  hash: ReturnType<typeof createHash>,
  endOther: () => void,
): Promise<void> {
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  if (dump.output === null || restore.input === null) throw new Error("the programs were started without pipes");
  // A side that ends early breaks the pipe; why it ended is said by the program itself.
  const piped = pipeline(dump.output, hashing, restore.input).catch(() => undefined);
  const failures: unknown[] = [];
  const ended = [dump, restore].map(async ({ done }) =>
    done.catch((error: unknown) => {
      failures.push(error);
      endOther();
    }),
  );
  await Promise.all([piped, ...ended]);
  if (failures.length > 0) throw failures.find((failure) => !BROKEN_PIPE.test(String(failure))) ?? failures[0];
}
