import { type GateRequest } from "../migration/gateRequest";
import {
  parseRecord,
  RecordError,
  setAside,
  verifyChain,
  type EvidenceFile,
  type MigrationRecord,
} from "../migration/record";
import { setStageCommand } from "../migration/stages";
import { type GateCheck } from "./context";
import { BadInput, parseGateRequest, parseWayBack } from "./request";

/** What the gate is given, and how it answers. */

export interface GateInput {
  /** The request, JSON. */
  readonly stdin: string;
  /** The gate's output before; empty on the first run. */
  readonly previous: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Folder that `recordFolder` is relative to, and whose commit is recorded. */
  readonly projectFolder: string;
  readonly checks: readonly GateCheck[];
  readonly now: () => Date;
}

export interface Outcome {
  readonly exitCode: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ReadRecord {
  readonly record: MigrationRecord;
  /** The unreadable record that this one replaces. */
  readonly setAside?: EvidenceFile | undefined;
  readonly warnings: readonly string[];
}

/** What could be read of the input. */
export type ReadInput =
  | ({ readonly kind: "request"; readonly request: GateRequest } & ReadRecord)
  /** The request is not readable beyond its stage, which is `rollback`. */
  | ({ readonly kind: "rollback"; readonly recordFolder: string | undefined } & ReadRecord)
  | { readonly kind: "refused"; readonly outcome: Outcome };

/**
 * Reads request and record. A rollback goes on with a record, or even a request, that cannot be read: nothing may hold
 * it. Everything else is refused then.
 */
export function readInput(input: GateInput, at: Date): ReadInput {
  try {
    const request = parseGateRequest(input.stdin);
    const read = readRecord(input.previous, request.stage === "rollback", at);
    return "outcome" in read ? read : { kind: "request", request, ...read };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const wayBack = parseWayBack(input.stdin);
    if (!wayBack) return { kind: "refused", outcome: { exitCode: 2, stdout: "", stderr: error.message } };
    const read = readRecord(input.previous, true, at);
    if ("outcome" in read) return read;
    return {
      kind: "rollback",
      recordFolder: wayBack.recordFolder,
      ...read,
      warnings: [...read.warnings, error.message],
    };
  }
}

function readRecord(text: string, rollback: boolean, at: Date): ReadRecord | Extract<ReadInput, { kind: "refused" }> {
  try {
    const record = parseRecord(text);
    const problems = verifyChain(record);
    if (problems.length > 0) throw new RecordError(problems.join(" "));
    return { record, warnings: [] };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    if (!rollback) return { kind: "refused", outcome: brokenRecord(error) };
    const { record, evidence } = setAside(text, error.message, at.toISOString());
    const warning = `The record so far was set aside as evidence ${evidence.sha256}: ${error.message}`;
    return { record, setAside: evidence, warnings: [warning] };
  }
}

function brokenRecord(error: RecordError): Outcome {
  const stderr = [
    "DOES NOT HOLD  record: the gate's output before, from Pulumi's state",
    `  seen      ${error.message}`,
    "  expected  the record as the gate wrote it",
    "  remedy    bring it back from the state's history (pulumi stack history, pulumi stack import) or from record.jsonl;",
    `            the way back stays open: ${setStageCommand("rollback")} && pulumi up --skip-preview --refresh`,
  ];
  return { exitCode: 1, stdout: "", stderr: stderr.join("\n") };
}
