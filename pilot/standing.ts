import { EMPTY_RECORD, type MigrationRecord } from "../migration/record";
import { describeFindings, readSettings, type Settings } from "../migration/settings";
import { type MigrationStack } from "./migrationStack";
import { PROJECT } from "./stackFile";
import { gateEnvironment, recordOf, standingOf, type StackState, type Standing } from "./stackState";

/** Everything that a look at a stack begins with: settings, state and record, of one moment. */
export interface StackView {
  readonly settings: Settings;
  readonly state: StackState;
  readonly record: MigrationRecord;
  /** Undefined for a stack without an entry. */
  readonly standing: Standing | undefined;
  /** For the checks' own process alone: it carries secrets. */
  readonly gateEnvironment: Readonly<Record<string, string>>;
}

/** The settings of the stack do not allow anything. The message holds all findings. */
export class SettingsRefused extends Error {
  override readonly name = "SettingsRefused";
}

/** @throws SettingsRefused, RecordError, or what the engine answers */
export async function viewOf(stack: MigrationStack): Promise<StackView> {
  const [config, state] = await Promise.all([stack.config(), stack.state()]);
  const outcome = readSettings({
    project: PROJECT,
    stack: stack.name,
    values: Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])),
    isSecret: (key) => config[key]?.secret === true,
  });
  if (outcome.kind !== "settings") {
    throw new SettingsRefused(`Settings of stack ${stack.name}:\n${describeFindings(outcome.findings)}`);
  }
  const record = recordOf(state) ?? EMPTY_RECORD;
  return {
    settings: outcome.settings,
    state,
    record,
    standing: standingOf(record),
    gateEnvironment: gateEnvironment(state),
  };
}
