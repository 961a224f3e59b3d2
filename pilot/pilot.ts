import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { canRollBack, type Stage } from "../migration/stages";
import { decide, isBad, stageAfter, withTrouble, type Approval, type Decision, type GateAnswer } from "./decide";
import {
  approvalOf,
  EventLog,
  holdingSince,
  unfinishedRollback,
  unfinishedStep,
  type PilotEvent,
  type PilotEventDraft,
} from "./events";
import { gateNow } from "./gateNow";
import { type MigrationStack } from "./migrationStack";
import { type Notifier, notifierOf } from "./notify";
import { takePilotLock } from "./pilotLock";
import { pagedSince } from "./notes";
import { viewOf, type StackView } from "./standing";
import { Steps } from "./steps";

/** What the pilot tells while it runs: one look, or one thing done. */
export interface PilotLook {
  readonly at: Date;
  readonly stage: Stage | null;
  readonly weightB: number;
  readonly decision: Decision;
  readonly gate: GateAnswer;
}

export interface PilotOptions {
  readonly goal: Stage;
  /** Who runs the pilot, for its events. */
  readonly by: string;
  /** Gets every look, for people to see. */
  readonly onLook?: ((look: PilotLook) => void) | undefined;
  /** Gets every event after it was written down. */
  readonly onEvent?: ((event: PilotEvent) => void) | undefined;
  /** Asks the pilot to end: the step at hand is finished or undone first. */
  readonly signal?: AbortSignal | undefined;
  readonly now?: (() => Date) | undefined;
  /** Divides the time between two looks; for a rehearsal that cannot wait. Never a limit, never a rate. */
  readonly pace?: number | undefined;
  /** Ends at the first thing that cannot be done at once: one step, for `advance`. */
  readonly once?: boolean | undefined;
  /** Settings that go with a stage when it is entered. */
  readonly settingsFor?: ((stage: Stage) => Promise<Readonly<Record<string, unknown>>>) | undefined;
}

/** How a run of the pilot ended. */
export interface PilotOutcome {
  readonly kind: "done" | "back" | "stopped" | "ended";
  readonly stage: Stage | null;
  readonly reasons: readonly string[];
}

/** After a failed step: once more right away for what passes by itself, then it is a hold like any other. */
const STEP_RETRIES = 1;
/** So often the stack is asked in a row before the pilot gives up, and so long after each failure. */
const LOOKS = 20;
const LOOK_AGAIN_MS = 15_000;
/** What is still to be told at the end of a run may take so long. */
const FLUSH_MS = 15_000;

/**
 * Walks the stages up to a goal: asks the gate, waits, enters the next stage, watches, and goes back to A when B is worse.
 * Everything it must know to go on after a crash is in the record, the stack file and its own events.
 */
export class Pilot {
  private readonly now: () => Date;
  private readonly steps: Steps;
  private waitedForRollback = false;
  private lastVerdict: string | undefined;
  private lastFigures = "";

  private constructor(
    private readonly stack: MigrationStack,
    private readonly options: PilotOptions,
    private readonly log: EventLog,
    private readonly notifier: Notifier,
  ) {
    this.now = options.now ?? (() => new Date());
    this.steps = new Steps(stack, async (draft) => this.note(draft), options.settingsFor);
  }

  /** @throws PilotLocked, SettingsRefused, or what the engine answers to the first look */
  static async run(stack: MigrationStack, options: PilotOptions): Promise<PilotOutcome> {
    const { settings, standing } = await viewOf(stack);
    const folder = resolve(stack.folder, settings.recordFolder);
    const release = await takePilotLock(folder);
    try {
      const log = new EventLog(folder, options.by, options.now ?? (() => new Date()));
      const notifier = notifierOf(stack.name, settings, log);
      const pilot = new Pilot(stack, options, log, notifier);
      await pilot.note({ event: "run-begun", goal: options.goal, stage: standing?.stage ?? null });
      const outcome = await pilot.loop();
      await pilot.note({ event: "run-ended", stage: outcome.stage, reason: outcome.reasons.join(" ") });
      await notifier.flush(FLUSH_MS);
      return outcome;
    } finally {
      await release();
    }
  }

