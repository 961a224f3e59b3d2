import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ascentOf } from "../../migration/metrics/ascent";
import { lineOf } from "../../migration/metrics/samples";
import {
  parseRecord,
  RecordError,
  stateOf,
  verifyChain,
  type MigrationRecord,
  type RecordEntry,
} from "../../migration/record";
import { gateRequestOf } from "../../migration/scope";
import { describeFindings, readSettings, type Settings } from "../../migration/settings";
import { Systems, type CheckContext } from "../context";
import { RecordFolder } from "../evidence";
import { type Outcome } from "../gateInput";
import { openSource } from "../metrics/open";
import { readSamples, type WayUp } from "../metrics/wayUp";
import { BadInput } from "../request";
import { EXIT_CODES, renderFindings, textOf, type CheckResult } from "../result";
import { runWithin, withSignal } from "../run";
import { readStackFile } from "../stackFile";

/**
 * `check -- metrics`: the samples of the way up at hand, from the half hour before the first percent on, in the form that
 * `check -- judge --samples` takes: kept, a migration can be judged again with other limits.
 *
 * Exit codes: 0 samples were written, 1 B has no traffic, 2 could not look.
 */

export interface MetricsOptions {
  readonly stack?: string | undefined;
  readonly file?: string | undefined;
  /** File with the record: what `pulumi stack output record` prints. Default: `record.jsonl` in the record's folder. */
  readonly record?: string | undefined;
  readonly json?: boolean | undefined;
}

const CHECK = "metrics";
const LIMIT_SECONDS = 120;

export async function metricsCommand(options: MetricsOptions): Promise<Outcome> {
  const settings = await settingsOf(options);
  const request = gateRequestOf(settings);
  const folder = resolve(process.cwd(), settings.recordFolder);
  const record =
    options.record === undefined
      ? await recordInFolder(join(folder, "record.jsonl"))
      : await recordInFile(options.record);
  const { metrics, scope } = request;
  if (metrics === undefined || metrics.source.source === "none") {
    throw new BadInput(
      `Stack ${settings.stack} has no source of metrics. Expected: metrics.source prometheus or cloudwatch.`,
    );
  }
  const stage = stateOf(record)?.stage;
  const raised = (await new RecordFolder(folder).verifications()).get(stage ?? "");
  const changes = ascentOf(record, raised);
  if (!changes.some(({ weightB }) => weightB > 0)) {
    const seen = stage === undefined ? "its record is empty" : `it stands at ${stage}`;
    return { exitCode: 1, stdout: "", stderr: `B has no traffic on stack ${settings.stack}: ${seen}.` };
  }
  const { signal } = new AbortController();
  const context: CheckContext = { scope, signal, systems: new Systems(scope, signal) };
  const now = new Date();
  let seen: (Pick<WayUp, "samples" | "faults"> & { readonly source: string }) | undefined;
  const result = await runWithin(CHECK, LIMIT_SECONDS, signal, async (within): Promise<CheckResult> => {
    const source = await openSource(metrics, withSignal(context, within));
    if (source !== undefined) {
      seen = { source: source.name, ...(await readSamples(source, changes, source.newestMs(now))) };
    }
    return { check: CHECK, verdict: "holds", findings: [], notes: [], evidence: {} };
  });
  if (seen === undefined) {
    return { exitCode: EXIT_CODES[result.verdict], stdout: "", stderr: renderFindings(result.findings) };
  }
  const lines = seen.samples.map(lineOf);
  const faults = seen.faults.map(({ atMs, text }) => ({ at: new Date(atMs).toISOString(), text }));
  return {
    exitCode: 0,
    stdout:
      options.json === true
        ? `{"source":${JSON.stringify(seen.source)},"faults":${JSON.stringify(faults)},"samples":[${lines.join(",")}]}`
        : lines.join("\n"),
    stderr: options.json === true ? "" : faults.map(({ at, text }) => `missing  ${at}  ${text}`).join("\n"),
  };
}

async function settingsOf(options: MetricsOptions): Promise<Settings> {
  const { raw } = await readStackFile({ folder: process.cwd(), ...options });
  const outcome = readSettings(raw);
  if (outcome.kind === "settings") return outcome.settings;
  throw new BadInput(`The settings of stack ${raw.stack} cannot be used:\n${describeFindings(outcome.findings)}`);
}

async function recordInFile(path: string): Promise<MigrationRecord> {
  return checked(path, async () => parseRecord(await readFile(path, "utf8")));
}

/** The copy that the gate keeps, one entry a line: it is the whole, nothing of it is folded. */
async function recordInFolder(path: string): Promise<MigrationRecord> {
  return checked(path, async () => {
    const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
    return { entries: lines.map((line) => JSON.parse(line) as RecordEntry) };
  });
}

async function checked(path: string, read: () => Promise<MigrationRecord>): Promise<MigrationRecord> {
  try {
    const record = await read();
    const problems = verifyChain(record);
    if (problems.length > 0) throw new RecordError(problems.join(" "));
    return record;
  } catch (error) {
    throw new BadInput(
      `${path} is no record: ${textOf(error)} Expected: --record FILE with what \`pulumi stack output record\` prints.`,
    );
  }
}
