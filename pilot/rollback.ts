import { setTimeout as sleep } from "node:timers/promises";
import { bareCall } from "../migration/bareCall";
import { canRollBack, setStageCommand } from "../migration/stages";
import { endHolder, lockHolders, type HolderEnd, type LockHolder } from "./lockHolder";
import { giveAllToA, liveWeights, type LiveWeights } from "./liveWeights";
import { type MigrationStack, type Operation } from "./migrationStack";
import { readFromStackFile } from "./stackFile";
import { recordOf, standingOf, weightCarriers, type StackState, type Standing, type WeightCarrier } from "./stackState";

export interface RollbackOptions {
  /** Makes the bare load balancer call before anything else, and reconciles the state after it. */
  readonly direct?: boolean | undefined;
  /** Where the carriers are read from for `direct` when the state cannot be read: a saved `pulumi stack export`. */
  readonly savedState?: (() => Promise<StackState>) | undefined;
  /** Gets a line for each thing done, as it is done. */
  readonly report: (line: string) => void;
  /** When the way back was decided. Default: now. */
  readonly decision?: Date | undefined;
}

/** What a rollback did, and what is true afterwards. */
export interface RollbackOutcome {
  /** `back`: the load balancer was seen to give A everything. `unseen`: the engine or AWS took it, nobody could look. */
  readonly result: "back" | "unseen" | "not back" | "refused";
  readonly decidedAt: string;
  /** When the engine, or with `direct` AWS, reported the last weights set; undefined when nothing had to be set. */
  readonly appliedAt?: string | undefined;
  /** The engine's update, when it went through. */
  readonly update?: Operation | undefined;
  /** What was in the way, and what became of it. */
  readonly ended: readonly { readonly holder: LockHolder; readonly end: HolderEnd }[];
  readonly live: readonly LiveWeights[];
  readonly standing: Standing | undefined;
  /** Why, when `result` is neither `back` nor `unseen`. */
  readonly trouble?: string | undefined;
}

/** The lock is taken away and tried again this often; somebody's retry may take it again in between. */
const ATTEMPTS = 5;
/** After a cancelled update of another machine, which may still be running: how long its weights are looked for. */
const WATCH_MS = 10_000;
const WATCH_EVERY_MS = 1_000;

/**
 * Brings all requests back to A: the stage value, then one targeted update of everything that carries weights and of the
 * gate. An update that is in the way is ended. Needs nothing of cluster B, no database, no metrics, no notification.
 *
 * Never throws for what the engine or AWS answers: the outcome says it.
 */
export async function rollBack(stack: MigrationStack, options: RollbackOptions): Promise<RollbackOutcome> {
  const decision = options.decision ?? new Date();
  const run = new Run(stack, options, decision);
  if (options.direct === true && !(await run.direct())) return run.outcome();
  await run.byEngine();
  return run.outcome();
}

class Run {
  private appliedAt: Date | undefined;
  private update: Operation | undefined;
  private trouble: string | undefined;
  private refused = false;
  private readonly ended: { holder: LockHolder; end: HolderEnd }[] = [];

  constructor(
    private readonly stack: MigrationStack,
    private readonly options: RollbackOptions,
    private readonly decision: Date,
  ) {}

  /** The bare call for every carrier. @returns whether the engine shall go on */
  async direct(): Promise<boolean> {
    const state = await this.readState();
    if (state === undefined) {
      this.options.report(
        "The state could not be read, so the load balancer's rules are not known here; the engine tries.",
      );
      return true;
    }
    const standing = standingQuietly(state);
    if (standing !== undefined && !goesBack(standing)) {
      this.refuse(standing);
      return false;
    }
    await this.callForA(weightCarriers(state));
    return true;
  }

