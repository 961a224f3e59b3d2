import { randomBytes } from "node:crypto";
import {
  PartialFailure,
  type Failure,
  type Props,
  type ResourceContext,
  type ResourceType,
  UNKNOWN,
} from "../framework";
import { type Answer, call, type Look, OperationFailed } from "./client";
import { MODELLED, type ModelledPath } from "./modelled";
import { reconcile } from "./reconcile";
import { allTags, ownTags } from "./tags";

/** Characters that the provider adds to names which it makes up. */
const RANDOM_CHARACTERS = 7;

/** One resource type of the stand-in. */
export interface AwsType {
  readonly token: string;
  /** Where the local AWS has its operations. */
  readonly path: ModelledPath;
  readonly replaceOn: readonly string[];
  readonly defaults?: Props;
  readonly updatedOutputs?: readonly string[];
  readonly secretOutputs?: readonly string[];
  /** The name that is made up from the resource's own where the program gives none. */
  readonly autoName?: { readonly property: string; readonly maximum: number; readonly lowerCase?: true };
  /** Inputs that AWS does not tell: they are as they were written last. */
  readonly untold?: readonly string[];
  /** Whether a live value means the same as the one written, beyond the general rules. */
  readonly same?: (property: string, before: unknown, live: unknown) => boolean;
  /** What neither the schema nor the list of modelled inputs can say. */
  readonly check?: (news: Props) => readonly Failure[];
}

/** The framework's form of a type: every operation is one request to the local AWS. */
export function resourceType(type: AwsType): ResourceType {
  const { autoName, path, untold = [] } = type;
  const prefix = autoName === undefined ? undefined : `${autoName.property}Prefix`;

  /** Inputs as they are sent: with a name and with all tags. */
  const wire = (inputs: Props, ctx: ResourceContext, oldName?: unknown): Props => {
    const sent = Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== prefix));
    const tags = path === "cloudwatch/dashboard" ? {} : { tags: allTags(inputs["tags"], ctx.config) };
    if (autoName === undefined) return { ...sent, ...tags };
    const name = inputs[autoName.property] ?? oldName ?? madeUp(autoName, inputs[prefix ?? ""], ctx.urn);
    return { ...sent, ...tags, [autoName.property]: name };
  };

  /** A look at the world, in the form in which the program wrote it. */
  const seen = (
    look: Look,
    before: Props,
    ctx: ResourceContext,
  ): { readonly inputs: Props; readonly outputs: Props } => {
    const live = Object.entries(look.inputs).map(([key, value]) => {
      const same = type.same?.(key, before[key], value) === true;
      return [key, same ? before[key] : reconcile(before[key], value)] as const;
    });
    const kept = [...untold, ...(prefix === undefined ? [] : [prefix])].map((key) => [key, before[key]] as const);
    const tags = ownTags(look.inputs["tags"], before["tags"], ctx.config);
    const inputs = { ...Object.fromEntries([...live, ...kept]), tags };
    return { inputs, outputs: { ...inputs, ...look.computed, tagsAll: look.inputs["tags"] } };
  };

  const ask = async (operation: string, body: object, before: Props, ctx: ResourceContext): Promise<Answer> => {
    try {
      return await call(`${path}/${operation}`, body, ctx);
    } catch (error) {
      if (!(error instanceof OperationFailed) || error.partial === undefined) throw error;
      const { outputs } = seen(error.partial, before, ctx);
      throw new PartialFailure(error.partial.id, outputs, [error.message]);
    }
  };

  return {
    token: type.token,
    replaceOn: [...type.replaceOn, "region"],
    ...(type.defaults === undefined ? {} : { defaults: type.defaults }),
    ...(type.updatedOutputs === undefined ? {} : { updatedOutputs: type.updatedOutputs }),
    ...(type.secretOutputs === undefined ? {} : { secretOutputs: type.secretOutputs }),

    check: (news, _olds, ctx) => [
      ...unmodelled(path, news, prefix),
      ...(autoName === undefined ? [] : nameFaults(autoName, news, ctx.urn)),
      ...(type.check?.(news) ?? []),
    ],

    async create(inputs, ctx) {
      const answer = await ask("create", { inputs: wire(inputs, ctx) }, inputs, ctx);
      return { id: answer.id ?? "", outputs: seen(whole(answer), inputs, ctx).outputs };
    },

    async read(id, state, ctx) {
      const answer = await ask("read", { id }, state, ctx);
      return answer.inputs === undefined ? undefined : { id, ...seen(whole(answer), state, ctx) };
    },

    async update(id, oldOutputs, news, _oldInputs, ctx) {
      const oldName = autoName === undefined ? undefined : oldOutputs[autoName.property];
      const answer = await ask("update", { id, inputs: wire(news, ctx, oldName) }, news, ctx);
      for (const note of answer.notes ?? []) ctx.log("warning", note);
      return seen(whole(answer), news, ctx).outputs;
    },

    async delete(id, outputs, ctx) {
      const inputs = Object.fromEntries(untold.map((key) => [key, outputs[key]]));
      await call(`${path}/delete`, { id, inputs }, ctx);
    },
  };
}

function whole({ inputs, computed }: Answer): Look {
  if (inputs === undefined || computed === undefined) throw new Error("The local AWS answered without a resource.");
  return { inputs, computed };
}

function unmodelled(path: ModelledPath, news: Props, prefix: string | undefined): Failure[] {
  const known: readonly string[] = MODELLED[path];
  return Object.keys(news)
    .filter((key) => !known.includes(key) && key !== prefix)
    .map((property) => ({
      property,
      reason: "The local AWS does not model this input, so a rehearsal cannot try it. Leave it out.",
    }));
}

type AutoName = NonNullable<AwsType["autoName"]>;

/** As the real provider makes names up: the resource's name and random hexadecimal digits. */
function madeUp({ maximum, lowerCase }: AutoName, prefix: unknown, urn: string): string {
  const random = randomBytes(16).toString("hex");
  if (typeof prefix === "string") return `${prefix}${random}`.slice(0, Math.min(maximum, prefix.length + 26));
  const name = `${nameOf(urn)}-${random.slice(0, RANDOM_CHARACTERS)}`;
  return lowerCase === true ? name.toLowerCase() : name;
}

function nameFaults({ property, maximum }: AutoName, news: Props, urn: string): Failure[] {
  const prefixProperty = `${property}Prefix`;
  const [name, prefix] = [news[property], news[prefixProperty]];
  if (name !== undefined && prefix !== undefined) {
    return [{ property: prefixProperty, reason: `Conflicts with ${property}: give one of them.` }];
  }
  if (typeof prefix === "string" && prefix !== UNKNOWN && prefix.length > maximum - RANDOM_CHARACTERS) {
    return [
      { property: prefixProperty, reason: `"${prefix}" leaves no room for a suffix: ${maximum} characters in all.` },
    ];
  }
  if (name !== undefined || prefix !== undefined) return [];
  const length = nameOf(urn).length + 1 + RANDOM_CHARACTERS;
  if (length <= maximum) return [];
  const reason = `The made-up name "${nameOf(urn)}-" plus ${RANDOM_CHARACTERS} random characters has ${length} characters; at most ${maximum} fit. Give a ${property} or a shorter resource name.`;
  return [{ property, reason }];
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? urn;
}
