import { createRequire } from "node:module";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import type * as AlertRulesModule from "./commands/alertRules";
import type * as ConfigurationModule from "./commands/configuration";
import type * as DatabasesModule from "./commands/databases";
import type * as DoctorModule from "./commands/doctor";
import type * as GateModule from "./commands/gate";
import type * as InspectionModule from "./commands/inspection";
import type * as JudgeModule from "./commands/judge";
import type * as MetricsModule from "./commands/metrics";
import type * as ScopeModule from "./commands/scope";
import type * as SettingsModule from "./commands/settings";
import type * as WindowModule from "./commands/window";
import { type Outcome } from "./gateInput";
import { BadInput } from "./request";
import { textOf } from "./result";

/**
 * `npm run --silent check -- NAME [options]`: one check, or the stage gate.
 * Exit codes: 0 holds, 1 does not hold, 2 could not look (also for wrong input).
 */

/** Each command loads what it needs: the SDKs take longer to load than most checks take. */
const load = createRequire(__filename);
const alertRules = (): typeof AlertRulesModule => load("./commands/alertRules") as typeof AlertRulesModule;
const configuration = (): typeof ConfigurationModule => load("./commands/configuration") as typeof ConfigurationModule;
const databases = (): typeof DatabasesModule => load("./commands/databases") as typeof DatabasesModule;
const doctor = (): typeof DoctorModule => load("./commands/doctor") as typeof DoctorModule;
const gate = (): typeof GateModule => load("./commands/gate") as typeof GateModule;
const inspection = (): typeof InspectionModule => load("./commands/inspection") as typeof InspectionModule;
const judge = (): typeof JudgeModule => load("./commands/judge") as typeof JudgeModule;
const metrics = (): typeof MetricsModule => load("./commands/metrics") as typeof MetricsModule;
const scope = (): typeof ScopeModule => load("./commands/scope") as typeof ScopeModule;
const settings = (): typeof SettingsModule => load("./commands/settings") as typeof SettingsModule;
const window = (): typeof WindowModule => load("./commands/window") as typeof WindowModule;

