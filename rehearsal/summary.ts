import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the rehearsal measured for one stage. Field names are fixed: other tools read them. */
export interface StageSummary {
  readonly stage: string;
  /** Ordered share of B, percent. */
  readonly weightB: number;
  /** Measured share of B among the answered requests sent while the stage stood, percent. */
  readonly shareB: number;
  /** Requests sent while the stage stood. */
  readonly requests: number;
  readonly failed: number;
  /** From setting the stage to the end of the look at its traffic. */
  readonly seconds: number;
  readonly previewSeconds: number;
  readonly updateSeconds: number;
  /** What the record says: `go` when every check of the gate held, `back` for a rollback. */
  readonly verdict: "go" | "hold" | "back";
}

export interface RollbackSummary {
  readonly from: string;
  /** From the decision to the moment that the engine reported the rule at 100/0. */
  readonly decisionToAppliedSeconds: number;
  /** From the decision to the last request that the load balancer sent to B. */
  readonly decisionToLastRequestOnBSeconds: number;
}

/** How the proof of the copy ended. */
export interface DatabaseSummary {
  readonly tables: number;
  readonly rows: number;
  readonly equal: boolean;
  readonly seconds: number;
}

export interface Summary {
  readonly scenario: string;
  readonly ok: boolean;
  readonly stages: readonly StageSummary[];
  readonly totals: { readonly requests: number; readonly failed: number };
  readonly rollback: RollbackSummary | null;
  readonly database: DatabaseSummary | null;
}

/** Writes `summary.json` into the folder and returns its path. */
export async function writeSummary(folder: string, summary: Summary): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "summary.json");
  await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`);
  return path;
}