  private async loop(): Promise<PilotOutcome> {
    for (;;) {
      const view = await this.view();
      const stage = view.standing?.stage ?? null;
      if (this.options.signal?.aborted === true) {
        await this.note({ event: "end-asked", stage });
        return { kind: "ended", stage, reasons: ["The pilot was asked to end; the stage stands as it is."] };
      }
      const begun = await this.wayBackBegun(view);
      if (begun === "elsewhere") continue;
      if (begun !== undefined) {
        const back = await this.goBack(view, begun.stage, begun.reasons);
        if (back !== undefined) return back;
        continue;
      }
      let gate = await gateNow(this.stack, view);
      if (stage !== null && unfinishedStep(await this.log.read()) === stage && !isBad(gate)) {
        const trouble = await this.steps.finish(stage);
        if (trouble === undefined) continue;
        gate = withTrouble(gate, stage, trouble);
      }
      const decision = await this.decide(view, gate);
      this.options.onLook?.({ at: this.now(), stage, weightB: view.standing?.weightB ?? 0, decision, gate });
      if (this.options.once === true && (decision.kind === "wait" || decision.kind === "page")) {
        return { kind: "stopped", stage, reasons: decision.reasons };
      }
      await this.noteVerdict(stage, gate);
      await this.noteFigures(view, gate);
      const outcome = await this.act(view, decision, gate);
      if (outcome !== undefined) return outcome;
      if (this.options.once === true && this.steps.failures > 0) {
        return { kind: "stopped", stage, reasons: [this.steps.lastFailure] };
      }
    }
  }

