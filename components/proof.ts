import * as command from "@pulumi/command/local";
import * as pulumi from "@pulumi/pulumi";
import { canonicalJson } from "../migration/record";
import { type CommandSecrets, secretEnvironment } from "./secrets";

/** The project's own commands, run from the project folder. Short: a failure repeats the whole command line. */
export const CHECKS = "node --import tsx checks/cli.ts";
export const OPERATIONS = "node --import tsx operations";

export interface RequestArgs {
  /** Name of the check (`copy`) or operation (`issueDataPlaneCertificate`). */
  readonly name: string;
  /**
   * Goes to standard input as JSON. A change of it runs the command again. Never a secret, never the stage. An Output
   * where a part of it is known only once a resource is there.
   */
  readonly request: unknown;
  /** The secrets that this command needs, and no other. */
  readonly secrets: Partial<CommandSecrets>;
  /** Whether what it says on standard error is shown while it runs: progress, in short lines. Default false. */
  readonly showsProgress?: boolean;
}

/** A check that proves what the resources before it made; it fails the update when it does not hold. */
export function proof(name: string, args: RequestArgs, options: pulumi.CustomResourceOptions): command.Command {
  return run(name, `${CHECKS} ${args.name}`, args, options);
}

/** Something that is done once the resources before it are there. */
export function operation(name: string, args: RequestArgs, options: pulumi.CustomResourceOptions): command.Command {
  return run(name, `${OPERATIONS}/${args.name}.ts`, args, options);
}

function run(name: string, line: string, args: RequestArgs, options: pulumi.CustomResourceOptions): command.Command {
  return new command.Command(
    name,
    {
      create: line,
      update: line,
      stdin: pulumi.Output.isInstance(args.request) ? args.request.apply(canonicalJson) : canonicalJson(args.request),
      environment: secretEnvironment(args.secrets),
      // Default logging hangs on a line above 64 KiB, and would print what a failing check had to say twice.
      logging: args.showsProgress === true ? command.Logging.Stderr : command.Logging.None,
      // The next run has no use for it, and the environment has a limit.
      ...(args.showsProgress === true ? { addPreviousOutputInEnv: false } : {}),
    },
    options,
  );
}
