import { type ProviderSchema } from "./schema";

/**
 * Properties of a resource, a provider or a call, as plain JSON values. Secret wrappers are stripped (the engine marks
 * same-named properties again), `null` and absent are the same, and a value that is not known yet, which happens in
 * previews only, is the constant `UNKNOWN`, at any depth.
 */
export type Props = Readonly<Record<string, unknown>>;

/** One thing wrong with one input. */
export interface Failure {
  /** Path of the property, as `defaultActions[0].forward.targetGroups[0].weight`. */
  readonly property: string;
  /** What was seen, what was expected, what to do. Never holds the value of something that may be secret. */
  readonly reason: string;
}

/** How a line is shown; `status` is seen only while the resource is worked on, and is not kept. */
export type Severity = "status" | "info" | "warning" | "error";

/** What a call knows besides its own inputs. */
export interface ResourceContext {
  /** Aborted when the engine cancels the operation, and when the engine goes away. Long calls must end then. */
  readonly signal: AbortSignal;
  /** The provider's settings, decoded: nested ones are objects, not JSON texts. */
  readonly config: Props;
  /**
   * True in a preview. Only known for invokes: the engine's checks do not say it, and `create`, `read`, `update` and
   * `delete` are never called in one (the framework answers previews itself), so it is false there.
   */
  readonly dryRun: boolean;
  /** Shows a line to the operator, under the resource that is being worked on unless another URN is given. */
  log(severity: Severity, message: string, urn?: string): void;
  /** The resource's URN; empty for invokes. */
  readonly urn: string;
  /** Time limit of this call from the resource's `customTimeouts`, in seconds; absent where none was set. */
  readonly timeoutSeconds?: number;
}

export interface Created {
  readonly id: string;
  /** All outputs. Inputs that are not repeated here are added by the framework. */
  readonly outputs: Props;
}

export interface Live {
  readonly id: string;
  /**
   * The inputs as they are in the world now. On `refresh` the framework keeps of objects only those keys which the
   * program gave before, and all keys of maps (like tags); on `import` it keeps everything. Left out: as before.
   */
  readonly inputs?: Props;
  readonly outputs: Props;
}

/** One resource type. State lives in the cloud behind it, never in the plugin: a plugin's process lives for one operation. */
export interface ResourceType {
  /** As in the SDK, e.g. `aws:lb/listener:Listener`. */
  readonly token: string;
  /**
   * Inputs that cannot be changed on a living resource: top-level names or dotted paths, `*` for any element or key
   * (`a.*.b`). A change at or below such a path, to an unknown value too, is a replacement.
   */
  readonly replaceOn: readonly string[];
  /** Whether a replacement must delete the old one first (names that can exist only once). Default: false. */
  readonly deleteBeforeReplace?: boolean;
  /** Top-level inputs that the real provider fills in at check where the program leaves them out. */
  readonly defaults?: Props;
  /** Outputs that are secret in the state whatever the inputs are. */
  readonly secretOutputs?: readonly string[];
  /**
   * Outputs that an update may change: unknown in the preview of an update. All other outputs are shown as they were.
   * Default: none.
   */
  readonly updatedOutputs?: readonly string[];
  /**
   * What the schema cannot say. Runs only when the schema holds. Inputs may be `UNKNOWN` at any depth.
   * `olds` are the inputs before; absent for a new resource.
   */
  check?(news: Props, olds: Props | undefined, ctx: ResourceContext): readonly Failure[] | Promise<readonly Failure[]>;
  /** @throws PartialFailure when the resource exists but is not well; any other error when nothing was made */
  create(inputs: Props, ctx: ResourceContext): Promise<Created>;
  /**
   * For `refresh` and `import`. `state` are the outputs before; empty on import. Answers `undefined` when the resource
   * is gone. Without this function a refresh takes the state as it is, and an import is refused.
   */
  read?(id: string, state: Props, ctx: ResourceContext): Promise<Live | undefined>;
  /**
   * Answers the new outputs. Without this function every change is a replacement.
   * @throws PartialFailure when the change was made but the resource is not well; any other error keeps the old state
   */
  update?(id: string, oldOutputs: Props, news: Props, oldInputs: Props, ctx: ResourceContext): Promise<Props>;
  /** Must succeed when the resource is already gone. */
  delete(id: string, outputs: Props, ctx: ResourceContext): Promise<void>;
}

/** One data source. Answers its results. */
export type Invoke = (args: Props, ctx: ResourceContext) => Promise<Props>;

/** One plugin. */
export interface ProviderDefinition {
  /** The package's name, as `aws`. */
  readonly name: string;
  /** The version of the SDK that it stands for, without "v". */
  readonly version: string;
  readonly types: readonly ResourceType[];
  readonly invokes?: Readonly<Record<string, Invoke>>;
  /** What the schema of the provider's settings cannot say. Settings may be `UNKNOWN`. */
  checkConfig?(news: Props): readonly Failure[];
  /** Called once, before any resource, with decoded and known settings. */
  configure?(config: Props): Promise<void>;
  /**
   * Settings of the provider whose change replaces every resource of it: always, or those named for these settings before
   * and now. Settings may be `UNKNOWN`.
   */
  readonly replaceProviderOn?: readonly string[] | ((olds: Props, news: Props) => readonly string[]);
  /** Known properties of every type. Default: the derived file `rehearsal/providers/schema/<name>.json`. */
  readonly schema?: ProviderSchema;
}

/**
 * Thrown by `create` and `update` when the resource is there but is not what was asked for, as a Helm release whose
 * pods did not become ready in time: the engine keeps it in the state, fails the operation with the reasons, and the
 * next `up` updates it.
 */
export class PartialFailure extends Error {
  override readonly name = "PartialFailure";

  constructor(
    readonly id: string,
    readonly outputs: Props,
    readonly reasons: readonly string[],
  ) {
    super(reasons.join("; "));
  }
}