  /** A backend that does not answer for a while is no reason to leave the traffic alone. @throws when it goes on */
  private async view(): Promise<StackView> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await viewOf(this.stack);
      } catch (error) {
        if (attempt === LOOKS) throw error;
        await this.sleep(LOOK_AGAIN_MS / (this.options.pace ?? 1));
      }
    }
  }

  /** A way back that was begun and not ended, by this pilot's forerunner or by somebody else's hand. */
  private async wayBackBegun(
    view: StackView,
  ): Promise<{ readonly stage: Stage; readonly reasons: readonly string[] } | "elsewhere" | undefined> {
    const { settings, standing } = view;
    const begun = unfinishedRollback(await this.log.read());
    if (begun !== undefined) return begun;
    if (settings.stage !== "rollback" || standing === undefined || !canRollBack(standing.stage)) {
      this.waitedForRollback = false;
      return undefined;
    }
    if (!this.waitedForRollback) {
      // Whoever set it is probably at it: two ways back at once would end each other's update.
      this.waitedForRollback = true;
      await this.pause(view);
      return "elsewhere";
    }
    return { stage: standing.stage, reasons: ["The settings ask for rollback, and the record does not have it."] };
  }

  /** @returns undefined when B may still get requests: it is tried again at the next look */
  private async goBack(
    view: StackView,
    stage: Stage | null,
    reasons: readonly string[],
  ): Promise<PilotOutcome | undefined> {
    const { result, standing, trouble } = await this.steps.goBack(stage, reasons);
    const all = [...reasons, ...(trouble === undefined ? [] : [trouble])];
    if (result !== "not back" || this.options.once === true) {
      return { kind: "back", stage: standing?.stage ?? stage, reasons: all };
    }
    if (stage !== null && !pagedSince(await this.log.read(), stage)) {
      await this.note({ event: "page", stage, reasons: ["B MAY STILL GET REQUESTS: the way back failed", ...all] });
    }
    await this.pause(view);
    return undefined;
  }

  private async act(view: StackView, decision: Decision, gate: GateAnswer): Promise<PilotOutcome | undefined> {
    const stage = view.standing?.stage ?? null;
    const events = await this.log.read();
    const holding = holdingSince(events, stage) !== undefined;
    const holds = decision.kind === "page" || (decision.kind === "wait" && decision.hold);
    // A step that fails again and again is held, although the gate lets it pass.
    if (holding && !holds && this.steps.failures === 0) await this.note({ event: "hold-over", stage });
    switch (decision.kind) {
      case "done":
        return { kind: "done", stage, reasons: [decision.reason] };
      case "stop":
        return { kind: "stopped", stage, reasons: decision.reasons };
      case "back":
        return this.goBack(view, stage, decision.reasons);
      case "advance":
        await this.steps.advance(stage, decision.to, gate);
        if (this.steps.locked) await this.pause(view);
        if (this.steps.failures <= STEP_RETRIES) return undefined;
        return this.act(view, await this.decide(view, withTrouble(gate, decision.to, this.steps.lastFailure)), gate);
      case "page":
        if (stage !== null && !pagedSince(events, stage)) {
          await this.note({ event: "page", stage, reasons: decision.reasons });
        }
        await this.pause(view);
        return undefined;
      case "wait":
        if (decision.hold && !holding) await this.note({ event: "hold", stage, reasons: decision.reasons });
        await this.pause(view, decision.hold ? undefined : decision.until);
        return undefined;
    }
  }

  /** The judge's word, each time that it is another one. */
  private async noteVerdict(stage: Stage | null, { judge, checks }: GateAnswer): Promise<void> {
    const word = judge === undefined ? undefined : `${stage ?? ""} ${judge}`;
    if (judge === undefined || word === this.lastVerdict) return;
    this.lastVerdict = word;
    const reasons = checks.find(({ name }) => name === "judge")?.findings ?? [];
    await this.note({ event: "verdict", stage, verdict: judge, reasons });
  }

  /** What was measured while B has requests, each time that it is something new. */
  private async noteFigures({ standing }: StackView, { figures, judge }: GateAnswer): Promise<void> {
    if (figures === undefined || standing === undefined || standing.weightB === 0) return;
    const { stage, weightB } = standing;
    const measured = { stage, weightB, ...(judge === undefined ? {} : { verdict: judge }), ...figures };
    const text = JSON.stringify(measured);
    if (text === this.lastFigures) return;
    this.lastFigures = text;
    await this.note({ event: "measured", ...measured });
  }

  private async decide(view: StackView, gate: GateAnswer): Promise<Decision> {
    const { settings, standing } = view;
    const { trafficSteps, pilot } = settings;
    const stage = standing?.stage;
    const next = stageAfter(stage, trafficSteps);
    const events = await this.log.read();
    return decide({
      now: this.now(),
      stage,
      trafficSteps,
      goal: this.options.goal,
      gate,
      approval: next === undefined ? { state: "not needed" } : await this.approval(view, next, gate, events),
      holdingSince: holdingSince(events, stage ?? null),
      limits: pilot,
    });
  }

  /** Asked for only once everything else holds: nobody shall agree to what then waits for hours. */
  private async approval(
    { settings }: StackView,
    next: Stage,
    gate: GateAnswer,
    events: readonly PilotEvent[],
  ): Promise<Approval> {
    if (!settings.pilot.approvalStages.includes(next)) return { state: "not needed" };
    const newest = approvalOf(events, next);
    switch (newest?.event) {
      case "approval-given":
        return { state: "given", by: newest.name };
      case "approval-refused":
        return { state: "refused", by: newest.name, reason: newest.reason };
      case "approval-asked":
        return { state: "asked", since: new Date(newest.at) };
      case undefined:
        if (gate.verdict === "holds") await this.note({ event: "approval-asked", stage: next });
        return { state: "asked", since: this.now() };
    }
  }

  /** Until the next look, or the moment that is waited for when that is sooner; ends at once when the pilot shall end. */
  private async pause({ settings }: StackView, until?: Date): Promise<void> {
    const lookMs = (settings.pilot.lookSeconds * 1000) / (this.options.pace ?? 1);
    const left = until === undefined ? lookMs : Math.min(lookMs, Math.max(0, until.getTime() - this.now().getTime()));
    await this.sleep(Math.max(left, 50));
  }

  private async sleep(ms: number): Promise<void> {
    const { signal } = this.options;
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Asked to end: the loop sees it at its next turn.
    }
  }

  private async note(draft: PilotEventDraft): Promise<void> {
    const event = await this.log.append(draft);
    this.options.onEvent?.(event);
    this.notifier.tell(event);
  }
}