function main(arguments_: readonly string[]): Promise<Outcome> {
  let outcome: Promise<Outcome> | undefined;
  const program = new Command("check")
    .description("Looks at running systems. Exit codes: 0 holds, 1 does not hold, 2 could not look.")
    .exitOverride()
    .showHelpAfterError();

  program
    .command("gate")
    .description("stage gate: judges, checks and records a move; gate request on stdin, the record on stdout")
    .option("--verify", "look again before a rule's weights rise; prints a verdict and records nothing")
    .option("--look", "what the gate would say now, as JSON; records nothing and writes no file")
    .action((options: { verify?: boolean; look?: boolean }) => {
      outcome = gate().gateCommand(options);
    });

  program
    .command("databases")
    .description("compare two databases row by row")
    .option("--a <dsn>", "database A; better in MIGRATION_DATABASE_A_DSN, where other users cannot read it")
    .option("--b <dsn>", "database B; better in MIGRATION_DATABASE_B_DSN, or found through RDS by a scope on stdin")
    .option("--connections <n>", "connections to each server (default 2)", positiveInteger)
    .option("--volatile <file>", 'what may differ: a JSON list of {"table", "columns"?, "reason"}')
    .option("--json", "print the whole result as JSON")
    .action((options: DatabasesModule.DatabasesOptions) => {
      outcome = databases().databasesCommand(options);
    });

  program
    .command("settings")
    .description("read the settings of a stack, and tell everything that is wrong with them")
    .option("--stack <name>", "the stack; default: from the name of --file")
    .option("--file <path>", "a stack file elsewhere; default: Pulumi.NAME.yaml")
    .option("--json", "print exactly the findings, as a JSON array")
    .action((options: SettingsModule.SettingsOptions) => {
      outcome = settings().settingsCommand(options);
    });

  program
    .command("doctor")
    .description("whether this machine has what a migration needs, and reaches what the stack names; changes nothing")
    .option("--stack <name>", "the stack; without one only the machine is looked at")
    .option("--json", "print the whole result as JSON")
    .action((options: DoctorModule.DoctorOptions) => {
      outcome = doctor().doctorCommand(options);
    });

  program
    .command("window")
    .description("whether a move up may be made now, and when again; of a stack's file, or a gate request on stdin")
    .option("--stack <name>", "read windows and blackouts from Pulumi.NAME.yaml")
    .option("--at <moment>", "another moment than now, ISO 8601 with an offset: 2026-03-01T22:00+01:00", instant)
    .option("--json", "print the whole result as JSON")
    .action((options: WindowModule.WindowOptions) => {
      outcome = window().windowCommand(options);
    });

  program
    .command("judge")
    .description("B against A on saved metrics, one JSON object a line; exit 0 go, 1 hold or back, 2 could not look")
    .requiredOption("--samples <file>", "samples of one migration, in the order of their time")
    .option("--limits <file>", "other settings of judge than the defaults, YAML or JSON; or a stack's file")
    .option("--since <moment>", "leave out earlier samples: the evidence begins anew there", instant)
    .option("--json", "print the answer as JSON")
    .action((options: JudgeModule.JudgeOptions) => {
      outcome = judge().judgeCommand(options);
    });

  program
    .command("metrics")
    .description("the samples of the way up at hand, one JSON object a line, as `judge --samples` takes them")
    .option("--stack <name>", "the stack; default: from the name of --file")
    .option("--file <path>", "a stack file elsewhere; default: Pulumi.NAME.yaml")
    .option(
      "--record <file>",
      "the record, as `pulumi stack output record` prints it; default: its copy in recordFolder",
    )
    .option("--json", "print one JSON document, with what was missing")
    .action((options: MetricsModule.MetricsOptions) => {
      outcome = metrics().metricsCommand(options);
    });

  program
    .command("alert-rules")
    .description("a rule file for the Prometheus of cluster B: this stack's limits, and when to roll back")
    .option("--stack <name>", "the stack; default: from the name of --file")
    .option("--file <path>", "a stack file elsewhere; default: Pulumi.NAME.yaml")
    .action((options: AlertRulesModule.AlertRulesOptions) => {
      outcome = alertRules().alertRulesCommand(options);
    });

  const scoped = (name: string, description: string, waitSeconds: number): Command =>
    program
      .command(name)
      .description(`${description}; the migration's scope on stdin`)
      .option("--wait-seconds <n>", "how long to wait for what settles by itself", seconds, waitSeconds)
      .option("--json", "print the whole result as JSON");
  type Options = ScopeModule.ScopeOptions;
  scoped("copy", "database B is A's copy", 0).action((o: Options) => {
    outcome = scope().copyCommand(o);
  });
  scoped("freeze", "A's configuration is closed and A is at full size", 120)
    .option("--record <file>", "the record, as `pulumi stack output record` prints it: names what changed since")
    .action((o: Options & { record?: string }) => {
      outcome = scope().freezeCommand(o);
    });
  program
    .command("configuration")
    .alias("still-equal")
    .description("A and B are configured alike, by names and without ids; scope or gate request on stdin")
    .option("--record <file>", "the record, as `pulumi stack output record` prints it: tells which side changed")
    .option("--since-complete", "list what B got since `complete`, and A does not have")
    .option("--json", "print the whole result as JSON")
    .action((options: ConfigurationModule.ConfigurationOptions) => {
      outcome = configuration().configurationCommand(options);
    });
  scoped("health", "control plane, data planes and targets of B are well", 300).action((o: Options) => {
    outcome = scope().healthCommand(o);
  });
  scoped("control-plane", "dashboard and DP Manager of B answer /healthz, in A's version", 300).action((o: Options) => {
    outcome = scope().controlPlaneCommand(o);
  });
  scoped("pinning", "every data plane of B belongs to control plane B", 120).action((o: Options) => {
    outcome = scope().pinningCommand(o);
  });
  scoped("live-weights", "the load balancer holds the expected share of B", 0)
    .option("--weight-b <percent>", "expected share of B; else that of the gate request's stage", percent)
    .action((o: Options & { weightB?: number }) => {
      outcome = scope().liveWeightsCommand(o);
    });

  const inspected = (name: InspectionModule.InspectionName, description: string): void => {
    program
      .command(name)
      .description(`${description}; a gate request, or a scope alone, on stdin`)
      .option("--json", "print the whole result as JSON")
      .action((o: { json?: boolean }) => {
        outcome = inspection().inspectionCommand(name, o);
      });
  };
  inspected("preflight", "everything that the freeze and the copy rely on is there");
  inspected("parity", "A's and B's gateways are the same outside of the database");
  inspected("dependencies", "B reaches everything that the configuration points to");
  inspected(
    "stateful-plugins",
    "each Redis and each plugin with state on the node has a choice, and B reaches each Redis",
  );
  inspected("compare-answers", "A and B answer the same requests alike, by the listener's test rules");
  inspected("licence", "licence and certificates outlive the migration");
  inspected("connections", "control plane B's pools fit into what database B takes");

  program.parse(arguments_, { from: "user" });
  return outcome ?? Promise.resolve({ exitCode: 2, stdout: "", stderr: program.helpInformation() });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || value > 3600) throw new InvalidArgumentError("0 to 3600 seconds");
  return value;
}

function instant(text: string): Date {
  const value = new Date(text);
  const whole = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  if (!whole || Number.isNaN(value.getTime())) throw new InvalidArgumentError("a moment such as 2026-03-01T21:00Z");
  return value;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 16) throw new InvalidArgumentError("1 to 16");
  return value;
}

function percent(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 100) throw new InvalidArgumentError("0 to 100");
  return value;
}

/** Ends only after everything is written: a pipe may take it slowly. */
async function finish(outcome: Outcome): Promise<never> {
  const write = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
    new Promise((resolve) => {
      if (text === "") resolve();
      else stream.write(text.endsWith("\n") ? text : `${text}\n`, () => resolve());
    });
  await write(process.stdout, outcome.stdout);
  await write(process.stderr, outcome.stderr);
  // Connections to systems that do not answer would hold the process.
  process.exit(outcome.exitCode);
}

function failure(error: unknown): Outcome {
  if (error instanceof CommanderError) {
    // Help and its like are no failure; the text was written by then.
    return { exitCode: error.exitCode === 0 ? 0 : 2, stdout: "", stderr: "" };
  }
  if (error instanceof BadInput) return { exitCode: 2, stdout: "", stderr: error.message };
  const where =
    error instanceof Error && error.stack !== undefined ? `\n${error.stack.split("\n").slice(1, 4).join("\n")}` : "";
  return { exitCode: 2, stdout: "", stderr: `The check failed, which is a mistake in it: ${textOf(error)}${where}` };
}

async function start(): Promise<never> {
  try {
    return await finish(await main(process.argv.slice(2)));
  } catch (error) {
    return finish(failure(error));
  }
}

void start();
