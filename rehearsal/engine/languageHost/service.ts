import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService, type ILanguageRuntimeServer } from "@pulumi/pulumi/proto/language_grpc_pb";
import {
  AboutResponse,
  GetRequiredPackagesResponse,
  LanguageHandshakeResponse,
  RunResponse,
  type ProgramInfo,
  type RunRequest,
} from "@pulumi/pulumi/proto/language_pb";
import { PackageDependency, PackageParameterization, PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { executablesOnPath } from "../onPath";
import { serveMonitorProxy } from "./monitorProxy";
import { parseRuntimeOptions, type PackageManager, type RuntimeOptions } from "./options";
import { runProgram, type ProgramRequest } from "./program";
import { requiredPackages, type RequiredPackage } from "./requiredPackages";

/** The calls of the engine's language protocol that are answered; gRPC answers all others with UNIMPLEMENTED. */
export type LanguageService = Pick<
  ILanguageRuntimeServer,
  "handshake" | "getPluginInfo" | "about" | "getRequiredPackages" | "run" | "cancel"
>;

export interface ServiceOptions {
  /** The version of the SDK, without "v". */
  readonly version: string;
  /** The engine's address; undefined until its handshake where it started this host without one. */
  readonly engine: string | undefined;
  readonly tracing: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by the engine's cancel, and by whoever serves when the engine goes away. */
  readonly cancellation: AbortController;
}

/** The gRPC side of the language host. One service serves the operations of one engine process. */
export class LanguageHostService {
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly options: ServiceOptions) {}

  /** Resolves when every call taken so far has its answer. */
  async idle(): Promise<void> {
    await Promise.all(this.running);
  }

  service(): LanguageService {
    const { options } = this;
    let { engine } = options;
    return {
      handshake: this.answer((request) => {
        engine = request.getEngineAddress();
        return new LanguageHandshakeResponse();
      }),

      getPluginInfo: this.answer(() => new PluginInfo().setVersion(`v${options.version}`)),

      about: this.answer((request) => about(request.getInfo(), options.env)),

      getRequiredPackages: this.answer((request) => {
        const packages = requiredPackages(programOf(request.getInfo()).getProgramDirectory());
        return new GetRequiredPackagesResponse().setPackagesList(packages.map(dependency));
      }),

      run: this.answer((request, cancelled) => {
        if (engine === undefined) {
          throw new Error("this language host was started without the engine's address, and no handshake named one");
        }
        return run(request, engine, options, cancelled);
      }),

      cancel: this.answer(() => {
        options.cancellation.abort(new Error("the engine cancelled the operation"));
        // An empty message of the copy of google-protobuf that Pulumi's messages use: there may be two in node_modules.
        return LanguageRuntimeService.cancel.responseDeserialize(Buffer.alloc(0));
      }),
    };
  }

  /** A unary call by a function that may throw: the message is what the operator reads. */
  private answer<Request, Response>(
    work: (request: Request, cancelled: AbortSignal) => Response | Promise<Response>,
  ): grpc.handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const cancelled = new AbortController();
      call.once("cancelled", () => cancelled.abort(new Error("the engine cancelled the call")));
      const answered = (async () => {
        try {
          callback(null, await work(call.request, cancelled.signal));
        } catch (error) {
          const details = error instanceof Error ? error.message : String(error);
          callback({ code: grpc.status.UNKNOWN, details });
        }
      })();
      this.running.add(answered);
      void answered.then(() => this.running.delete(answered));
    };
  }
}

function programOf(info: ProgramInfo | undefined): ProgramInfo {
  if (info === undefined) {
    throw new Error("the engine's request names no program (`info`): it is older than this protocol");
  }
  return info;
}

function optionsOf(info: ProgramInfo): RuntimeOptions {
  return parseRuntimeOptions(info.getOptions()?.toJavaScript() ?? {});
}

function dependency({ name, version, server, parameterization }: RequiredPackage): PackageDependency {
  const described = new PackageDependency().setName(name).setKind("resource").setVersion(version).setServer(server);
  return parameterization === undefined
    ? described
    : described.setParameterization(
        new PackageParameterization()
          .setName(parameterization.name)
          .setVersion(parameterization.version)
          .setValue(parameterization.value),
      );
}

async function run(
  request: RunRequest,
  engine: string,
  { tracing, env, cancellation }: ServiceOptions,
  cancelled: AbortSignal,
): Promise<RunResponse> {
  const info = programOf(request.getInfo());
  if (request.getAttachDebugger()) {
    return new RunResponse().setError("this stand-in for the language host cannot attach a debugger to a program");
  }
  let runtime: RuntimeOptions;
  try {
    runtime = optionsOf(info);
  } catch (error) {
    return new RunResponse().setError((error as Error).message);
  }
  const monitor = await serveMonitorProxy(request.getMonitorAddress());
  // The real host puts two pipes there for invokes that block. No code of the SDK's pinned version opens them (they are
  // left over from its version 2), so there are none, and a program that tried would fail with ENOENT.
  const syncFolder = await mkdtemp(join(tmpdir(), "pulumi-node-pipes"));
  try {
    const result = await runProgram(programRequest(request, info), {
      options: runtime,
      monitor: monitor.address,
      engine,
      syncFolder,
      tracing,
      env,
      signal: AbortSignal.any([cancellation.signal, cancelled]),
    });
    return new RunResponse().setError(result.error).setBail(result.bail);
  } finally {
    monitor.close();
    await rm(syncFolder, { recursive: true, force: true });
  }
}

function programRequest(request: RunRequest, info: ProgramInfo): ProgramRequest {
  return {
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    rootDirectory: info.getRootDirectory(),
    programDirectory: info.getProgramDirectory(),
    entryPoint: info.getEntryPoint(),
    dryRun: request.getDryrun(),
    parallel: request.getParallel(),
    args: request.getArgsList(),
    config: Object.fromEntries(request.getConfigMap().toArray() as (readonly [string, string])[]),
    configSecretKeys: request.getConfigsecretkeysList(),
  };
}

/** The engine writes this into the history of every operation. */
async function about(asked: ProgramInfo | undefined, env: NodeJS.ProcessEnv): Promise<AboutResponse> {
  const info = programOf(asked);
  const wanted = optionsOf(info).packageManager;
  const [node] = await executablesOnPath("node", env);
  if (node === undefined) {
    throw new Error("there is no `node` on PATH: install Node, or put its folder on PATH");
  }
  const { stdout } = await promisify(execFile)(node, ["--version"], { env });
  const response = new AboutResponse().setExecutable(node).setVersion(stdout.trim());
  response.getMetadataMap().set("packagemanager", packageManagerOf(wanted, info.getProgramDirectory()));
  return response;
}

const LOCK_FILES: readonly (readonly [string, PackageManager])[] = [
  ["yarn.lock", "yarn"],
  ["pnpm-lock.yaml", "pnpm"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
];

function packageManagerOf(wanted: PackageManager | undefined, folder: string): PackageManager {
  if (wanted !== undefined && wanted !== "auto") {
    return wanted;
  }
  return LOCK_FILES.find(([file]) => existsSync(join(folder, file)))?.[1] ?? "npm";
}
