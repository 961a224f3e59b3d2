import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { scopeOf } from "../migration/scope";
import { describeDrain, drainB } from "./drain";
import { tellRollback } from "./afterRollback";
import { MigrationStack } from "./migrationStack";
import { describeOutcome, rollBack, type RollbackOutcome } from "./rollback";
import { type StackState } from "./stackState";
import { viewOf } from "./standing";

/**
 * `npm run rollback -- --stack NAME`: all requests back to A, for somebody who has never seen this tool.
 * Exit codes: 0 A has every request, 1 B may still get some or nothing could be done, 2 it was done but nobody could look.
 */

interface Options {
  readonly stack: string;
  readonly direct?: boolean;
  readonly drain?: boolean;
  readonly state?: string;
  readonly cwd: string;
  readonly json?: boolean;
}

const EXIT_CODES: Readonly<Record<RollbackOutcome["result"], number>> = {
  back: 0,
  "not back": 1,
  refused: 1,
  unseen: 2,
};

async function main(): Promise<number> {
  const program = new Command("rollback")
    .description("Brings all requests back to A. Ends an update that is in the way. Asks nothing.")
    .requiredOption("--stack <name>", "the stack of the migration, as in Pulumi.<name>.yaml")
    .option("--direct", "make the bare load balancer call first, then reconcile the state; needs only that permission")
    .option("--drain", "afterwards, end the WebSockets and streams that are still open on B: its gateways are replaced")
    .option("--state <file>", "a saved `pulumi stack export`, for --direct when the state cannot be read")
    .option("--cwd <folder>", "the project folder", process.cwd())
    .option("--json", "print the outcome as JSON")
    .showHelpAfterError()
    .parse();
  const options = program.opts<Options>();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const decision = new Date();
  const stack = await MigrationStack.ofProject(resolve(options.cwd), options.stack);
  const { state } = options;
  const outcome = await rollBack(stack, {
    direct: options.direct,
    ...(state === undefined ? {} : { savedState: () => savedState(state) }),
    decision,
    report: say,
  });
  const { update, ...rest } = outcome;
  const text =
    options.json === true
      ? JSON.stringify({ ...rest, updateSeconds: update?.seconds }, null, 2)
      : describeOutcome(options.stack, outcome).join("\n");
  process.stdout.write(`${text}\n`);
  await tellRollback(stack, outcome, say);
  // A has every new request by now: whatever becomes of the connections, the way back was gone.
  if (options.drain === true && EXIT_CODES[outcome.result] !== 1) (await drained(stack)).forEach(say);
  return EXIT_CODES[outcome.result];
}

/** What was begun on B, or why not, for people. */
async function drained(stack: MigrationStack): Promise<readonly string[]> {
  try {
    return describeDrain(await drainB(scopeOf((await viewOf(stack)).settings), new Date()));
  } catch (error) {
    return [`B's open connections were left alone: ${error instanceof Error ? error.message : String(error)}`];
  }
}

async function savedState(file: string): Promise<StackState> {
  const { deployment } = JSON.parse(await readFile(file, "utf8")) as { readonly deployment?: StackState };
  if (deployment === undefined) throw new Error(`${file} is no output of pulumi stack export: it has no deployment`);
  return deployment;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(
      "Nothing was changed. If Pulumi cannot be used here at all, make the bare call: it is in the run's summary, in\n" +
        "`pulumi stack output wayBack`, and in the runbook.\n",
    );
    process.exit(1);
  },
);
