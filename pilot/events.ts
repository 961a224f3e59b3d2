import { randomBytes } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Stage } from "../migration/stages";
import { type Figures } from "./figures";
import { isMissingFile } from "../checks/missingFile";

/**
 * The pilot's own events, one JSON object a line, in `pilot.jsonl` of the record folder. The record says what stands; this
 * file says what the pilot saw and decided in between, and from it a pilot that was killed goes on with the right clocks.
 */
export type PilotEvent = { readonly at: string; readonly run: string; readonly by: string } & (
  | { readonly event: "run-begun"; readonly goal: Stage; readonly stage: Stage | null }
  | { readonly event: "run-ended"; readonly stage: Stage | null; readonly reason: string }
  | {
      readonly event: "stage-begun";
      readonly stage: Stage;
      readonly from: Stage | null;
      /** What the gate said when this was decided, check by check; absent for a new stack, which has no gate yet. */
      readonly decidedOn?: readonly { readonly check: string; readonly verdict: string }[] | undefined;
      /** Every setting that the step changes in the stack's file. Secrets are never among them. */
      readonly settings?: readonly SettingChange[] | undefined;
    }
  | {
      readonly event: "stage-ended";
      readonly stage: Stage;
      readonly previewSeconds: number;
      readonly updateSeconds: number;
      /** The engine's change summary: how many steps of each kind. */
      readonly changes: Readonly<Record<string, number>>;
    }
  /** A step that was begun and not ended, by a pilot or an engine that is no more, is made again to its end. */
  | { readonly event: "step-resumed"; readonly stage: Stage }
  | { readonly event: "step-failed"; readonly stage: Stage; readonly reason: string }
  | {
      readonly event: "verdict";
      readonly stage: Stage | null;
      readonly verdict: string;
      readonly reasons: readonly string[];
    }
  /** What was measured of A and B at a look, with the judge's word on it. */
  | ({
      readonly event: "measured";
      readonly stage: Stage;
      /** As ordered, percent. */
      readonly weightB: number;
      readonly verdict?: string | undefined;
    } & Figures)
  /** The gate began to hold, or holds no more. */
  | { readonly event: "hold"; readonly stage: Stage | null; readonly reasons: readonly string[] }
  | { readonly event: "hold-over"; readonly stage: Stage | null }
  | { readonly event: "page"; readonly stage: Stage; readonly reasons: readonly string[] }
  /** Written before anything is done: a pilot that is killed on the way finishes it. */
  | { readonly event: "rollback-begun"; readonly stage: Stage; readonly reasons: readonly string[] }
  | {
      readonly event: "rollback";
      readonly stage: Stage;
      readonly reasons: readonly string[];
      readonly result: string;
      readonly decidedAt?: string | undefined;
      readonly appliedAt?: string | undefined;
    }
  /** A person ended the run by Ctrl-C or a signal. */
  | { readonly event: "end-asked"; readonly stage: Stage | null }
  | { readonly event: "soak-over"; readonly stage: Stage }
  | { readonly event: "approval-asked"; readonly stage: Stage }
  | { readonly event: "approval-given"; readonly stage: Stage; readonly name: string }
  | { readonly event: "approval-refused"; readonly stage: Stage; readonly name: string; readonly reason: string }
  | { readonly event: "notification-failed"; readonly about: string; readonly reason: string }
);

/** One setting before and after; null: it is not in the file. */
export interface SettingChange {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** An event without what the log itself fills in. */
export type PilotEventDraft = PilotEvent extends infer E
  ? E extends PilotEvent
    ? Omit<E, "at" | "run" | "by">
    : never
  : never;

const FILE = "pilot.jsonl";

/** Appends to and reads `pilot.jsonl`. */
export class EventLog {
  /** Id of this run of the pilot. */
  readonly run = randomBytes(6).toString("hex");

  constructor(
    private readonly folder: string,
    private readonly by: string,
    private readonly now: () => Date,
  ) {}

  async append(draft: PilotEventDraft): Promise<PilotEvent> {
    const event: PilotEvent = { at: this.now().toISOString(), run: this.run, by: this.by, ...draft };
    await mkdir(this.folder, { recursive: true });
    await appendLine(join(this.folder, FILE), JSON.stringify(event));
    return event;
  }

  /** Every event so far, oldest first. A line that was cut off by a crash or a full disk is left out. */
  async read(): Promise<readonly PilotEvent[]> {
    return readEvents(this.folder);
  }
}

/** A line that a crash cut off stays alone: what comes after it begins on a line of its own. */
async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, "a+", 0o600);
  try {
    const { size } = await file.stat();
    const { buffer } = size === 0 ? { buffer: Buffer.from("\n") } : await file.read(Buffer.alloc(1), 0, 1, size - 1);
    await file.appendFile(`${buffer.toString() === "\n" ? "" : "\n"}${line}\n`);
  } finally {
    await file.close();
  }
}

export async function readEvents(folder: string): Promise<readonly PilotEvent[]> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), "utf8");
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as PilotEvent];
    } catch {
      return [];
    }
  });
}

/**
 * Since when this stage is held without interruption; undefined when it is not. A stage that was entered ends every hold;
 * one that was only begun does not: what cannot be entered is held.
 */
export function holdingSince(events: readonly PilotEvent[], stage: Stage | null): Date | undefined {
  let since: Date | undefined;
  for (const event of events) {
    if (event.event === "hold" && event.stage === stage) since ??= new Date(event.at);
    else if (event.event === "hold-over" || event.event === "stage-ended" || event.event === "rollback")
      since = undefined;
  }
  return since;
}

/** The newest word on a stage's approval since it was last asked for; undefined when it never was. */
export function approvalOf(
  events: readonly PilotEvent[],
  stage: Stage,
): Extract<PilotEvent, { event: "approval-asked" | "approval-given" | "approval-refused" }> | undefined {
  let newest: ReturnType<typeof approvalOf>;
  for (const event of events) {
    // What was agreed to once is used up by entering the stage, and by every way back.
    if ((event.event === "stage-ended" && event.stage === stage) || event.event === "rollback") newest = undefined;
    else if (
      (event.event === "approval-asked" || event.event === "approval-given" || event.event === "approval-refused") &&
      event.stage === stage
    ) {
      newest = event;
    }
  }
  return newest;
}

/** The stage that was begun last and not ended since: by a pilot that was killed, or because the update failed. */
export function unfinishedStep(events: readonly PilotEvent[]): Stage | undefined {
  let open: Stage | undefined;
  for (const event of events) {
    if (event.event === "stage-begun") open = event.stage;
    else if (event.event === "stage-ended" || event.event === "rollback") open = undefined;
  }
  return open;
}

/** The way back that was begun last and not ended since. */
export function unfinishedRollback(
  events: readonly PilotEvent[],
): Extract<PilotEvent, { event: "rollback-begun" }> | undefined {
  let open: ReturnType<typeof unfinishedRollback>;
  for (const event of events) {
    if (event.event === "rollback-begun") open = event;
    else if (event.event === "stage-ended") open = undefined;
    // One that failed is still to be done.
    else if (event.event === "rollback" && event.result !== "not back") open = undefined;
  }
  return open;
}