  /** The stage value and the targeted update. */
  async byEngine(): Promise<void> {
    const { stack, options } = this;
    const before = await readFromStackFile(stack.folder, stack.name, "stage").catch(() => undefined);
    try {
      await stack.configure({ stage: "rollback" });
    } catch (error) {
      this.trouble = `the stack file could not be changed: ${messageOf(error)}`;
      await this.withoutEngine();
      return;
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.update = await stack.wayBack();
        this.trouble = undefined;
        const set = this.update.changes.filter(carriesWeights).at(-1);
        if (set !== undefined) this.appliedAt ??= set.at;
        break;
      } catch (error) {
        this.trouble = messageOf(error);
        const holders = lockHolders(this.trouble);
        if (holders === undefined || attempt === ATTEMPTS) break;
        await this.clear(holders);
      }
    }
    if (this.trouble === undefined) return;
    if (/move from .* is not legal/i.test(this.trouble) && this.appliedAt === undefined) {
      // Nothing was to be rolled back; the old value must not stay replaced by one that no update accepts.
      this.refused = true;
      await stack.configure({ stage: typeof before === "string" ? before : undefined });
      return;
    }
    options.report(`The engine could not: ${firstLine(this.trouble)}`);
    await this.withoutEngine();
  }

  async outcome(): Promise<RollbackOutcome> {
    let state = await this.readState();
    let live = state === undefined ? [] : await liveWeights(weightCarriers(state));
    // An update that was cancelled on another machine may still run, and raise the weights once more.
    if (this.ended.some(({ end }) => end === "not on this machine" || end === "not pulumi")) {
      this.options.report(
        `The update that held the lock cannot be ended from here: looking at the weights for ${WATCH_MS / 1000} s.`,
      );
      const until = Date.now() + WATCH_MS;
      while (Date.now() < until) {
        await sleep(WATCH_EVERY_MS);
        live = await liveWeights(live.map(({ carrier }) => carrier));
        if (!live.some(({ shareB }) => shareB !== undefined && shareB > 0)) continue;
        this.options.report("The weights of B were raised again: once more.");
        await this.byEngine();
        state = (await this.readState()) ?? state;
        live = await liveWeights(live.map(({ carrier }) => carrier));
      }
    }
    const standing = state === undefined ? undefined : standingQuietly(state);
    const seen = live.length > 0 && live.every(({ shareB }) => shareB !== undefined);
    const back = live.every(({ shareB = 0 }) => shareB === 0);
    const applied = this.update !== undefined || this.appliedAt !== undefined;
    const result = this.refused ? "refused" : seen && back ? "back" : back && applied ? "unseen" : "not back";
    return {
      result,
      decidedAt: this.decision.toISOString(),
      appliedAt: this.appliedAt?.toISOString(),
      update: this.update,
      ended: this.ended,
      live,
      standing,
      trouble: this.trouble,
    };
  }

  /** Ends what holds the lock, and takes the lock away. */
  private async clear(holders: readonly LockHolder[]): Promise<void> {
    for (const holder of holders) {
      const end = await endHolder(holder);
      this.ended.push({ holder, end });
      this.options.report(`An update of ${holder.who}${pidText(holder)} holds the stack: ${end}.`);
    }
    try {
      await this.stack.cancel();
    } catch (error) {
      // The holder may have taken its lock with it when it ended.
      this.options.report(`pulumi cancel: ${firstLine(messageOf(error))}`);
    }
  }

  /** The engine's way failed: A gets its requests all the same, if the rules are known. */
  private async withoutEngine(): Promise<void> {
    if (this.appliedAt !== undefined) return;
    const state = await this.readState();
    const standing = state === undefined ? undefined : standingQuietly(state);
    if (state === undefined || (standing !== undefined && !goesBack(standing))) return;
    await this.callForA(weightCarriers(state));
  }

  private async callForA(carriers: readonly WeightCarrier[]): Promise<void> {
    await Promise.all(
      carriers.map(async (carrier) => {
        try {
          await giveAllToA(carrier);
          this.appliedAt = new Date();
          this.options.report(`${carrier.kind} ${carrier.arn}: A 100, B 0, by the bare call`);
        } catch (error) {
          this.options.report(`${carrier.kind} ${carrier.arn}: ${messageOf(error)}`);
        }
      }),
    );
  }

  private async readState(): Promise<StackState | undefined> {
    try {
      return await this.stack.state();
    } catch (error) {
      if (this.options.savedState !== undefined) return this.options.savedState();
      this.options.report(`The state cannot be read: ${firstLine(messageOf(error))}`);
      return undefined;
    }
  }

  private refuse({ stage }: Standing): void {
    this.refused = true;
    this.trouble =
      stage === "decommission"
        ? "A is decommissioned: it runs nothing, and requests sent there would fail."
        : `At ${stage} A has every request already: there is nothing to roll back.`;
  }
}

/** The outcome as lines for a terminal, and for whoever reads the log afterwards. */
export function describeOutcome(stack: string, outcome: RollbackOutcome): readonly string[] {
  const { result, decidedAt, appliedAt, live, standing, trouble } = outcome;
  const headline = {
    back: "A gets every request.",
    unseen: "A was given every request, but the load balancer could not be looked at.",
    "not back": "B MAY STILL GET REQUESTS.",
    refused: "Nothing was changed.",
  }[result];
  const lines = [`Stack ${stack}: ${headline}`];
  if (trouble !== undefined) lines.push(...trouble.split("\n").map((line) => `  ${line}`));
  const seconds = appliedAt === undefined ? undefined : (Date.parse(appliedAt) - Date.parse(decidedAt)) / 1000;
  if (result !== "refused") {
    lines.push(
      seconds === undefined
        ? `  decided ${decidedAt}; the weights were 100/0 already`
        : `  decided ${decidedAt}, weights set ${seconds.toFixed(1)} s later`,
    );
  }
  for (const { carrier, text } of live) lines.push(`  now: ${carrier.kind} ${nameOf(carrier)}: ${text}`);
  if (standing !== undefined) lines.push(`  record: ${standing.stage} since ${standing.since}, by ${standing.lastBy}`);
  if (result === "back" || result === "unseen") {
    lines.push("  A's configuration stays frozen and B stays as it is. To go on once the cause is known:");
    lines.push(
      `    pulumi config set acknowledgeRollback ${standing?.rollbackId ?? "ID"} && ${setStageCommand("start")} && pulumi up`,
    );
    lines.push(`  To give the migration up: ${setStageCommand("abandon")} && pulumi up`);
  }
  if (result === "not back") {
    lines.push("  Make the bare call by hand, for each of these:");
    lines.push(...live.map(({ carrier }) => `    ${bareCall(carrier)}`));
    if (live.length === 0) lines.push("    pulumi stack output wayBack   (or the run's summary, or the runbook)");
  }
  return lines;
}

/** From `start` to `complete`, and once more at `rollback` when the weights were changed by hand since. */
function goesBack({ stage }: Standing): boolean {
  return stage === "rollback" || canRollBack(stage);
}

/** The record may be unreadable; the way back does not depend on it. */
function standingQuietly(state: StackState): Standing | undefined {
  try {
    return standingOf(recordOf(state));
  } catch {
    return undefined;
  }
}

function carriesWeights({ type, diffs }: { readonly type: string; readonly diffs: readonly string[] }): boolean {
  return /^aws:lb\/listener(Rule)?:/.test(type) && diffs.some((path) => /^(actions|defaultActions)/.test(path));
}

function nameOf({ urn }: WeightCarrier): string {
  return urn.split("::").at(-1) ?? urn;
}

function pidText({ pid }: LockHolder): string {
  return pid === undefined ? "" : ` (process ${pid})`;
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? text
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
