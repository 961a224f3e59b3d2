import { randomBytes } from "node:crypto";
import { UNKNOWN, type Failure, type Props, type ResourceContext, type ResourceType } from "../framework";
import { runCommand, type Logging } from "./run";

/** The inputs of `local.Command`; their types are checked by the schema before any of this runs. */
interface CommandInputs {
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  readonly dir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly interpreter?: readonly string[];
  readonly logging?: Logging;
  readonly addPreviousOutputInEnv?: boolean;
}

/** What a command leaves in the state, and gets back on the next run. */
interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const NO_OUTPUT: Output = { stdout: "", stderr: "" };
const DEFAULT_INTERPRETER = ["/bin/sh", "-c"];
const LOGGINGS: readonly string[] = ["stdout", "stderr", "stdoutAndStderr", "none"];

/** `local.Command` of pulumi-command 1.2.1 (facts/pulumi.md 6), without the collecting of files. */
export const command: ResourceType = {
  token: "command:local:Command",
  replaceOn: ["triggers"],
  defaults: { addPreviousOutputInEnv: true },
  updatedOutputs: ["stdout", "stderr"],

  check(news): readonly Failure[] {
    const failures: Failure[] = [];
    for (const property of ["assetPaths", "archivePaths"]) {
      if (news[property] !== undefined) {
        const reason = "the stand-in plugin collects no files; have the command print what is wanted, and read stdout";
        failures.push({ property, reason });
      }
    }
    const { logging } = news;
    if (typeof logging === "string" && logging !== UNKNOWN && !LOGGINGS.includes(logging)) {
      failures.push({ property: "logging", reason: `must be one of ${LOGGINGS.join(", ")}` });
    }
    return failures;
  },

  async create(inputs, ctx) {
    const { create } = inputs as CommandInputs;
    const output = create === undefined ? NO_OUTPUT : await run(create, inputs, NO_OUTPUT, ctx);
    return { id: uniqueId(ctx.urn), outputs: { ...inputs, ...output } };
  },

  async update(_id, oldOutputs, news, _oldInputs, ctx) {
    const { create, update } = news as CommandInputs;
    const before = outputOf(oldOutputs);
    const wanted = update ?? create;
    const output = wanted === undefined ? before : await run(wanted, news, before, ctx);
    return { ...news, ...output };
  },

  async delete(_id, outputs, ctx) {
    const wanted = (outputs as CommandInputs).delete;
    if (wanted !== undefined) {
      await run(wanted, outputs, outputOf(outputs), ctx);
    }
  },
};

/** `before` travels in two environment variables, unless it is empty or the program does not want it. */
async function run(wanted: string, inputs: Props, before: Output, ctx: ResourceContext): Promise<Output> {
  const { stdin, dir, environment, interpreter = [], logging, addPreviousOutputInEnv = true } = inputs as CommandInputs;
  return runCommand({
    command: wanted,
    interpreter: interpreter.length > 0 ? interpreter : DEFAULT_INTERPRETER,
    dir: dir ?? process.cwd(),
    environment: {
      ...process.env,
      ...environment,
      ...(addPreviousOutputInEnv && before.stdout !== "" && { PULUMI_COMMAND_STDOUT: before.stdout }),
      ...(addPreviousOutputInEnv && before.stderr !== "" && { PULUMI_COMMAND_STDERR: before.stderr }),
    },
    ...(stdin !== undefined && { stdin }),
    logging: logging ?? "stdoutAndStderr",
    log: (line) => ctx.log("status", line),
    signal: ctx.signal,
  });
}

function outputOf(outputs: Props): Output {
  const { stdout, stderr } = outputs;
  return {
    stdout: typeof stdout === "string" ? stdout : "",
    stderr: typeof stderr === "string" ? stderr : "",
  };
}

/** The resource's name and eight hexadecimal digits. */
function uniqueId(urn: string): string {
  return `${urn.split("::").at(-1) ?? ""}${randomBytes(4).toString("hex")}`;
}
