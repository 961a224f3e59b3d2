import { diffInputs, type Change } from "./diff";
import { nearest } from "./nearest";
import { projectLive } from "./projectLive";
import { type ObjectSchema, type ProviderSchema, type ResourceSchema } from "./schema";
import {
  type Created,
  type Failure,
  type Live,
  type Props,
  type ProviderDefinition,
  type ResourceContext,
  type ResourceType,
} from "./types";
import { UNKNOWN, asSecret } from "./values";
import { validate } from "./validate";

/** What a diff answers. */
export interface Difference {
  readonly changes: readonly Change[];
  readonly deleteBeforeReplace: boolean;
}

export interface Checked {
  readonly inputs: Props;
  readonly failures: readonly Failure[];
}

type Config = Props;

/**
 * What a plugin answers to the engine, free of gRPC: a definition together with its schema. Every method takes and
 * gives plain properties; only results of `create`, `read` and `update` hold secret wrappers.
 */
export class Provider {
  private readonly types: ReadonlyMap<string, { readonly type: ResourceType; readonly schema: ResourceSchema }>;

  /** @throws when a type of the definition has no schema */
  constructor(
    readonly definition: ProviderDefinition,
    private readonly schema: ProviderSchema,
  ) {
    const described = definition.types.map((type) => {
      const found = schema.resources[type.token];
      if (found === undefined) {
        throw new Error(
          `The plugin "${definition.name}" serves ${type.token}, and its schema does not describe it. ` +
            `Add the type to rehearsal/providers/schema/types.json and derive the schema anew.`,
        );
      }
      return [type.token, { type, schema: found }] as const;
    });
    this.types = new Map(described);
  }

  /** The provider's own settings: nested ones decoded, then compared with the schema. */
  checkConfig(news: Props): Checked {
    const { config, failures } = this.decode(news);
    if (failures.length > 0) {
      return { inputs: news, failures };
    }
    const found = validate(config, this.schema.config, this.schema.types);
    return { inputs: news, failures: found.length > 0 ? found : (this.definition.checkConfig?.(config) ?? []) };
  }

  diffConfig(olds: Props, news: Props, ignoreChanges: readonly string[]): Difference {
    const before = this.decode(olds).config;
    const now = this.decode(news).config;
    const { replaceProviderOn = [] } = this.definition;
    const replaceOn = typeof replaceProviderOn === "function" ? replaceProviderOn(before, now) : replaceProviderOn;
    const changes = diffInputs(before, now, { replaceOn, ignoreChanges });
    return { changes, deleteBeforeReplace: false };
  }

  /** @throws on settings that `checkConfig` refuses */
  async configure(args: Props): Promise<Config> {
    const { failures } = this.checkConfig(args);
    if (failures.length > 0) {
      const reasons = failures.map(({ property, reason }) => `${property} ${reason}`);
      throw new Error(`The settings of provider "${this.definition.name}" do not hold: ${reasons.join("; ")}`);
    }
    const { config } = this.decode(args);
    await this.definition.configure?.(config);
    return config;
  }

  async check(token: string, news: Props, olds: Props | undefined, ctx: ResourceContext): Promise<Checked> {
    const { type, schema } = this.find(token);
    const inputs = { ...type.defaults, ...news };
    const failures = validate(inputs, schema.inputs, this.schema.types);
    return { inputs, failures: failures.length > 0 ? failures : ((await type.check?.(inputs, olds, ctx)) ?? []) };
  }

  diff(token: string, oldInputs: Props, news: Props, ignoreChanges: readonly string[]): Difference {
    const { type } = this.find(token);
    // A type that knows no update can only be replaced.
    const replaceOn = type.update === undefined ? Object.keys({ ...oldInputs, ...news }) : type.replaceOn;
    const changes = diffInputs(oldInputs, news, { replaceOn, ignoreChanges });
    return { changes, deleteBeforeReplace: type.deleteBeforeReplace ?? false };
  }

  /** What is known of a new resource before it is made: its inputs. Everything left out counts as not known. */
  previewCreate(token: string, inputs: Props): Props {
    this.find(token);
    return inputs;
  }

  async create(token: string, inputs: Props, ctx: ResourceContext): Promise<Created> {
    const { type } = this.find(token);
    const { id, outputs } = await type.create(inputs, ctx);
    return { id, outputs: this.complete(token, inputs, outputs) };
  }

