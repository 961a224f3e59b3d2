import { createRequire } from "node:module";
import { resolve } from "node:path";
import { Command } from "commander";
import { callerIdentity } from "../checks/identity";
import { isStage } from "../migration/stages";
import { tellRollback } from "./afterRollback";
import { bakeMinutes } from "./bake";
import { EventLog } from "./events";
import { MigrationStack } from "./migrationStack";
import { describePlan, planOf } from "./plan";
import type * as ReportModule from "./report/command";
import { describeOutcome, rollBack } from "./rollback";
import { Screen } from "./show";
import { viewOf } from "./standing";
import { describeStatus, statusOf } from "./status";
import { ticketOfStack, writeStackTicket } from "./ticket";
import { superviseRun, type Ended, type Told } from "./supervised";

/**
 * `npm run pilot -- status|plan|advance|run|rollback|report|ticket|approve|refuse --stack NAME`.
 * Exit codes: 0 as asked, 1 not (held, refused, gone back to A), 2 could not look.
 */

interface Options {
  readonly stack: string;
  readonly cwd: string;
  readonly json?: boolean;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const program = new Command("pilot")
  .description("Walks a stack through the stages of the migration, watches, and goes back to A when B is worse.")
  .showHelpAfterError();

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .requiredOption("--stack <name>", "the stack, as in Pulumi.<name>.yaml")
    .option("--cwd <folder>", "the project folder", process.cwd())
    .option("--json", "JSON instead of text; for run and advance one event a line");
}

async function open({ cwd, stack }: Options): Promise<MigrationStack> {
  return MigrationStack.ofProject(resolve(cwd), stack);
}

command("status", "where the migration stands, since when, and what the gate would say now").action(
  async (options: Options) => {
    const status = await statusOf(await open(options));
    if (options.json === true) print(JSON.stringify(status, null, 2));
    else for (const line of describeStatus(status, new Date())) print(line);
    process.exitCode = status.gate?.verdict === "unknown" ? 2 : 0;
  },
);

command("plan", "every stage that is left: what it changes, and when it can be entered at the earliest")
  .option("--rate <requests/s>", "requests a second of A and B together, for the judge's times", Number)
  .action(async (options: Options & { readonly rate?: number }) => {
    const planned = await planOf(await open(options), new Date(), bakeMinutes(options.rate));
    if (options.json === true) print(JSON.stringify(planned, null, 2));
    else for (const line of describePlan(options.stack, planned)) print(line);
  });

command("advance", "enters the next stage, if the gate lets it pass now").action(async (options: Options) => {
  process.exitCode = await watch(options, { once: true });
});

command("run", "walks on by itself: steps, waits, judges, goes back")
  .option("--to <stage>", "the last stage to enter (default: complete)")
  .action(async (options: Options & { readonly to?: string }) => {
    process.exitCode = await watch(options, { once: false, goal: options.to });
  });

command("rollback", "brings all requests back to A")
  .option("--direct", "make the bare load balancer call first")
  .action(async (options: Options & { readonly direct?: boolean }) => {
    const stack = await open(options);
    const outcome = await rollBack(stack, { direct: options.direct, report: say });
    for (const line of describeOutcome(options.stack, outcome)) print(line);
    await tellRollback(stack, outcome, say);
    process.exitCode = outcome.result === "back" ? 0 : outcome.result === "unseen" ? 2 : 1;
  });

command("report", "the report of the migration, as one HTML file and as Markdown; or with --plan its rollback plan")
  .option("--out <folder>", "where the files go", "report")
  .option("--from <folder>", "a copy of the record folder, from a bucket or a backup; then nothing else is asked")
  .option("--plan", "the rollback plan alone: steps, criteria, commands; before or during the migration")
  .action(async (options: Options & { readonly out: string; readonly from?: string; readonly plan?: boolean }) => {
    // Loaded when it is wanted: what draws the charts takes longer to load than a status takes.
    const { writeReport } = createRequire(__filename)("./report/command") as typeof ReportModule;
    for (const file of await writeReport(options, say)) print(file);
  });

command("ticket", "the ticket of a stack that was a rehearsal: what production's setting rehearsal.file names")
  .option("--out <file>", "where it goes", "ticket.json")
  .action(async (options: Options & { readonly out: string }) => {
    const outcome = await ticketOfStack(await open(options), new Date());
    if (outcome.kind === "ticket") print(await writeStackTicket(options.out, outcome.ticket));
    else for (const { seen, expected } of outcome.misfits) say(`No ticket: ${seen}; expected ${expected}.`);
    process.exitCode = outcome.kind === "ticket" ? 0 : 1;
  });

for (const [name, description] of [
  ["approve", "agrees to a stage that waits for a person"],
  ["refuse", "refuses a stage that waits for a person: the pilot then goes back to A"],
] as const) {
  command(name, description)
    .argument("<stage>")
    .requiredOption("--reason <text>", "for the record")
    .action(async (stage: string, options: Options & { readonly reason: string }) => {
      process.exitCode = await answer(name, stage, options);
    });
}

async function answer(
  kind: "approve" | "refuse",
  stage: string,
  options: Options & { readonly reason: string },
): Promise<number> {
  const stack = await open(options);
  const { settings } = await viewOf(stack);
  const { approvalStages, approvers } = settings.pilot;
  if (!isStage(stage, settings.trafficSteps) || !approvalStages.includes(stage)) {
    say(
      `${stage} asks for nobody's approval; setting pilot.approvalStages names ${approvalStages.join(", ") || "none"}.`,
    );
    return 1;
  }
  const name = await callerIdentity(settings.region);
  if (approvers.length > 0 && !approvers.some((approver) => name.includes(approver))) {
    say(`You are ${name}. Setting pilot.approvers names ${approvers.join(", ")}.`);
    return 1;
  }
  const log = new EventLog(resolve(stack.folder, settings.recordFolder), name, () => new Date());
  await log.append(
    kind === "approve"
      ? { event: "approval-given", stage, name }
      : { event: "approval-refused", stage, name, reason: options.reason },
  );
  print(`${name} ${kind === "approve" ? "agreed to" : "refused"} ${stage}: ${options.reason}`);
  return 0;
}

async function watch(
  options: Options,
  how: { readonly once: boolean; readonly goal?: string | undefined },
): Promise<number> {
  const show = options.json === true ? jsonLines : plainLines();
  const ended = await superviseRun(
    { folder: resolve(options.cwd), stack: options.stack, ...how },
    { onTold: show, say },
  );
  return exitCodeOf(ended);
}

function exitCodeOf(ended: Ended): number {
  switch (ended.kind) {
    case "done":
    case "left":
    case "ended":
      return 0;
    case "failed":
      say(ended.message);
      return 2;
    case "stopped":
    case "back":
      for (const reason of ended.reasons) say(reason);
      return 1;
  }
}

function jsonLines(told: Told): void {
  print(JSON.stringify(told));
}

function plainLines(): (told: Told) => void {
  const { stdout } = process;
  const screen = new Screen({
    isTTY: stdout.isTTY,
    get columns() {
      return stdout.columns;
    },
    write: (text) => void stdout.write(text),
  });
  return (told) => {
    if (told.kind === "event") screen.event(told.event);
    if (told.kind === "look") {
      screen.look({ ...told.look, at: new Date(told.look.at), decision: revived(told.look.decision) });
    }
  };
}

/** Dates travel between processes as text. */
function revived(decision: (Told & { kind: "look" })["look"]["decision"]): typeof decision {
  return decision.kind === "wait" && decision.until !== undefined
    ? { ...decision, until: new Date(decision.until) }
    : decision;
}

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(2);
  },
);
