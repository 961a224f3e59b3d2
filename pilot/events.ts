import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Stage } from "../migration/stages";

/**
 * The pilot's own events, one JSON object a line, in `pilot.jsonl` of the record folder. The record says what stands; this
 * file says what the pilot saw and decided in between, and from it a pilot that was killed goes on with the right clocks.
 */
export type PilotEvent = { readonly at: string; readonly run: string; readonly by: string } & (
  | { readonly event: "run-begun"; readonly goal: Stage; readonly stage: Stage | null }
  | { readonly event: "run-ended"; readonly stage: Stage | null; readonly reason: string }
  | { readonly event: "stage-begun"; readonly stage: Stage; readonly from: Stage | null }
  | {
      readonly event: "stage-ended";
      readonly stage: Stage;
      readonly previewSeconds: number;
      readonly updateSeconds: number;
      /** The engine's change summary: how many steps of each kind. */
      readonly changes: Readonly<Record<string, number>>;
    }
  | { readonly event: "step-failed"; readonly stage: Stage; readonly reason: string }
  | {
      readonly event: "verdict";
      readonly stage: Stage | null;
      readonly verdict: string;
      readonly reasons: readonly string[];
    }
  /** The gate began to hold, or holds no more. */
  | { readonly event: "hold"; readonly stage: Stage | null; readonly reasons: readonly string[] }
  | { readonly event: "hold-over"; readonly stage: Stage | null }
  | { readonly event: "page"; readonly stage: Stage; readonly reasons: readonly string[] }
  | {
      readonly event: "rollback";
      readonly stage: Stage;
      readonly reasons: readonly string[];
      readonly result: string;
      readonly appliedAt?: string | undefined;
    }
  | { readonly event: "soak-over"; readonly stage: Stage }
  | { readonly event: "approval-asked"; readonly stage: Stage }
  | { readonly event: "approval-given"; readonly stage: Stage; readonly name: string }
  | { readonly event: "approval-refused"; readonly stage: Stage; readonly name: string; readonly reason: string }
  | { readonly event: "notification-failed"; readonly about: string; readonly reason: string }
);

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
    await appendFile(join(this.folder, FILE), `${JSON.stringify(event)}\n`, { mode: 0o600 });
    return event;
  }

  /** Every event so far, oldest first. A line that was cut off by a crash or a full disk is left out. */
  async read(): Promise<readonly PilotEvent[]> {
    return readEvents(this.folder);
  }
}

export async function readEvents(folder: string): Promise<readonly PilotEvent[]> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
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

/** Since when this stage is held without interruption; undefined when it is not. Entering a stage ends every hold. */
export function holdingSince(events: readonly PilotEvent[], stage: Stage | null): Date | undefined {
  let since: Date | undefined;
  for (const event of events) {
    if (event.event === "hold" && event.stage === stage) since ??= new Date(event.at);
    else if (event.event === "hold-over" || event.event === "stage-begun" || event.event === "rollback")
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
    if ((event.event === "stage-begun" && event.stage === stage) || event.event === "rollback") newest = undefined;
    else if (
      (event.event === "approval-asked" || event.event === "approval-given" || event.event === "approval-refused") &&
      event.stage === stage
    ) {
      newest = event;
    }
  }
  return newest;
}
