import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evidenceOf, RecordFolder } from "../../../checks/evidence";
import { type CheckResult } from "../../../checks/result";
import {
  appendEntry,
  EMPTY_RECORD,
  type EntryDraft,
  type MigrationRecord,
  type RecordedCheck,
} from "../../../migration/record";
import { shapeOf, type MoveKind, type Stage } from "../../../migration/stages";
import { EventLog, type PilotEventDraft } from "../../../pilot/events";

/** A migration of three days as its record folder has it: with a rollback, a hold, an approval and a refusal. */

export interface Written {
  readonly record: MigrationRecord;
  /** The last moment that something was written for. */
  readonly at: Date;
}

interface Step {
  readonly stage: Stage;
  readonly kind: MoveKind;
  /** Minutes after the step before. */
  readonly after: number;
  readonly checks?: readonly string[];
  readonly more?: Partial<EntryDraft>;
}

const BEGIN = Date.parse("2026-03-02T21:00:00.000Z");
const BY = "arn:aws:sts::444455556666:assumed-role/platform/alice";
const ALWAYS = ["window", "live weights", "freeze held", "still equal", "health", "pinned"];

const WAY: readonly Step[] = [
  { stage: "prepare", kind: "first", after: 0, checks: ["live weights"] },
  { stage: "freeze", kind: "up", after: 20, checks: ["window", "live weights", "preflight"] },
  { stage: "restore", kind: "up", after: 12, checks: ["window", "live weights", "freeze held"] },
  {
    stage: "start",
    kind: "up",
    after: 41,
    checks: ["window", "live weights", "freeze held", "copy proved"],
    more: { digests: { copy: "42:1204331:dd0b11733229" } },
  },
  { stage: "traffic-5", kind: "up", after: 18, checks: ALWAYS },
  { stage: "traffic-25", kind: "up", after: 66, checks: [...ALWAYS, "judge"] },
  { stage: "rollback", kind: "rollback", after: 31, checks: [] },
  { stage: "traffic-5", kind: "leave-rollback", after: 95, checks: ALWAYS, more: { acknowledged: "263e54a412f5" } },
  { stage: "traffic-25", kind: "up", after: 64, checks: [...ALWAYS, "judge"] },
  { stage: "traffic-50", kind: "up", after: 70, checks: [...ALWAYS, "judge"] },
  { stage: "traffic-75", kind: "up", after: 62, checks: [...ALWAYS, "judge"] },
  { stage: "traffic-100", kind: "up", after: 68, checks: [...ALWAYS, "judge"] },
  { stage: "complete", kind: "up", after: 48 * 60, checks: [...ALWAYS, "soak"] },
];

/** @param reason a text that somebody else wrote: it gets into reasons and findings */
export async function writeMigration(folder: string, reason = "errors: B 61 of 1,204, A 4 of 3,611"): Promise<Written> {
  await mkdir(folder, { recursive: true });
  const files = new RecordFolder(folder);
  let at = BEGIN;
  const log = new EventLog(folder, BY, () => new Date(at));
  let record: MigrationRecord = EMPTY_RECORD;
  let from: Stage | null = null;
  await log.append({ event: "run-begun", goal: "complete", stage: null });
  for (const { stage, kind, after, checks = [], more } of WAY) {
    await looks(log, from, at, after * 60_000, (moment) => (at = moment), reason);
    at += 1;
    if (kind !== "rollback") await log.append(begun(stage, from, checks));
    at += 20_000;
    const results = checks.map((check) => resultOf(check));
    const evidence = evidenceOf({ at: new Date(at).toISOString(), stage, from, results });
    if (checks.length > 0) await files.keep(evidence);
    const events = await files.eventsDigest("pilot.jsonl");
    const appended = appendEntry(record, {
      at: new Date(at).toISOString(),
      stage,
      from,
      kind,
      weightB: shapeOf(stage).weightB,
      by: BY,
      commit: "91094ab1c0de",
      copy: 1,
      checks: checks.map((name): RecordedCheck => ({ name, verdict: "holds", digest: evidence.sha256 })),
      ...(events && { pilotEvents: events }),
      ...(checks.length > 0 && { evidence: evidence.sha256 }),
      ...more,
    });
    record = appended.record;
    await files.appendRecord(appended.entry);
    at += 14_000;
    await log.append(kind === "rollback" ? rolledBack(from, at, reason) : ended(stage));
    from = stage;
  }
  await files.keep(refusal(reason));
  await writeFile(join(folder, "notes.txt"), "not a part of the record");
  return { record, at: new Date(at) };
}

