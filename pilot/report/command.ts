import { resolve } from "node:path";
import { readStackFile } from "../../checks/stackFile";
import { describeFindings, readSettings, type RawConfig, type Settings } from "../../migration/settings";
import { type MigrationRecord } from "../../migration/record";
import { MigrationStack } from "../migrationStack";
import { recordOf, weightCarriers, type StackState, type WeightCarrier } from "../stackState";
import { composePlan, composeReport } from "./compose";
import { compareHistory } from "./history";
import { readSources, type ReportSources } from "./sources";
import { writeDocument } from "./write";

export interface ReportOptions {
  readonly stack: string;
  /** The project folder. */
  readonly cwd: string;
  readonly out: string;
  /** A record folder, or a copy of one; then nothing else is asked. */
  readonly from?: string | undefined;
  /** The rollback plan alone. */
  readonly plan?: boolean | undefined;
}

/**
 * `pilot report`: from the stack's record folder and state, or with `--from` from a copy of the folder alone.
 *
 * @returns the files that were written, HTML first
 * @throws when there is neither record nor settings to make anything from
 */
export async function writeReport(options: ReportOptions, say: (line: string) => void): Promise<readonly string[]> {
  const folder = resolve(options.cwd);
  const settings = await settingsOf(options, folder, say);
  if (options.plan === true) {
    if (settings === undefined) throw new Error("Without the stack's settings there is no rollback plan to be made.");
    const { carriers } = await fromStack(options, folder, say);
    return writeDocument(resolve(options.out), "rollback-plan", composePlan(settings, carriers, new Date()));
  }
  const { sources, carriers } = await sourcesOf(options, folder, settings, say);
  if (sources.entries.length === 0 && sources.events.length === 0) {
    throw new Error(
      `Nothing is recorded for stack ${options.stack} yet: no entry and no event. A plan can be made: --plan.`,
    );
  }
  const document = await composeReport({ stack: options.stack, sources, settings, carriers, at: new Date() });
  return writeDocument(resolve(options.out), "report", document);
}

async function sourcesOf(
  options: ReportOptions,
  folder: string,
  settings: Settings | undefined,
  say: (line: string) => void,
): Promise<{ readonly sources: ReportSources; readonly carriers: readonly WeightCarrier[] }> {
  if (options.from !== undefined) return { sources: await readSources(resolve(options.from)), carriers: [] };
  if (settings === undefined)
    throw new Error("Without the stack's settings its record folder is not known: give --from.");
  const { record, carriers, history } = await fromStack(options, folder, say);
  const sources = await readSources(resolve(folder, settings.recordFolder), record);
  return { sources: history === undefined ? sources : compareHistory(sources, history), carriers };
}

/** From the stack file alone: no engine, no key of the secrets. */
async function settingsOf(
  { stack }: ReportOptions,
  folder: string,
  say: (line: string) => void,
): Promise<Settings | undefined> {
  try {
    const { raw } = await readStackFile({ folder, stack });
    const outcome = readSettings(withSecrets(raw));
    if (outcome.kind === "settings") return outcome.settings;
    say(`The settings of stack ${stack} are not whole, and left out:\n${describeFindings(outcome.findings)}`);
  } catch (error) {
    say(`The settings of stack ${stack} are left out: ${messageOf(error)}`);
  }
  return undefined;
}

/** What no report needs, and what a stack's file does not have before the migration begins. */
const LATER_SECRETS = ["controlPlaneToken", "databaseADsn"];

/** Secrets that are not there yet count as given: a plan is wanted before anybody has the means to begin. */
export function withSecrets(raw: RawConfig): RawConfig {
  const later = LATER_SECRETS.map((key) => `${raw.project}:${key}`).filter((key) => (raw.values[key] ?? "") === "");
  return {
    ...raw,
    isSecret: (key) => later.includes(key) || raw.isSecret(key),
    isSealed: (key) => later.includes(key) || raw.isSealed?.(key) === true,
  };
}

interface OfStack {
  readonly record?: MigrationRecord | undefined;
  readonly carriers: readonly WeightCarrier[];
  readonly history?: Awaited<ReturnType<MigrationStack["history"]>> | undefined;
}

/** Updates of the stack that are looked at. */
const HISTORY = 500;

/** What only the engine knows; a report and a plan can be made without it, and then say less. */
async function fromStack({ stack }: ReportOptions, folder: string, say: (line: string) => void): Promise<OfStack> {
  try {
    const opened = await MigrationStack.ofProject(folder, stack);
    const [state, history] = await Promise.all([opened.state(), opened.history(HISTORY)]);
    return { record: recordIn(state, say), carriers: weightCarriers(state), history };
  } catch (error) {
    say(`The stack's state is left out: ${messageOf(error)}`);
    return { carriers: [] };
  }
}

function recordIn(state: StackState, say: (line: string) => void): MigrationRecord | undefined {
  try {
    return recordOf(state);
  } catch (error) {
    say(`The record in the stack's state is unreadable: ${messageOf(error)}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
