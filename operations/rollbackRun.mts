import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The steps of .github/workflows/rollback.yml, in their order: `stop`, `show`, `back`, `bare` (only when `back` failed) and
 * `remember`.
 *
 * One file without any import but Node's own, so that Node runs it as it is: the way back does not wait for `npm ci`
 * before the running promotion is stopped and the bare calls are shown.
 *
 * Reads from the environment: STACK, and what GitHub gives to every step.
 */

/** A promotion that does not end by itself within this time is ended by force; then nobody waits for it any more. */
const GRACE_SECONDS = 15;
const POLL_SECONDS = 2;
/** Tries of the update while a lock stands: each one takes the lock away first. */
const TRIES = 3;

/**
 * Everything that carries weights, and the gate: the same as the output `wayBack.targets`, but known without asking the
 * state.
 */
const WAY_BACK_TARGETS: readonly string[] = [
  "**TrafficSplit$aws:lb/listener:Listener::**",
  "**TrafficSplit$aws:lb/listenerRule:ListenerRule::**",
  "**StageGate$command:local:Command::**",
];

interface Ended {
  /** Exit code; 127 when the program could not be started, 128 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  /** Both streams together, for finding out why. */
  readonly said: string;
}

interface WorkflowRun {
  readonly databaseId: number;
  readonly displayTitle: string;
  readonly status: string;
}

/** Runs a program to its end. Never throws: on the way back a missing program is told like any other failure. */
async function run(file: string, args: readonly string[], show: "show" | "quiet" = "show"): Promise<Ended> {
  if (show === "show") process.stdout.write(`> ${file} ${args.join(" ")}\n`);
  return new Promise((resolve) => {
    let stdout = "";
    let said = "";
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      said += text;
      if (show === "show") process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      process.stderr.write(text);
    });
    child.once("error", ({ message }) => {
      process.stderr.write(`${message}\n`);
      resolve({ code: 127, stdout, said: message });
    });
    child.once("close", (code) => resolve({ code: code ?? 128, stdout, said }));
  });
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`the environment has no ${name}`);
  return value;
}

/** The stack's short name: the part that names its file, and that the promotion's title holds. */
function stack(): string {
  const name = variable("STACK");
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new Error(`STACK is ${JSON.stringify(name)}, expected a plain stack name`);
  return name;
}

/** A line that GitHub shows on the run's page. */
function warn(text: string): void {
  process.stdout.write(`::warning::${text}\n`);
}

function summarize(markdown: string): void {
  const file = process.env["GITHUB_STEP_SUMMARY"];
  if (file !== undefined && file !== "") appendFileSync(file, `${markdown}\n`);
  process.stdout.write(`${markdown}\n`);
}

/** Ends every promotion of this stack, running or waiting. Exit code 1 when one may go on: `back` goes all the same. */
async function stop(): Promise<number> {
  const title = `promote ${stack()} to `;
  const fields = ["--json", "databaseId,displayTitle,status"];
  const listed = await run("gh", ["run", "list", "--workflow", "promote.yml", "--limit", "100", ...fields], "quiet");
  if (listed.code !== 0) {
    warn("The promotions could not be listed. Cancel a running one by hand: Actions > promote > Cancel workflow.");
    return 1;
  }
  const runs = (JSON.parse(listed.stdout) as readonly WorkflowRun[]).filter(
    ({ displayTitle, status }) => displayTitle.startsWith(title) && status !== "completed",
  );
  if (runs.length === 0) process.stdout.write(`No promotion of ${stack()} is running or waiting.\n`);
  const outcomes = await Promise.all(runs.map((promotion) => end(promotion)));
  return outcomes.every(Boolean) ? 0 : 1;
}

/** Whether the promotion has ended. */
async function end({ databaseId, displayTitle }: WorkflowRun): Promise<boolean> {
  const id = String(databaseId);
  const cancelled = await run("gh", ["run", "cancel", id]);
  const until = Date.now() + GRACE_SECONDS * 1000;
  while (cancelled.code === 0) {
    const seen = await run("gh", ["run", "view", id, "--json", "status"], "quiet");
    if (seen.code === 0 && (JSON.parse(seen.stdout) as { status: string }).status === "completed") {
      process.stdout.write(`"${displayTitle}" (run ${id}) has ended.\n`);
      return true;
    }
    if (Date.now() >= until) break;
    await sleep(POLL_SECONDS * 1000);
  }
  const forced = await run("gh", ["api", "--method", "POST", `repos/{owner}/{repo}/actions/runs/${id}/force-cancel`]);
  warn(
    `"${displayTitle}" (run ${id}) ${forced.code === 0 ? "was ended by force" : "may still be running"}: ` +
      "look at its page before anything is promoted again.",
  );
  return forced.code === 0;
}

/** Where `show` leaves the calls for `bare`. */
function callsFile(): string {
  return join(variable("RUNNER_TEMP"), "way-back-calls.json");
}

