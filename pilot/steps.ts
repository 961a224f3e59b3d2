import { type Stage } from "../migration/stages";
import { type GateAnswer } from "./decide";
import { enterStage } from "./enter";
import { type PilotEventDraft } from "./events";
import { isGone, lockHolders } from "./lockHolder";
import { EngineRefusal, type MigrationStack } from "./migrationStack";
import { changesOf, summaryOf } from "./notes";
import { rollBack, type RollbackOutcome } from "./rollback";

/** The whole of what an engine says may be long; the events are read at every look. */
const MOST_OF_A_REASON = 4000;

/** What the pilot does to the stack, each written down before and after. */
export class Steps {
  /** Steps in a row that could not be made; a lock that a dead process left is none. */
  failures = 0;
  /** What the engine said to the last of them. */
  lastFailure = "";
  /** Whether the last step met an update of somebody else. */
  locked = false;

  constructor(
    private readonly stack: MigrationStack,
    private readonly note: (draft: PilotEventDraft) => Promise<void>,
    private readonly settingsFor?: ((stage: Stage) => Promise<Readonly<Record<string, unknown>>>) | undefined,
  ) {}

  /** Enters a stage, or says in `failures` and `lastFailure` why not. */
  async advance(from: Stage | null, to: Stage, gate: GateAnswer): Promise<void> {
    if ((to === "complete" && from === "traffic-100") || (to === "decommission" && from === "complete")) {
      await this.note({ event: "soak-over", stage: from });
    }
    const settings = await this.settingsFor?.(to);
    await this.note({
      event: "stage-begun",
      stage: to,
      from,
      settings: await changesOf(this.stack, { stage: to, ...settings }),
      ...(gate.checks.length === 0
        ? {}
        : { decidedOn: gate.checks.map(({ name, verdict }) => ({ check: name, verdict })) }),
    });
    await this.tried(to, settings);
  }

  /** Makes a step that was begun to its end. @returns why that did not work */
  async finish(stage: Stage): Promise<string | undefined> {
    await this.note({ event: "step-resumed", stage });
    const before = this.failures;
    await this.tried(stage, undefined);
    return this.failures > before || this.lastFailure !== "" ? this.lastFailure : undefined;
  }

  /** All requests back to A. A pilot that is killed on the way finds the beginning in the events, and finishes it. */
  async goBack(stage: Stage | null, reasons: readonly string[]): Promise<RollbackOutcome> {
    const from = stage ?? "prepare";
    await this.note({ event: "rollback-begun", stage: from, reasons });
    const outcome = await rollBack(this.stack, { report: () => undefined });
    await this.note({
      event: "rollback",
      stage: from,
      reasons,
      result: outcome.result,
      decidedAt: outcome.decidedAt,
      ...(outcome.appliedAt === undefined ? {} : { appliedAt: outcome.appliedAt }),
    });
    return outcome;
  }

  private async tried(stage: Stage, settings: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    this.locked = false;
    try {
      const { preview, update } = await enterStage(this.stack, stage, settings === undefined ? {} : { settings });
      this.failures = 0;
      this.lastFailure = "";
      await this.note({
        event: "stage-ended",
        stage,
        previewSeconds: preview.seconds,
        updateSeconds: update.seconds,
        changes: summaryOf(update),
      });
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      await this.afterFailure(stage, error.message);
    }
  }

  /** A lock that a killed engine left behind is taken away; somebody else's update is waited for. */
  private async afterFailure(stage: Stage, message: string): Promise<void> {
    // The same refusal at every look is one thing that happened.
    if (message !== this.lastFailure) {
      await this.note({ event: "step-failed", stage, reason: message.slice(0, MOST_OF_A_REASON) });
    }
    this.lastFailure = message;
    const holders = lockHolders(message);
    if (holders?.every(isGone) === true) {
      await this.stack.cancel();
      return;
    }
    this.locked = holders !== undefined;
    this.failures += 1;
  }
}
