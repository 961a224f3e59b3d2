import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EMPTY_RECORD, parseRecord, RecordError, verifyChain, type MigrationRecord } from "../../migration/record";
import { Systems, type CheckContext } from "../context";
import { RecordFolder } from "../evidence";
import { type FreezeRecord } from "../freezeHeld";
import { type Outcome } from "../gateInput";
import { BadInput, parseGateRequest, parseScope } from "../request";
import { textOf, type CheckResult } from "../result";
import { runWithin, withSignal } from "../run";
import { checkStillEqual, gotSinceComplete } from "../stillEqual";
import { answer, secondsSince } from "./answer";
import { readStdin } from "./input";

/** `check -- configuration`: both sides' configuration, compared as people mean it. */

const LIMIT_SECONDS = 10 * 60;

export interface ConfigurationOptions {
  readonly json?: boolean | undefined;
  /** File with the record: what `pulumi stack output record` prints. It tells on which side something changed. */
  readonly record?: string | undefined;
  /** What B got since it became the place of configuration, and A does not have. Holds whatever it lists. */
  readonly sinceComplete?: boolean | undefined;
}

/** Scope or gate request on standard input; only a request has the differences that are declared. */
export async function configurationCommand(options: ConfigurationOptions): Promise<Outcome> {
  const begin = performance.now();
  const stdin = await readStdin();
  const scope = parseScope(stdin);
  const declared = requestOf(stdin)?.differences ?? [];
  const { signal } = new AbortController();
  const context: CheckContext = { scope, signal, systems: new Systems(scope, signal) };
  const recorded = await recordOf(options.record, stdin);
  const look = (within: CheckContext): Promise<CheckResult> =>
    options.sinceComplete === true
      ? gotSinceComplete(within, declared)
      : checkStillEqual(within, { declared, ...(recorded ?? { record: EMPTY_RECORD, readEvidence: undefined }) });
  const result = await runWithin("configuration", LIMIT_SECONDS, signal, (within) => look(withSignal(context, within)));
  const { tables, differences, accepted, onlyOnB } = result.evidence;
  const count = (list: unknown): number | undefined => (Array.isArray(list) ? list.length : undefined);
  const counts = { tables, differences: count(differences), accepted: count(accepted), onlyOnB: count(onlyOnB) };
  return answer(result, { ...counts, seconds: secondsSince(begin) }, options);
}

/** The record in a file, with the evidence beside it. @throws BadInput when it cannot be read */
export async function recordOf(path: string | undefined, stdin: string): Promise<FreezeRecord | undefined> {
  if (path === undefined) return undefined;
  const record = await readRecord(path);
  // Without a whole request the folder is where the setting has it by default.
  const folder = new RecordFolder(resolve(process.cwd(), requestOf(stdin)?.recordFolder ?? "record"));
  return { record, readEvidence: (digest) => folder.read(digest) };
}

async function readRecord(path: string): Promise<MigrationRecord> {
  try {
    const record = parseRecord(await readFile(path, "utf8"));
    const problems = verifyChain(record);
    if (problems.length > 0) throw new RecordError(problems.join(" "));
    return record;
  } catch (error) {
    const why = error instanceof RecordError ? error.message : textOf(error);
    throw new BadInput(`${path} is no record: ${why} Expected: what \`pulumi stack output record\` prints.`);
  }
}

/** A scope alone is no gate request. */
function requestOf(stdin: string): ReturnType<typeof parseGateRequest> | undefined {
  const json: unknown = JSON.parse(stdin);
  return typeof json === "object" && json !== null && "scope" in json ? parseGateRequest(stdin) : undefined;
}