async function looks(
  log: EventLog,
  stage: Stage | null,
  begin: number,
  duration: number,
  move: (moment: number) => void,
  reason: string,
): Promise<void> {
  const end = begin + duration;
  const weightB = stage === null ? 0 : shapeOf(stage).weightB;
  if (stage === null || weightB === 0) {
    move(end);
    return;
  }
  const every = Math.max(60_000, duration / 200);
  const bad = stage === "traffic-25" && duration === 31 * 60_000;
  for (let at = begin + every; at < end; at += every) {
    move(at);
    const n = Math.round(at / every) % 7;
    const late = bad && at > end - 5 * every;
    const b = weightB === 100 ? 3000 : Math.round((3000 * (weightB + (n - 3) / 4)) / 100);
    const a = 3000 - b;
    await log.append({
      event: "measured",
      stage,
      weightB,
      verdict: late ? "back" : at - begin < duration * 0.8 ? "hold" : "go",
      shareB: (100 * b) / 3000,
      ...(a > 0 ? { a: { requests: a, errors: n % 3, p50Ms: 11, p95Ms: 41 + n, p99Ms: 90 + n } } : {}),
      b: { requests: b, errors: late ? Math.round(b / 20) : n % 2, p50Ms: 12, p95Ms: 43 + n * 1.5, p99Ms: 95 + n },
    });
    if (late && at > end - 2 * every) await log.append({ event: "verdict", stage, verdict: "back", reasons: [reason] });
  }
  if (stage === "traffic-50") {
    await log.append({ event: "hold", stage, reasons: ["judge: data: one sample is missing"] });
    await log.append({ event: "hold-over", stage });
    await log.append({ event: "approval-asked", stage: "traffic-75" });
    await log.append({ event: "approval-given", stage: "traffic-75", name: "bob" });
  }
  move(end);
}

function begun(stage: Stage, from: Stage | null, checks: readonly string[]): PilotEventDraft {
  return {
    event: "stage-begun",
    stage,
    from,
    settings: [{ key: "stage", before: from, after: stage }],
    decidedOn: checks.map((check) => ({ check, verdict: "holds" })),
  };
}

function ended(stage: Stage): PilotEventDraft {
  return { event: "stage-ended", stage, previewSeconds: 4.2, updateSeconds: 13.4, changes: { update: 2, create: 1 } };
}

function rolledBack(from: Stage | null, at: number, reason: string): PilotEventDraft {
  return {
    event: "rollback",
    stage: from ?? "start",
    reasons: [`judge: ${reason}`],
    result: "back",
    decidedAt: new Date(at - 18_000).toISOString(),
    appliedAt: new Date(at - 15_600).toISOString(),
  };
}

function resultOf(check: string): CheckResult {
  const evidence: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "copy proved": { copy: "42:1204331:dd0b11733229", sequences: 9, schemaObjects: 812, tables: ["public.route"] },
    "freeze held": { tables: ["public.route"], notCompared: ["public.core_usage"], rowsA: { "public.route": "abc" } },
    "still equal": { tables: 42, differences: [], accepted: [] },
    pinned: { instancesOfA: 16, pods: ["gateway-1", "gateway-2"] },
  };
  return { check, verdict: "holds", findings: [], notes: [], evidence: evidence[check] ?? {} };
}

/** A gate run that did not let the stage pass: its evidence is kept, no entry names it. */
function refusal(reason: string): ReturnType<typeof evidenceOf> {
  const finding = {
    check: "freeze held",
    subject: "public.route",
    seen: reason,
    expected: "what the record holds",
    remedy: "undo it",
  };
  return evidenceOf({
    at: "2026-03-02T22:05:00.000Z",
    stage: "start",
    from: "restore",
    results: [{ check: "freeze held", verdict: "fails", findings: [finding], notes: [], evidence: {} }],
  });
}
