import { type Stage } from "../migration/stages";
import { type MigrationStack, type Operation, type UpdateOptions } from "./migrationStack";
import { readFromStackFile } from "./stackFile";

/** One stage entered: what a preview said, and what the update did. */
export interface Entered {
  readonly preview: Operation;
  readonly update: Operation;
}

export interface EnterOptions extends Pick<UpdateOptions, "signal" | "onBegin"> {
  /** Settings that go with the stage, such as `acknowledgeRollback`; undefined removes one. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Gets the preview before anything is changed; may throw to leave it at that. */
  readonly onPreview?: ((preview: Operation) => void) | undefined;
}

/**
 * Enters a stage as an operator does: the value in the stack file, a preview, an update. One implementation for the pilot
 * and the rehearsal.
 *
 * When the preview is refused, the file gets its old values back: nothing was touched, and the file says what stands. When
 * the update fails, the value stays: part of it may have been done, and running it again is what mends it.
 *
 * @throws EngineRefusal
 */
export async function enterStage(stack: MigrationStack, stage: Stage, options: EnterOptions = {}): Promise<Entered> {
  const { settings, onPreview, signal, onBegin } = options;
  const preview = await withSettings(stack, { stage, ...settings }, async () => {
    const seen = await stack.preview(signal === undefined ? {} : { signal });
    onPreview?.(seen);
    return seen;
  });
  const update = await stack.up({
    ...(signal === undefined ? {} : { signal }),
    ...(onBegin === undefined ? {} : { onBegin }),
  });
  return { preview, update };
}

/** What entering a stage would change. The stack file is as it was afterwards. @throws EngineRefusal */
export async function enterPreview(stack: MigrationStack, stage: Stage): Promise<Operation> {
  const before = await valuesOf(stack, ["stage"]);
  try {
    await stack.configure({ stage });
    return await stack.preview();
  } finally {
    await stack.configure(before);
  }
}

/** Sets the values, and puts the old ones back when what follows throws. */
async function withSettings<T>(
  stack: MigrationStack,
  wanted: Readonly<Record<string, unknown>>,
  then: () => Promise<T>,
): Promise<T> {
  const before = await valuesOf(stack, Object.keys(wanted));
  await stack.configure(wanted);
  try {
    return await then();
  } catch (error) {
    await stack.configure(before);
    throw error;
  }
}

async function valuesOf(stack: MigrationStack, keys: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const values = await Promise.all(
    keys.map(async (key) => [key, await readFromStackFile(stack.folder, stack.name, key)] as const),
  );
  return Object.fromEntries(values);
}