/** Puts the bare calls on the run's page, before anything is tried. */
async function show(): Promise<number> {
  const outputs = await run("pulumi", ["stack", "output", "--json", "--stack", stack(), "--non-interactive"], "quiet");
  const calls = outputs.code === 0 ? callsOf(outputs.stdout) : undefined;
  writeFileSync(callsFile(), JSON.stringify(calls ?? []));
  if (calls === undefined || calls.length === 0) {
    warn(
      outputs.code === 0
        ? "The stack has no output wayBack: B has no rule yet, or A was given up at decommission."
        : "The stack's outputs could not be read. The newest promotion's page has the bare calls.",
    );
    return outputs.code === 0 ? 0 : 1;
  }
  const each = calls.length === 1 ? "One call" : `${calls.length} calls, all of them,`;
  summarize(
    [
      `## Rollback of ${stack()}`,
      "",
      `${each} give A every request without Pulumi, if the steps below should not get there:`,
      "",
      "```sh",
      ...calls,
      "```",
    ].join("\n"),
  );
  return 0;
}

function callsOf(outputs: string): readonly string[] {
  const { wayBack } = JSON.parse(outputs) as { readonly wayBack?: { readonly calls?: readonly unknown[] } };
  return (wayBack?.calls ?? []).filter((call): call is string => typeof call === "string");
}

/** Takes the lock away, asks for `rollback`, and changes the rules and the gate, nothing else. */
async function back(): Promise<number> {
  const name = stack();
  const where = ["--stack", name, "--non-interactive"];
  const update = ["up", "--yes", "--skip-preview", "--refresh", ...where, "--message", `rollback, run ${runPage()}`];
  const targets = WAY_BACK_TARGETS.flatMap((target) => ["--target", target]);
  for (let attempt = 1; ; attempt++) {
    const cancelled = await run("pulumi", ["cancel", "--yes", ...where]);
    if (cancelled.code !== 0) process.stdout.write("Nothing was cancelled; the update is tried all the same.\n");
    const set = await run("pulumi", ["config", "set", "stage", "rollback", ...where]);
    const done = set.code === 0 ? await run("pulumi", [...update, ...targets]) : set;
    if (done.code === 0) {
      summarize(`A has every request of ${name}. The record holds this rollback and its id.`);
      return 0;
    }
    if (attempt === TRIES || !/currently locked|Another update is currently in progress/.test(done.said)) {
      return done.code;
    }
    await sleep(POLL_SECONDS * 1000);
  }
}

function runPage(): string {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id } = process.env;
  return [server, repository, "actions/runs", id].map((part) => part ?? "-").join("/");
}

/** The bare calls themselves, when the update failed. The job stays failed: the record does not know yet. */
async function bare(): Promise<number> {
  const calls = JSON.parse(readFileSync(callsFile(), "utf8")) as readonly string[];
  if (calls.length === 0) {
    warn("There is no bare call to make: see above why, and look at the newest promotion's page.");
    return 1;
  }
  const outcomes = await Promise.all(calls.map((call) => run("bash", ["-c", call])));
  const failed = outcomes.filter(({ code }) => code !== 0).length;
  summarize(
    failed === 0
      ? "The update failed, and the bare calls did not: A has every request. Mend what the update said, then run this " +
          "workflow again, so that the rollback is recorded."
      : `The update failed, and ${failed} of ${calls.length} bare calls as well: **B may still get requests.**`,
  );
  return failed === 0 ? 0 : 1;
}

/** A pull request that writes the stage into the stack's file. The way back does not wait for it. */
async function remember(): Promise<number> {
  const name = stack();
  const file = `Pulumi.${name}.yaml`;
  const text = readFileSync(file, "utf8");
  const line = /^( *api7-migration:stage:) .*$/m;
  if (!line.test(text)) throw new Error(`${file} has no line api7-migration:stage; set it to rollback by hand`);
  const changed = text.replace(line, "$1 rollback");
  if (changed === text) {
    process.stdout.write(`${file} says rollback already.\n`);
    return 0;
  }
  writeFileSync(file, changed);
  const branch = `rollback/${name}-${variable("GITHUB_RUN_ID")}`;
  const title = `Rollback of ${name}: the stage as it stands`;
  const body =
    `${runPage()} brought every request back to A. This writes the stage into ${file}, so that the file says what is.\n\n` +
    "Merge it, then promote the stack to rollback once: that brings the rest of the stack to the stage too.";
  const author = [
    "-c",
    "user.name=github-actions[bot]",
    "-c",
    "user.email=github-actions[bot]@users.noreply.github.com",
  ];
  const commands: readonly (readonly [string, readonly string[]])[] = [
    ["git", ["switch", "--create", branch]],
    ["git", [...author, "commit", "--message", title, "--", file]],
    ["git", ["push", "origin", `HEAD:refs/heads/${branch}`]],
    ["gh", ["pr", "create", "--base", variable("BASE"), "--head", branch, "--title", title, "--body", body]],
  ];
  for (const [program, args] of commands) {
    const { code } = await run(program, args);
    if (code !== 0) {
      warn(
        `No pull request was made. Set the stage in ${file} by hand: pulumi config set stage rollback --stack ${name}`,
      );
      return code;
    }
  }
  return 0;
}

const STEPS: Readonly<Record<string, () => Promise<number>>> = { stop, show, back, bare, remember };

const step = STEPS[process.argv[2] ?? ""];
if (step === undefined) throw new Error(`give one of ${Object.keys(STEPS).join(", ")}`);
process.exitCode = await step();
