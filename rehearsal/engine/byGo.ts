import { readFileSync } from "node:fs";
import { join } from "node:path";
import { executableIn, TOOLS_FOLDER } from "./cache";
import { executablesOnPath } from "./onPath";
import { secondsSince, withProgress } from "./progress";
import { run } from "./run";
import { byHandCommand, installInCache, type Failed, type Found, type WayContext } from "./way";

const MODULE = "github.com/pulumi/pulumi";

/** What tools/pulumi/go.mod asks for. */
export interface GoModule {
  /** The oldest Go that can build it, as "1.25.11". */
  readonly goVersion: string;
  /** The pinned version of the CLI's module, without "v". */
  readonly cliVersion: string;
  /** The pinned version of the module that holds the version variable, without "v". */
  readonly sdkVersion: string;
}

/** Reads the three versions from the text of a go.mod. @throws Error when one is missing */
export function readGoModule(text: string): GoModule {
  const pick = (what: string, pattern: RegExp): string => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) {
      throw new Error(`tools/pulumi/go.mod has no ${what}; take the file from the repository again`);
    }
    return found;
  };
  return {
    goVersion: pick("line `go VERSION`", /^go (\d+(?:\.\d+)*)$/m),
    cliVersion: pick(`requirement of ${MODULE}/pkg/v3`, /^\s*github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/m),
    sdkVersion: pick(`requirement of ${MODULE}/sdk/v3`, /^\s*github\.com\/pulumi\/pulumi\/sdk\/v3 v(\S+)/m),
  };
}

/** Whether Go `has` ("1.26.8", "1.26rc1") is at least `wants` ("1.25.11"). */
export function isGoAtLeast(has: string, wants: string): boolean {
  const numbers = (text: string): readonly number[] => text.split(/[^\d]+/).map(Number);
  const [ours, theirs] = [numbers(has.replace(/(rc|beta).*$/, "")), numbers(wants)];
  for (let i = 0; i < 3; i++) {
    const difference = (ours[i] ?? 0) - (theirs[i] ?? 0);
    if (difference !== 0) {
      return difference > 0;
    }
  }
  return true;
}

/** The errors in the output of a build: `go build -v` prints one bare package path a line beside them. */
function errorsOf(lines: readonly string[]): string {
  const errors = lines.filter((line) => /\s/.test(line.trim()) && !line.startsWith("go: downloading "));
  return errors.length === 0 ? "it said nothing" : errors.slice(-5).join(" | ");
}

async function build(
  go: string,
  env: NodeJS.ProcessEnv,
  executable: string,
  context: WayContext,
): Promise<string | undefined> {
  const { version, limits, report } = context;
  const start = performance.now();
  let fetched = 0;
  let compiled = 0;
  let latest = "";
  const result = await withProgress(
    report,
    limits.reportSeconds,
    () =>
      `building what Go's cache lacks: ${fetched} modules fetched, ${compiled} packages compiled` +
      (latest === "" ? "" : `, last ${latest}`),
    () =>
      run(
        go,
        [
          "build",
          // The committed go.mod and go.sum are the whole truth: nothing is resolved anew. As go.sum holds the hash of
          // every module, the go command asks no checksum database either, and none need be reachable.
          "-mod=readonly",
          "-buildvcs=false",
          "-v",
          "-ldflags",
          `-s -w -X ${MODULE}/sdk/v3/go/common/version.Version=v${version}`,
          "-o",
          executable,
          `${MODULE}/pkg/v3/cmd/pulumi`,
        ],
        {
          cwd: TOOLS_FOLDER,
          env,
          limitSeconds: limits.buildSeconds,
          onLine: (line) => {
            if (line.startsWith("go: downloading ")) {
              fetched++;
            } else if (!/\s/.test(line)) {
              compiled++;
              latest = line;
            }
          },
        },
      ),
  );
  if (result.failure === undefined) {
    report(`built in ${secondsSince(start)} s`);
    return undefined;
  }
  return `\`go build\` ${result.failure}: ${errorsOf(result.lastLines)}`;
}

/** The build from the Go modules that tools/pulumi pins. It needs Go, and a module proxy or a warm module cache. */
export async function byGo(context: WayContext): Promise<Found | Failed> {
  const { version, report } = context;
  const pinned = readGoModule(readFileSync(join(TOOLS_FOLDER, "go.mod"), "utf8"));
  const installGo = `install Go ${pinned.goVersion} or newer (https://go.dev/dl) and put it on PATH`;
  if (pinned.cliVersion !== version || pinned.sdkVersion !== version) {
    return {
      reason: `tools/pulumi/go.mod pins v${pinned.cliVersion} and v${pinned.sdkVersion}, and the SDK is ${version}`,
      remedy:
        `run \`npm ci\` if node_modules is not what package-lock.json says; else, in tools/pulumi: ` +
        `go get -tool ${MODULE}/pkg/v3/cmd/pulumi@v${version} && go get ${MODULE}/sdk/v3@v${version} && go mod tidy`,
    };
  }
  const go = (await executablesOnPath("go", context.env))[0];
  if (go === undefined) {
    return { reason: "no `go` on PATH", remedy: installGo };
  }
  const env: NodeJS.ProcessEnv = {
    ...context.env,
    CGO_ENABLED: "0",
    // A go.work above the clone would bring other modules into the build, a GOOS or GOARCH another machine's CLI.
    GOWORK: "off",
    GOOS: "",
    GOARCH: "",
  };
  const answer = await withProgress(
    report,
    context.limits.reportSeconds,
    () => "waiting for `go version`, which may fetch a newer Go",
    () => run(go, ["version"], { cwd: TOOLS_FOLDER, env, limitSeconds: context.limits.buildSeconds }),
  );
  if (answer.failure !== undefined) {
    return { reason: `\`${go} version\` ${answer.failure}: ${errorsOf(answer.lastLines)}`, remedy: installGo };
  }
  const goVersion = /\bgo(\d\S*)/.exec(answer.stdout)?.[1];
  if (goVersion === undefined || !isGoAtLeast(goVersion, pinned.goVersion)) {
    return {
      reason: `${go} is ${JSON.stringify(answer.stdout)}, and tools/pulumi/go.mod needs Go ${pinned.goVersion}`,
      remedy: installGo,
    };
  }
  report(
    `building the Pulumi CLI v${version} from its Go modules with Go ${goVersion}: once, about 3 minutes on 2 cores, ` +
      `2 GB of memory and 3 GB of disk`,
  );
  const found = await installInCache(context, (root) => build(go, env, executableIn(root), context));
  if (typeof found !== "string") {
    return found;
  }
  return {
    reason: found,
    remedy:
      "mend what `go build` says: it needs 2 GB of free memory, 3 GB of disk (`go env GOCACHE GOMODCACHE`) and a module " +
      `proxy that it can reach (\`go env GOPROXY\`); or get the CLI where there is internet access: ${byHandCommand(version)}`,
  };
}
