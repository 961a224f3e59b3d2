import * as pulumi from "@pulumi/pulumi";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import * as state from "@pulumi/pulumi/runtime/state";
import { type LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { type RegisterResourceRequest, type RegisterResourceResponse, Result } from "@pulumi/pulumi/proto/resource_pb";

/**
 * Runs a program without an engine and keeps what it registers: the whole request, options included, not only what
 * mocks are told (facts/pulumi.md 5). What it does not prove: that a provider accepts the inputs.
 */

/** Marks a secret; a secret object or list keeps its shape below the mark. */
export const SECRET = "[secret]";

export interface RecordedResource {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly custom: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: RecordedOptions;
}

export interface RecordedOptions {
  /** `Type name`, as {@link labelOf} writes it. */
  readonly parent?: string;
  /** Explicit dependencies, and those that come with the inputs. */
  readonly dependsOn: readonly string[];
  readonly provider?: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly hooks: Readonly<Record<string, readonly string[]>>;
  readonly customTimeouts?: Readonly<Record<string, string>>;
  /** Options that are rarely right: shown where they are set. */
  readonly deleteBeforeReplace?: boolean;
  readonly additionalSecretOutputs?: readonly string[];
  readonly import?: string;
  readonly deletedWith?: string;
}

export interface Recording {
  readonly resources: readonly RecordedResource[];
  /** What the program returned, outputs resolved. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** What the program threw. */
  readonly error: Error | undefined;
  /** Hooks by name. */
  readonly hooks: ReadonlyMap<string, pulumi.ResourceHook>;
  /** What the program logged. */
  readonly logs: readonly string[];
}

/** How the engine answers a registration: as done, as a failed call, as a failed resource, or not at all. */
export type Answer = "done" | "error" | "failed" | "never";

export interface RecordOptions {
  readonly stack?: string;
  /** `NAMESPACE:KEY` -> text. */
  readonly config?: Readonly<Record<string, string>>;
  readonly secretKeys?: readonly string[];
  readonly preview?: boolean;
  /** Default: `done` for all. `failed` is what `--continue-on-error` makes of a failure. */
  readonly answer?: (type: string, name: string) => Answer;
  /** Outputs that a provider would add to the inputs. Default: `arn`, `id` and the like as `[NAME.arn]`. */
  readonly outputsOf?: (type: string, name: string) => Readonly<Record<string, unknown>>;
}

const PROJECT = "api7-migration";
const QUIET_MS = 250;
/** gRPC's UNKNOWN, as the engine answers when a resource failed. */
const UNKNOWN_ERROR = 2;
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const HOOK_KINDS = [
  "beforeCreate",
  "afterCreate",
  "beforeUpdate",
  "afterUpdate",
  "beforeDelete",
  "afterDelete",
] as const;

/** Runs the program in a world of its own, so that many can run in one process. */
export async function record(
  program: () => Promise<Record<string, unknown> | undefined> | Record<string, unknown> | undefined,
  options: RecordOptions = {},
): Promise<Recording> {
  const resources: RecordedResource[] = [];
  const hooks = new Map<string, pulumi.ResourceHook>();
  const logs: string[] = [];
  let outputs: Readonly<Record<string, unknown>> = {};
  let error: Error | undefined;
  const store = new internals.LocalStore();
  await asyncLocalStorage.run(store, async () => {
    const mocks = { newResource: resourceOf(options), call: () => ({}) };
    await pulumi.runtime.setMocks(mocks, PROJECT, options.stack ?? "test", options.preview ?? false, "organization");
    pulumi.runtime.setAllConfig({ ...options.config }, [...(options.secretKeys ?? [])]);
    store.callbacks = {
      registerResourceHook: (hook) => {
        hooks.set(hook.name, hook);
        return Promise.resolve();
      },
      awaitStackRegistrations: () => Promise.resolve(),
      shutdown: () => undefined,
    };
    store.settings.engine = {
      log: (request, callback) => {
        if (request.getSeverity() !== LogSeverity.DEBUG) logs.push(request.getMessage());
        callback(null, {});
      },
      setRootResource: (_request, callback) => callback(null, {}),
    };
    const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
    const register = monitor.registerResource.bind(monitor);
    let silent = false;
    monitor.registerResource = (request, callback) => {
      resources.push(recorded(request, urnOf(request)));
      const answer = options.answer?.(request.getType(), request.getName()) ?? "done";
      if (answer === "never") {
        silent = true;
        return undefined;
      }
      if (answer === "error") {
        callback(Object.assign(new Error("the resource failed"), { code: UNKNOWN_ERROR }), undefined);
        return undefined;
      }
      return register(request, (failure, response) => {
        if (answer === "failed") response?.setResult(Result.FAIL).setObject(new Struct());
        callback(failure, response);
      });
    };
    const run = async (): Promise<void> => {
      try {
        await pulumi.runtime.runInPulumiStack(async () => {
          const returned = (await program()) ?? {};
          outputs = (await resolved(returned)) as Readonly<Record<string, unknown>>;
          return returned;
        });
      } catch (thrown) {
        error = thrown instanceof Error ? thrown : new Error(String(thrown));
      }
      await pulumi.runtime.disconnect();
    };
    // Without an answer the program waits for ever: look at it once it registers nothing more.
    await Promise.race([
      run(),
      quiet(
        () => silent,
        () => resources.length,
      ),
    ]);
  });
  return { resources: resources.filter(({ type }) => type !== "pulumi:pulumi:Stack"), outputs, error, hooks, logs };
}

/** Resolves once the program waits for an answer that never comes and has registered nothing for a while. */
async function quiet(isSilent: () => boolean, count: () => number): Promise<void> {
  let before = -1;
  while (!isSilent() || count() !== before) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS).unref());
  }
}

