import { resolve } from "node:path";
import { shapeOf } from "../migration/stages";
import { evidenceOf, RecordFolder, type GateEvent } from "./evidence";
import { readInput, type GateInput, type Outcome } from "./gateInput";
import { cannotWrite, contextOf, illegal, refusal, runChecks } from "./gateParts";
import { callerIdentity, programCommit, withinLimit } from "./identity";
import { moveToVerify } from "./move";
import { EXIT_CODES, overall, type Finding, type Verdict } from "./result";

const DISK_MS = 2_000;

/** What `--verify` prints on standard output, on one line. */
interface VerdictLine {
  readonly verdict: Verdict;
  readonly stage: string;
  readonly from: string | null;
  readonly checks: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * Looks before a rule's weights rise although the gate did not run in the same update: the same judgement and the same
 * checks as for entering the stage. The record is not changed; one line in the file of events tells of it.
 */
export async function verifyGate(input: GateInput): Promise<Outcome> {
  const now = input.now();
  const at = now.toISOString();
  const read = readInput(input, now);
  if (read.kind === "refused") return read.outcome;
  if (read.kind === "rollback" || read.setAside) return { exitCode: 2, stdout: "", stderr: read.warnings.join("\n") };
  const { request, record } = read;
  const judged = moveToVerify(request, record);
  if (!judged.allowed) {
    const line = {
      verdict: "fails",
      stage: request.stage,
      from: judged.from ?? null,
      checks: [],
      findings: [],
    } as const;
    return { ...illegal(judged, request.stage), stdout: render(line) };
  }
  const { move } = judged;
  const folder = new RecordFolder(resolve(input.projectFolder, request.recordFolder));
  const verified = await withinLimit(folder.verifications(), DISK_MS);
  const ending = new AbortController();
  const context = contextOf(input, request, record, move, {
    now,
    verifiedAt: verified?.get(move.from ?? ""),
    signal: ending.signal,
  });
  const [results, by, commit] = await Promise.all([
    // Without a share for B nothing rises: there is nothing to look at.
    shapeOf(move.to).weightB === 0 ? [] : runChecks(input.checks, context),
    callerIdentity(request.scope.region),
    programCommit(input.projectFolder),
  ]).finally(() => ending.abort());
  const verdict = overall(results);
  const findings = results.flatMap((result) => result.findings);
  const common = { verdict, stage: move.to, from: move.from ?? null, checks: results.map(({ check }) => check) };
  const evidence = evidenceOf({ at, ...common, results });
  const event: GateEvent = {
    at,
    event: "verify",
    by,
    commit,
    ...common,
    findings: findings.length,
    evidence: evidence.sha256,
  };
  const line = render({ ...common, findings });
  try {
    await folder.keep(evidence);
    await folder.appendEvent(event);
  } catch (error) {
    return { exitCode: 2, stdout: line, stderr: cannotWrite(error) };
  }
  return {
    exitCode: EXIT_CODES[verdict],
    stdout: line,
    stderr: verdict === "holds" ? "" : refusal(move, record, results),
  };
}

function render(line: VerdictLine): string {
  return JSON.stringify(line);
}
