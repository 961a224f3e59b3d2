import { resolve } from "node:path";
import { lastEntry, stateOf } from "../migration/record";
import { type Stage } from "../migration/stages";
import { RecordFolder } from "./evidence";
import { readInput, type GateInput, type Outcome } from "./gateInput";
import { contextOf, illegal, refusal, runChecks } from "./gateParts";
import { withinLimit } from "./identity";
import { isFree, moveToRecord } from "./move";
import { EXIT_CODES, overall, type CheckResult, type Verdict } from "./result";

const DISK_MS = 2_000;

/** What `gate --look` prints on standard output, on one line. */
export interface GateLook {
  readonly verdict: Verdict;
  readonly stage: Stage;
  readonly from: Stage | null;
  /** Every check that the move would be held by, as it would answer now. Empty for moves that nothing holds. */
  readonly results: readonly CheckResult[];
}

/**
 * What the gate would say now, without saying it: the same judgement and the same checks as for entering the stage. Nothing
 * is recorded and no file is written, so that it may be asked at any time and as often as one likes.
 */
export async function lookAhead(input: GateInput): Promise<Outcome> {
  const now = input.now();
  const read = readInput(input, now);
  if (read.kind === "refused") return read.outcome;
  if (read.kind === "rollback" || read.setAside) return { exitCode: 2, stdout: "", stderr: read.warnings.join("\n") };
  const { request, record } = read;
  const state = stateOf(record);
  const folder = new RecordFolder(resolve(input.projectFolder, request.recordFolder));
  const verified = await withinLimit(folder.verifications(), DISK_MS);
  const last = lastEntry(record);
  const verifiedTo = verified?.get(request.stage);
  const since = verifiedTo !== undefined && (last === undefined || verifiedTo > new Date(last.at));
  const judged = moveToRecord(request, record, since);
  if (!judged.allowed) return illegal(judged, request.stage);
  const { move } = judged;
  const ending = new AbortController();
  const verifiedAt = state && verified?.get(state.stage);
  const context = contextOf(input, request, record, move, { now, verifiedAt, signal: ending.signal });
  const results = isFree(move)
    ? []
    : await runChecks(input.checks, context).finally(() => {
        ending.abort();
      });
  const verdict = overall(results);
  const look: GateLook = { verdict, stage: move.to, from: move.from ?? null, results };
  return {
    exitCode: EXIT_CODES[verdict],
    stdout: JSON.stringify(look),
    stderr: verdict === "holds" ? "" : refusal(move, record, results),
  };
}