/** `aws:lb/listener:Listener`, `traffic` -> `Listener traffic` */
export function labelOf(urn: string): string {
  const [type = "", name = ""] = urn.split("::").slice(-2);
  return `${type.split("$").at(-1)?.split(":").at(-1) ?? ""} ${name}`;
}

/** The one resource of this type token and name. */
export function the(recording: Recording, type: string, name: string): RecordedResource {
  const found = recording.resources.filter((resource) => resource.type === type && resource.name === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const there = recording.resources.map((resource) => `${resource.type} ${resource.name}`).join("\n  ");
  throw new Error(`expected one ${type} ${name}, found ${found.length} among\n  ${there}`);
}

function resourceOf(
  options: RecordOptions,
): (args: pulumi.runtime.MockResourceArgs) => pulumi.runtime.MockResourceResult {
  return ({ type, name, inputs, custom }) => {
    const made = Object.fromEntries(
      ["arn", "arnSuffix", "dnsName", "address", "result", "name", "stdout"].map((field) => [
        field,
        `[${name}.${field}]`,
      ]),
    );
    return {
      id: custom === false ? undefined : `[${name}.id]`,
      state: { ...made, ...(inputs as object), ...options.outputsOf?.(type, name) },
    };
  };
}

function urnOf(request: RegisterResourceRequest): string {
  const parentType = request.getParent() === "" ? "" : (request.getParent().split("::")[2] ?? "");
  const prefix = parentType === "" || parentType === "pulumi:pulumi:Stack" ? "" : `${parentType}$`;
  return `urn:pulumi:STACK::${PROJECT}::${prefix}${request.getType()}::${request.getName()}`;
}

function recorded(request: RegisterResourceRequest, urn: string): RecordedResource {
  const parent = request.getParent();
  const provider = request.getProvider();
  const timeouts = request.getCustomtimeouts()?.toObject();
  // `delete` is a reserved word to protobuf's JavaScript, which calls it `pb_delete`.
  const named = Object.entries(timeouts ?? {}).map(([key, value]) => [key.replace(/^pb_/, ""), value]);
  const customTimeouts = Object.fromEntries(
    named.filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== ""),
  );
  const binding = request.getHooks()?.toObject() as Record<string, string[]> | undefined;
  const hooks = Object.fromEntries(
    HOOK_KINDS.map((kind) => [kind, binding?.[`${kind}List`] ?? []] as const).filter(([, names]) => names.length > 0),
  );
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    custom: request.getCustom(),
    inputs: unmarked(request.getObject()?.toJavaScript() ?? {}) as Readonly<Record<string, unknown>>,
    options: {
      ...(parent === "" || labelOf(parent).startsWith("Stack ") ? {} : { parent: labelOf(parent) }),
      dependsOn: [...new Set(request.getDependenciesList().map(labelOf))].sort(),
      // A provider reference is its URN and id.
      ...(provider === "" ? {} : { provider: labelOf(provider.slice(0, provider.lastIndexOf("::"))) }),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      ignoreChanges: request.getIgnorechangesList(),
      hooks,
      ...(Object.keys(customTimeouts).length === 0 ? {} : { customTimeouts }),
      ...rareOptions(request),
    },
  };
}

/** Without aliases and `replaceOnChanges`, which the SDKs give to many resources by themselves. */
function rareOptions(request: RegisterResourceRequest): Partial<RecordedOptions> {
  const additionalSecretOutputs = request.getAdditionalsecretoutputsList();
  return {
    ...(request.getDeletebeforereplacedefined() ? { deleteBeforeReplace: request.getDeletebeforereplace() } : {}),
    ...(additionalSecretOutputs.length === 0 ? {} : { additionalSecretOutputs }),
    ...(request.getImportid() === "" ? {} : { import: request.getImportid() }),
    ...(request.getDeletedwith() === "" ? {} : { deletedWith: labelOf(request.getDeletedwith()) }),
  };
}

/** The engine's marks for secrets and outputs as plain values: `{ "[secret]": VALUE }`. */
function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  if (object[SIGNATURE] === SECRET_SIGNATURE) return { [SECRET]: unmarked(object["value"]) };
  if (object[SIGNATURE] === OUTPUT_SIGNATURE) return unmarked(object["value"]);
  return Object.fromEntries(Object.entries(object).map(([key, field]) => [key, unmarked(field)]));
}

async function resolved(value: unknown): Promise<unknown> {
  return new Promise((resolve) => {
    (pulumi.output(value) as pulumi.Output<unknown>).apply(resolve);
  });
}

type Callback<T> = (error: Error | null, response: T) => void;

interface Monitor {
  registerResource(request: RegisterResourceRequest, callback: Callback<RegisterResourceResponse | undefined>): unknown;
}

interface Store {
  readonly settings: {
    engine:
      | {
          log(request: LogRequest, callback: Callback<unknown>): void;
          setRootResource(request: unknown, callback: Callback<unknown>): void;
        }
      | undefined;
  };
  callbacks:
    | {
        registerResourceHook(hook: pulumi.ResourceHook): Promise<void>;
        awaitStackRegistrations(): Promise<void>;
        shutdown(): void;
      }
    | undefined;
}

/** Parts of the SDK's runtime that inline programs are run with; its type declarations leave them out. */
const internals = state as unknown as {
  readonly LocalStore: new () => Store;
};
