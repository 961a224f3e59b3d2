import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sdk from "@pulumi/pulumi/package.json";

/** What `pulumi version` has to say. */
export const WANTED = `v${sdk.version}`;

/** What the official installer's address answers: a script, or nothing at all. */
type Internet = { readonly script: string } | "unreachable";

/** A private machine in a folder: its own PATH, cache folder and internet. */
export class FakeMachine {
  readonly folder = mkdtempSync(join(tmpdir(), "engine-test-"));
  readonly bin = join(this.folder, "bin");
  readonly cache = join(this.folder, "cache");
  private readonly builds = join(this.folder, "builds");
  private readonly sleeper = join(this.folder, "sleeper");

  constructor() {
    mkdirSync(this.bin);
    this.internet("unreachable");
  }

  /** The environment of a process on this machine. Only what is put into `bin` is on its PATH. */
  get env(): NodeJS.ProcessEnv {
    return {
      HOME: this.folder,
      PATH: this.bin,
      API7_MIGRATION_CACHE: this.cache,
      NODE_OPTIONS: `--require ${join(this.folder, "internet.cjs")}`,
    };
  }

  /** Writes an executable shell script. */
  script(path: string, body: string): string {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** An executable that answers `pulumi version`, by default in `bin`. */
  pulumi(version: string, path = join(this.bin, "pulumi")): string {
    return this.script(path, `[ "$1" = version ] && echo "${version}"`);
  }

  /**
   * A `go` that says its version and "builds": it notes the build, prints what `go build -v` prints, and makes a CLI whose
   * version is what the linker flag sets. `during` is run in the middle of it.
   */
  go(version = "1.99.0", during = ""): void {
    this.script(
      join(this.bin, "go"),
      `case "$1" in
        version) echo "go version go${version} linux/amd64"; exit 0;;
        build) ;;
        *) exit 2;;
      esac
      echo "$(pwd) CGO_ENABLED=$CGO_ENABLED $*" >> ${this.builds}
      echo "go: downloading example.org/module v1.0.0" >&2
      echo "example.org/module/package" >&2
      ${during}
      while [ $# -gt 0 ]; do
        case "$1" in
          -o) out="$2"; shift;;
          -ldflags) flags="$2"; shift;;
        esac
        shift
      done
      mkdir -p "$(dirname "$out")"
      printf '#!/bin/sh\\n[ "$1" = version ] && echo "%s"\\n' "\${flags##*version.Version=}" > "$out"
      chmod 755 "$out"`,
    );
  }

  /** Shell text that sleeps for a minute in a grandchild, whose end `sleeperIsGone` tells. */
  get sleep(): string {
    return `sleep 60 & echo $! > ${this.sleeper}; wait`;
  }

  /** Whether the sleeping grandchild was started. */
  get sleeperStarted(): boolean {
    return existsSync(this.sleeper) && readFileSync(this.sleeper, "utf8").endsWith("\n");
  }

  /** Whether the sleeping grandchild has ended. */
  get sleeperIsGone(): boolean {
    const pid = readFileSync(this.sleeper, "utf8").trim();
    try {
      process.kill(Number(pid), 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH";
    }
    // In a container without an init process, an ended orphan stays listed as a zombie.
    const status = `/proc/${pid}/stat`;
    return existsSync(status) && / Z /.test(readFileSync(status, "utf8"));
  }

  /** Each build of `go`, as "folder environment arguments". */
  get goBuilds(): readonly string[] {
    return existsSync(this.builds) ? readFileSync(this.builds, "utf8").trim().split("\n") : [];
  }

  /** Sets what the installer's process gets from the internet. */
  internet(answer: Internet): void {
    const body =
      answer === "unreachable"
        ? `throw new TypeError("fetch failed");`
        : `return { ok: true, status: 200, text: async () => ${JSON.stringify(`PATH=/usr/bin:/bin\n${answer.script}`)} };`;
    writeFileSync(join(this.folder, "internet.cjs"), `globalThis.fetch = async () => { ${body} };\n`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A stand-in for the official install script: it heeds the two options that matter here. */
export const INSTALL_SCRIPT = `
while [ $# -gt 0 ]; do
  case "$1" in
    --install-root) root="$2"; shift;;
    --version) version="$2"; shift;;
  esac
  shift
done
mkdir -p "$root/bin"
printf '#!/bin/sh\\n[ "$1" = version ] && echo "v%s"\\n' "$version" > "$root/bin/pulumi"
chmod 755 "$root/bin/pulumi"
`;
