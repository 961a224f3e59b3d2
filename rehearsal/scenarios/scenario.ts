import { type LoadMix, type Rehearsal } from "../rehearsal";
import { type RehearsalSettings } from "../settings";

/** One thing to do or to prove, shown as one line. A step that does not hold throws. */
export interface Step {
  readonly title: string;
  /** Something is broken on purpose in it: it is a row of the table of faults. */
  readonly fault?: boolean;
  run(rehearsal: Rehearsal, say: (line: string) => void): Promise<void>;
}

/** A rehearsal from beginning to end. */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** How long each stage's traffic is looked at, seconds. */
  readonly lookSeconds: number;
  /** Upper limit of the whole scenario's load, seconds. */
  readonly maxSeconds: number;
  readonly steps: readonly Step[];
  /** What it needs of the migration's settings beyond the run's own. */
  readonly settings?: Partial<RehearsalSettings>;
  /** Fewer requests than this a second would not show in time what the scenario is about. */
  readonly minimumRatePerSecond?: number;
  /** What its load is made of beside plain requests. */
  readonly load?: Partial<LoadMix>;
}