  /** What is known of a resource after an update before it is done: its inputs, and outputs that no update changes. */
  previewUpdate(token: string, oldOutputs: Props, oldInputs: Props, news: Props): Props {
    const { type, schema } = this.find(token);
    const changing = new Set(type.updatedOutputs);
    const kept = Object.entries(oldOutputs).filter(
      ([name]) => !changing.has(name) && (!(name in schema.inputs) || !(name in oldInputs)),
    );
    // Outputs of the class that are neither kept nor given by the program are left out: not known.
    const state = { ...Object.fromEntries(kept), ...news };
    return this.markSecrets(type, state);
  }

  async update(
    token: string,
    id: string,
    oldOutputs: Props,
    news: Props,
    oldInputs: Props,
    ctx: ResourceContext,
  ): Promise<Props> {
    const { type } = this.find(token);
    if (type.update === undefined) {
      throw new Error(`${token} cannot be updated, only replaced.`);
    }
    return this.complete(token, news, await type.update(id, oldOutputs, news, oldInputs, ctx));
  }

  /** `inputs` are those of the state; empty or absent when this is an import. */
  async read(
    token: string,
    id: string,
    state: Props,
    inputs: Props | undefined,
    ctx: ResourceContext,
  ): Promise<Live | undefined> {
    const { type, schema } = this.find(token);
    const imports = inputs === undefined || Object.keys(inputs).length === 0;
    if (type.read === undefined) {
      if (imports) {
        throw new Error(`${token} cannot be imported.`);
      }
      return { id, inputs, outputs: this.markSecrets(type, state) };
    }
    const live = await type.read(id, state, ctx);
    if (live === undefined) {
      return undefined;
    }
    const seen = live.inputs ?? inputs ?? {};
    const liveInputs = imports ? seen : projectLive(seen, inputs, schema.inputs, this.schema.types);
    return { id: live.id, inputs: liveInputs, outputs: this.complete(token, liveInputs, live.outputs) };
  }

  async delete(token: string, id: string, outputs: Props, ctx: ResourceContext): Promise<void> {
    await this.find(token).type.delete(id, outputs, ctx);
  }

  async invoke(token: string, args: Props, ctx: ResourceContext): Promise<Props> {
    const invokes = this.definition.invokes ?? {};
    const found = Object.hasOwn(invokes, token) ? invokes[token] : undefined;
    if (found === undefined) {
      throw new Error(this.unknownToken("data source", token, Object.keys(invokes)));
    }
    return found(args, ctx);
  }

  /** The state of a partial failure, as of a success. */
  complete(token: string, inputs: Props, outputs: Props): Props {
    return this.markSecrets(this.find(token).type, { ...inputs, ...outputs });
  }

  private find(token: string): { readonly type: ResourceType; readonly schema: ResourceSchema } {
    const found = this.types.get(token);
    if (found === undefined) {
      throw new Error(this.unknownToken("resource type", token, [...this.types.keys()]));
    }
    return found;
  }

  private unknownToken(what: string, token: string, known: readonly string[]): string {
    const close = nearest(token, known);
    const hint =
      close === undefined ? `It knows: ${[...known].sort().join(", ") || "none"}.` : `Did you mean ${close}?`;
    return `The stand-in plugin "${this.definition.name}" knows no ${what} ${token}. ${hint}`;
  }

  private markSecrets(type: ResourceType, outputs: Props): Props {
    const secret = (type.secretOutputs ?? []).filter(
      (name) => outputs[name] !== undefined && outputs[name] !== UNKNOWN,
    );
    return { ...outputs, ...Object.fromEntries(secret.map((name) => [name, asSecret(outputs[name])])) };
  }

  /** The SDK sends settings that are no strings as JSON texts. */
  private decode(args: Props): { readonly config: Config; readonly failures: readonly Failure[] } {
    const failures: Failure[] = [];
    const entries = Object.entries(args)
      .filter(([key]) => !ENGINE_KEYS.has(key))
      .map(([key, value]): readonly [string, unknown] => {
        if (typeof value !== "string" || value === UNKNOWN || !isEncoded(this.schema.config, key)) {
          return [key, value];
        }
        try {
          return [key, JSON.parse(value)];
        } catch {
          failures.push({ property: key, reason: "must be a JSON text, as the SDK sends it, and is another text" });
          return [key, value];
        }
      });
    return { config: Object.fromEntries(entries), failures };
  }
}

/** What the engine keeps among a provider's settings for itself. */
const ENGINE_KEYS: ReadonlySet<string> = new Set(["version", "pluginDownloadURL", "pluginChecksums", "__internal"]);

function isEncoded(config: ObjectSchema, key: string): boolean {
  const property = Object.hasOwn(config, key) ? config[key] : undefined;
  return property !== undefined && property.type !== "string" && property.type !== "any";
}
