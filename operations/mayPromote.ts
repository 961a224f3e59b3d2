import { execFile } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { parse } from "yaml";
import { parseRecord, rollbackId } from "../migration/record";

/**
 * `node --import tsx operations/mayPromote.ts`: whether .github/workflows/promote.yml may go on with the stage that was
 * chosen. Exit codes: 0 it may, 1 it must not, 2 could not look. Everything that speaks against it is told at once.
 *
 * The program judges the move itself, in preview too. This asks what the program cannot know: whether the repository
 * still says what somebody chose, and whether a rollback is under way.
 *
 * Reads from the environment: STACK, STAGE (what was chosen), BRANCH (the repository's default branch), and what GitHub
 * gives to every step.
 */

const PROJECT = "api7-migration";
/** A stack file is a few KiB; a state with all of B is some hundred. */
const MAX_BYTES = 64 * 1024 * 1024;

type Run = (file: string, args: readonly string[]) => Promise<string>;

/** What could not be looked at, and how to mend it: never a permission. */
class CouldNotLook extends Error {
  override readonly name = "CouldNotLook";
}

const run: Run = async (file, args) => {
  try {
    return (await promisify(execFile)(file, [...args], { maxBuffer: MAX_BYTES })).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string };
    const said = (stderr ?? "").trim();
    throw new CouldNotLook(`\`${file} ${args.slice(0, 3).join(" ")}\` failed: ${said === "" ? message : said}`);
  }
};

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new CouldNotLook(`The environment has no ${name}.`);
  return value;
}

/** Everything that speaks against promoting; nothing when it may go on. */
async function objections(): Promise<readonly string[]> {
  const [stack, stage, branch] = [variable("STACK"), variable("STAGE"), variable("BRANCH")];
  const file = `Pulumi.${stack}.yaml`;
  const text = readFileSync(file, "utf8");
  const config = (parse(text) as { readonly config: Readonly<Record<string, unknown>> }).config;
  const setting = (key: string): string | undefined => {
    const value = config[`${PROJECT}:${key}`];
    return typeof value === "string" ? value : undefined;
  };
  const found = [
    onBranch(branch),
    chosenIsCommitted(stage, setting("stage"), file, stack),
    ...(await Promise.all([
      stillCommitted(text, file, branch),
      noRollbackRuns(stack),
      rollbackAcknowledged(stack, stage, setting("acknowledgeRollback")),
    ])),
  ];
  return found.filter((objection) => objection !== undefined);
}

function onBranch(branch: string): string | undefined {
  const ref = variable("GITHUB_REF");
  return ref === `refs/heads/${branch}`
    ? undefined
    : `The workflow was started from ${ref}. Start it from ${branch}: what is promoted has been reviewed and merged.`;
}

function chosenIsCommitted(
  chosen: string,
  committed: string | undefined,
  file: string,
  stack: string,
): string | undefined {
  if (chosen === committed) return undefined;
  return (
    `You chose ${chosen}, and ${file} says ${committed ?? "no stage"}. Open a pull request that sets it ` +
    `(pulumi config set stage ${chosen} --stack ${stack}), look at its preview, merge it, and promote then.`
  );
}

/** A run that waited for its approval, or was started again, must not bring back what was merged away meanwhile. */
async function stillCommitted(text: string, file: string, branch: string): Promise<string | undefined> {
  const path = `repos/{owner}/{repo}/contents/${file}?ref=${branch}`;
  const now = await run("gh", ["api", "--header", "Accept: application/vnd.github.raw", path]);
  return now === text ? undefined : `${file} has changed on ${branch} since this run looked at it. Start a new run.`;
}

async function noRollbackRuns(stack: string): Promise<string | undefined> {
  const fields = ["--json", "displayTitle,status"];
  const listed = await run("gh", ["run", "list", "--workflow", "rollback.yml", "--limit", "50", ...fields]);
  const runs = JSON.parse(listed) as readonly { readonly displayTitle: string; readonly status: string }[];
  const under = runs.some(({ displayTitle, status }) => displayTitle === `rollback ${stack}` && status !== "completed");
  return under ? `A rollback of ${stack} is under way. Wait for it to end, and find out why it was needed.` : undefined;
}

/** The gate's record says whether a rollback stands; the outputs of a targeted update could be older. */
async function rollbackAcknowledged(
  stack: string,
  stage: string,
  acknowledged: string | undefined,
): Promise<string | undefined> {
  const exported = JSON.parse(await run("pulumi", ["stack", "export", "--stack", stack, "--non-interactive"])) as {
    readonly deployment?: { readonly resources?: readonly StateResource[] | null };
  };
  const gate = (exported.deployment?.resources ?? []).find(
    ({ type, urn }) => type === "command:local:Command" && urn.includes("StageGate$"),
  );
  const id = rollbackId(parseRecord(gate?.outputs?.stdout ?? ""));
  if (id === undefined || stage === "rollback" || acknowledged === id) return undefined;
  return (
    `${stack} stands at rollback ${id}. Leaving it needs the acknowledgement of this very rollback in Pulumi.${stack}.yaml` +
    `${acknowledged === undefined || acknowledged === "" ? "" : ` (it names ${acknowledged}, another one)`}: ` +
    `pulumi config set acknowledgeRollback ${id} --stack ${stack}`
  );
}

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly outputs?: { readonly stdout?: string };
}

async function main(): Promise<void> {
  const found = await objections();
  if (found.length === 0) {
    process.stdout.write(`Nothing speaks against promoting ${variable("STACK")} to ${variable("STAGE")}.\n`);
    return;
  }
  const lines = found.map((objection) => `- ${objection}`).join("\n");
  const summary = process.env["GITHUB_STEP_SUMMARY"];
  if (summary !== undefined && summary !== "") appendFileSync(summary, `## Not promoted\n\n${lines}\n`);
  process.stderr.write(`Not promoted:\n${lines}\n`);
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(
    `Could not look, so nothing is promoted. ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 2;
});
