import { type CheckResult, Report } from "../result";

export const DOCTOR = "doctor";

/** One thing that was looked at and is as it must be. */
export interface Well {
  readonly subject: string;
  /** What was seen: a version, an identity. */
  readonly seen: string;
}

/** What is told of a doctor's visit: what is well, what is not, and what was not looked at. */
export interface Diagnosis extends CheckResult {
  readonly well: readonly Well[];
}

/** Collects what is well beside what is not, so that a reader sees that it was looked at. */
export class Examination extends Report {
  private readonly good: Well[] = [];

  constructor() {
    super(DOCTOR);
  }

  well(subject: string, seen: string): void {
    this.good.push({ subject, seen });
  }

  diagnosis(): Diagnosis {
    return { ...this.result(), well: this.good };
  }
}
