import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isGoAtLeast } from "../../engine/byGo";
import { executablesOnPath } from "../../engine/onPath";
import { secondsSince, withProgress, type Report } from "../../engine/progress";
import { run, type RunResult } from "../../engine/run";
import { type Program } from "./parts";

/** From nothing, download included: about 12 minutes on two idle cores, many more on busy ones (facts/pulumi.md 7). */
const BUILD_SECONDS = 5400;
const QUICK_SECONDS = 120;
const REPORT_SECONDS = 5;

export interface BuildContext {
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
}

/** A program could not be built: what was seen, and what to do about it. */
export class BuildFailed extends Error {
  override readonly name = "BuildFailed";

  constructor(
    readonly reason: string,
    readonly remedy: string,
  ) {
    super(`${reason}\n  To mend it: ${remedy}`);
  }
}

/** The errors among the lines of `go build -v`, which prints one bare package path a line beside them. */
function errorsOf({ lastLines, stdout }: RunResult): string {
  const errors = lastLines.filter((line) => /\s/.test(line.trim()) && !line.startsWith("go: downloading "));
  return errors.length > 0 ? errors.slice(-5).join(" | ") : stdout === "" ? "it said nothing" : stdout.slice(-300);
}

interface Go {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** @throws BuildFailed without a Go that is new enough for the program's go.mod */
async function findGo(program: Program, { env }: BuildContext): Promise<Go> {
  const wants = /^go (\S+)/m.exec(await readFile(join(program.folder, "go.mod"), "utf8"))?.[1] ?? "1.25.0";
  const remedy = `install Go ${wants} or newer (https://go.dev/dl) and put it on PATH`;
  const command = (await executablesOnPath("go", env))[0];
  if (command === undefined) {
    throw new BuildFailed("no `go` on PATH", remedy);
  }
  // A go.work above the clone would bring other modules into the build, a GOOS or GOARCH another machine's programs.
  const goEnv = { ...env, CGO_ENABLED: "0", GOWORK: "off", GOOS: "", GOARCH: "" };
  const answer = await run(command, ["version"], { cwd: program.folder, env: goEnv, limitSeconds: QUICK_SECONDS });
  const has = /\bgo(\d\S*)/.exec(answer.stdout)?.[1];
  if (answer.failure !== undefined || has === undefined || !isGoAtLeast(has, wants)) {
    throw new BuildFailed(
      `\`${command} version\` says ${JSON.stringify(answer.stdout)}: ${answer.failure ?? ""}`,
      remedy,
    );
  }
  return { command, env: goEnv };
}

/**
 * The flag that lays files of a module beside the program's own. They are embedded from the module cache: neither the
 * clone nor the cache is written.
 */
async function overlay(program: Program, go: Go, temp: string): Promise<readonly string[]> {
  const { embeds, folder } = program;
  if (embeds === undefined) {
    return [];
  }
  const { module, files } = embeds;
  const options = { cwd: folder, env: go.env, limitSeconds: BUILD_SECONDS };
  // `go mod download` alone makes sure that the module is unpacked; the directory comes from `go list`.
  const fetched = await run(go.command, ["mod", "download", module], options);
  const listed = await run(go.command, ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module], options);
  const failed = [fetched, listed].find(({ failure }) => failure !== undefined);
  if (failed !== undefined || listed.stdout === "") {
    throw new BuildFailed(`module ${module} cannot be had: ${errorsOf(failed ?? listed)}`, moduleRemedy());
  }
  const file = join(temp, "overlay.json");
  const replace = files.map((name) => [join(folder, name), join(listed.stdout, embeds.folder, name)] as const);
  await writeFile(file, JSON.stringify({ Replace: Object.fromEntries(replace) }));
  return ["-overlay", file];
}

function moduleRemedy(): string {
  return (
    "mend what `go build` says: it needs 3 GB of free memory, 6 GB of disk (`go env GOCACHE GOMODCACHE`) and a module " +
    "proxy that it can reach (`go env GOPROXY`)"
  );
}

/**
 * Builds one program from the Go modules that its go.mod and go.sum pin and moves it to `path` when it is whole.
 * @throws BuildFailed with the reason and the remedy
 */
export async function build(program: Program, path: string, context: BuildContext): Promise<void> {
  const { report } = context;
  const go = await findGo(program, context);
  await mkdir(dirname(path), { recursive: true });
  const temp = await mkdtemp(`${path}.unfinished-`);
  try {
    const start = performance.now();
    let compiled = 0;
    let fetched = 0;
    let latest = "";
    const built = join(temp, program.name);
    const extra = await overlay(program, go, temp);
    const result = await withProgress(
      report,
      REPORT_SECONDS,
      () => `${program.name}: ${fetched} modules fetched, ${compiled} packages compiled${latest && `, last ${latest}`}`,
      () =>
        run(
          go.command,
          [
            "build",
            // go.mod and go.sum are the whole truth: nothing is resolved anew, and no checksum database is asked.
            "-mod=readonly",
            "-buildvcs=false",
            "-p",
            "2",
            "-v",
            "-ldflags",
            ["-s -w", ...program.linkerFlags].join(" "),
            ...extra,
            "-o",
            built,
            program.package,
          ],
          {
            cwd: program.folder,
            env: go.env,
            limitSeconds: BUILD_SECONDS,
            onLine: (line) => {
              if (line.startsWith("go: downloading ")) {
                fetched += 1;
              } else if (!/\s/.test(line)) {
                compiled += 1;
                latest = line;
              }
            },
          },
        ),
    );
    if (result.failure !== undefined) {
      throw new BuildFailed(`\`go build\` of ${program.name} ${result.failure}: ${errorsOf(result)}`, moduleRemedy());
    }
    // One rename, so that nobody ever sees half a program.
    await rename(built, path);
    report(`${program.name} ${program.version} built in ${secondsSince(start)} s`);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}
