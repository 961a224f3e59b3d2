import { runGate } from "../gate";
import { type Outcome } from "../gateInput";
import { lookAhead } from "../look";
import { GATE_CHECKS } from "../table";
import { verifyGate } from "../verify";
import { readStdin } from "./input";

/** `check -- gate [--verify | --look]`: the request on standard input, the record so far in the environment. */
export async function gateCommand(options: {
  readonly verify?: boolean | undefined;
  readonly look?: boolean | undefined;
}): Promise<Outcome> {
  const run = options.look === true ? lookAhead : options.verify === true ? verifyGate : runGate;
  return run({
    stdin: await readStdin(),
    // Where `@pulumi/command` puts a command's output before (facts/pulumi.md 6).
    previous: process.env["PULUMI_COMMAND_STDOUT"] ?? "",
    environment: process.env,
    projectFolder: process.cwd(),
    checks: GATE_CHECKS,
    now: () => new Date(),
  });
}
