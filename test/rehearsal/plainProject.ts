import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { once } from "node:events";
import { cacheFolder, ensureEngine, localEngineEnvironment } from "../../rehearsal/engine";
import { installStandIn } from "../../rehearsal/engine/languageHost";
import { installFrom } from "../../rehearsal/providers/framework/install";

const REPOSITORY = resolve(__dirname, "../..");
const PROVIDERS = join(REPOSITORY, "rehearsal/providers");

/** How a call of the CLI ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A call of the CLI that still runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * A Pulumi project in a folder of its own, with one stack `test` in a backend of its own, for the plain CLI: compiled as
 * this project is, and with two of its packages.
 */
export class PlainProject {
  private constructor(
    readonly folder: string,
    /** Path of the CLI. */
    readonly cli: string,
    readonly env: NodeJS.ProcessEnv,
  ) {}

  /** The folder of everything: the project in `project`, the stand-in and the plugins in `bin`, which is first on `PATH`. */
  get home(): string {
    return dirname(this.folder);
  }

  static async create(): Promise<PlainProject> {
    const engine = await ensureEngine();
    const home = realpathSync(mkdtempSync(join(tmpdir(), "plain-cli-test-")));
    // The stand-in is put first on PATH even where the CLI has its own language host: it is what is tried here.
    await installStandIn(join(home, "bin"));
    const plugins = ["command", "random"].map((name) => ({
      name,
      main: join(PROVIDERS, name, "main.ts"),
      schema: join(PROVIDERS, "schema", `${name}.json`),
    }));
    await installFrom(plugins, { folder: join(home, "bin"), cacheFolder: cacheFolder() });
    mkdirSync(join(home, "state"));
    const env = {
      ...process.env,
      ...localEngineEnvironment(join(home, "home")),
      PULUMI_BACKEND_URL: `file://${join(home, "state")}`,
      PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
    };
    const project = new PlainProject(join(home, "project"), engine.path, env);
    for (const name of ["@pulumi/pulumi", "@pulumi/random", "@pulumi/command", "@types"]) {
      const link = join(project.folder, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(REPOSITORY, "node_modules", name), link);
    }
    for (const name of ["tsconfig.json", "tsconfig.pulumi.json"]) {
      copyFileSync(join(REPOSITORY, name), join(project.folder, name));
    }
    project.write("package.json", JSON.stringify({ name: "plain", main: "index.ts" }));
    project.options({});
    await project.succeeds("stack", "init", "test");
    return project;
  }

  /** Writes a file of the project. */
  write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content);
  }

  /** Sets the runtime's options over those that this project has. */
  options(options: Readonly<Record<string, unknown>>): void {
    const runtime = { name: "nodejs", options: { tsconfig: "tsconfig.pulumi.json", ...options } };
    this.write("Pulumi.yaml", JSON.stringify({ name: "plain", runtime }));
  }

  /** Starts `pulumi ARGS`. */
  start(...args: readonly string[]): Running {
    const child = spawn(this.cli, [...args, "--non-interactive", "--color", "never"], {
      cwd: this.folder,
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
    return { child, ended };
  }

  /** `pulumi ARGS`, to its end. */
  async pulumi(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** `pulumi ARGS`, and what it prints. @throws Error with all it said when it fails */
  async succeeds(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.pulumi(...args);
    if (code !== 0) {
      throw new Error(`pulumi ${args.join(" ")} ended with ${code ?? "a signal"}:\n${stdout}\n${stderr}`);
    }
    return stdout;
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
