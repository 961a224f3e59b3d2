import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { STACKS } from "../migration/stackConfig";
import { goldenNames } from "../golden/golden";
import { type Answer, type RunOutcome, WorkflowClone } from "./runner";
import { REPOSITORY, textOf, workflowOf } from "./workflowFiles";

const EXPRESSIONS = {
  "inputs.stack": "prod",
  "github.token": "token",
  "github.event.repository.default_branch": "main",
  "vars[format('PULUMI_BACKEND_URL_{0}', inputs.stack)]": "s3://state",
};

const CALLS = ["aws elbv2 modify-rule --rule-arn one --actions '[{\"a\": 1}]'", "aws elbv2 modify-rule --rule-arn two"];
const OUTPUTS: Answer = {
  call: /^pulumi stack output /,
  stdout: JSON.stringify({ stage: "traffic-25", wayBack: { targets: [], calls: CALLS } }),
};
const GOES: Answer = { call: /./ };
const NO_RUN: Answer = { call: /^gh run list/, stdout: "[]" };
const RUNS: Answer = {
  call: /^gh run list/,
  stdout: JSON.stringify([
    { databaseId: 1, displayTitle: "promote prod to traffic-25", status: "in_progress" },
    { databaseId: 2, displayTitle: "promote prod to traffic-50", status: "waiting" },
    { databaseId: 3, displayTitle: "promote prod to traffic-5", status: "completed" },
    { databaseId: 4, displayTitle: "promote staging to complete", status: "in_progress" },
  ]),
};
const ENDED: Answer = { call: /^gh run view/, stdout: '{"status":"completed"}' };

describe("rollback workflow", () => {
  let clone: WorkflowClone;
  beforeEach(() => (clone = new WorkflowClone(EXPRESSIONS)));
  afterEach(() => clone.remove());

  const rollBack = (...answers: readonly Answer[]): Promise<RunOutcome> =>
    clone.run(workflowOf(textOf("rollback")), answers);
  const UP = /^pulumi up /;
  /** Where the first such call stands among all calls. */
  const place = ({ calls }: RunOutcome, pattern: RegExp): number => calls.findIndex((call) => pattern.test(call));

  it("stops the promotions of this stack, takes the lock away, and updates only rules and gate", async () => {
    const run = await rollBack(RUNS, ENDED, OUTPUTS, GOES);
    assert.deepEqual(run.results, { stop: "success", back: "success", remember: "success" });
    const order = [
      /^gh run cancel 1$/,
      /^pulumi stack output /,
      /^pulumi cancel --yes --stack prod /,
      /^pulumi config set stage rollback --stack prod /,
      UP,
      /^gh pr create/,
    ].map((pattern) => place(run, pattern));
    assert.ok(!order.includes(-1), run.calls.join("\n"));
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    assert.deepEqual(run.calls.filter((call) => call.startsWith("gh run cancel")).sort(), [
      "gh run cancel 1",
      "gh run cancel 2",
    ]);
    const up = run.calls[place(run, UP)] ?? "";
    for (const option of ["--yes", "--skip-preview", "--refresh", "--non-interactive", "--stack prod"]) {
      assert.ok(up.includes(` ${option} `), `${option} is missing in ${up}`);
    }
    assert.match(up, /--message rollback, run https:\/\/github\.example\/owner\/repository\/actions\/runs\/77 /);
  });

  it("puts the bare calls on the run's page before anything is tried", async () => {
    const run = await rollBack(NO_RUN, OUTPUTS, GOES);
    for (const call of CALLS) assert.ok(run.summary.includes(call), run.summary);
    assert.ok(place(run, /^pulumi stack output /) < place(run, /^npm ci/));
    assert.ok(!run.calls.some((call) => call.startsWith("aws ")), "the calls are shown, not made");
  });

  it("targets what the output wayBack names in every golden, and nothing else but what divides the requests", async () => {
    const { calls } = await rollBack(NO_RUN, OUTPUTS, GOES);
    const up = calls.find((call) => UP.test(call)) ?? "";
    const patterns = [...up.matchAll(/--target (\S+)/g)].map(([, target = ""]) => matcher(target));
    assert.equal(patterns.length, 3);
    for (const stack of STACKS) {
      for (const name of goldenNames(stack)) {
        const { outputs, resources } = golden(stack, name);
        const urns = Object.entries(resources).map(([label, { type, options }]) =>
          urnOf(label, type, options.parent, resources),
        );
        const targeted = urns.filter((urn) => patterns.some((pattern) => pattern.test(urn)));
        if (outputs.wayBack === undefined) assert.equal(name, "decommission");
        else {
          const wanted = outputs.wayBack.targets.map((urn) => urn.replace(/^urn:pulumi:[^:]+::[^:]+::/, ""));
          assert.deepEqual(
            wanted.filter((urn) => !targeted.includes(urn)),
            [],
            `${stack} ${name}`,
          );
          for (const urn of targeted) assert.match(urn, /TrafficSplit\$aws:lb\/listener|StageGate\$command/);
        }
      }
    }
  });

  const stopFails: readonly (readonly [string, readonly Answer[]])[] = [
    ["the promotions cannot be listed", [{ call: /^gh run list/, code: 1, stderr: "HTTP 503" }]],
    ["they cannot be cancelled", [RUNS, { call: /^gh (run cancel|api)/, code: 1 }]],
  ];
  for (const [what, answers] of stopFails) {
    it(`goes on although ${what}`, async () => {
      const run = await rollBack(...answers, OUTPUTS, GOES);
      assert.deepEqual(run.results, { stop: "failure", back: "success", remember: "success" });
      assert.ok(place(run, UP) > 0);
      assert.match(run.said, /::warning::/);
    });
  }

  it("ends by force what does not end by itself, and goes on", async () => {
    const run = await rollBack(RUNS, { call: /^gh run view/, stdout: '{"status":"in_progress"}' }, OUTPUTS, GOES);
    assert.equal(run.results["back"], "success");
    assert.ok(place(run, /^gh api --method POST repos\/\{owner\}\/\{repo\}\/actions\/runs\/1\/force-cancel$/) > 0);
  });

  it("goes on although pulumi cancel fails and the outputs cannot be read", async () => {
    const fails: Answer = { call: /^pulumi (cancel|stack output) /, code: 255, stderr: "error" };
    const run = await rollBack(NO_RUN, fails, GOES);
    assert.equal(run.results["back"], "success");
    assert.ok(place(run, UP) > place(run, /^pulumi cancel/));
  });

  it("takes the lock away again when an update that was stopped put it back", async () => {
    const locked: Answer = { call: UP, code: 255, stderr: "the stack is currently locked by 1 lock(s)", times: 1 };
    const run = await rollBack(NO_RUN, OUTPUTS, locked, GOES);
    assert.equal(run.results["back"], "success");
    const kinds = run.calls.flatMap((call) => /^pulumi (cancel|up) /.exec(call)?.[1] ?? []);
    assert.deepEqual(kinds, ["cancel", "up", "cancel", "up"]);
  });

  it("tries no more than three times, and makes the bare calls when the update fails", async () => {
    const locked: Answer = { call: UP, code: 255, stderr: "the stack is currently locked by 1 lock(s)" };
    const run = await rollBack(NO_RUN, OUTPUTS, locked, GOES);
    assert.deepEqual(run.results, { stop: "success", back: "failure", remember: "skipped" });
    assert.equal(run.calls.filter((call) => UP.test(call)).length, 3);
    assert.deepEqual(run.calls.filter((call) => call.startsWith("aws ")).sort(), [
      'aws elbv2 modify-rule --rule-arn one --actions [{"a": 1}]',
      "aws elbv2 modify-rule --rule-arn two",
    ]);
    assert.match(run.summary, /A has every request. Mend what the update said/);
  });

  it("makes the bare calls when not even npm ci succeeds", async () => {
    const run = await rollBack(NO_RUN, OUTPUTS, { call: /^npm ci/, code: 1 }, GOES);
    assert.equal(run.results["back"], "failure");
    assert.equal(run.calls.filter((call) => call.startsWith("aws ")).length, 2);
    assert.equal(place(run, UP), -1);
  });

  it("says that B may still get requests when a bare call fails too", async () => {
    const fails: Answer = { call: /^(pulumi up|aws .*two)/, code: 1 };
    const run = await rollBack(NO_RUN, OUTPUTS, fails, GOES);
    assert.equal(run.results["back"], "failure");
    assert.match(run.summary, /1 of 2 bare calls as well: \*\*B may still get requests\.\*\*/);
  });

  it("makes no call when A was given up: there is nothing to go back to", async () => {
    const outputs: Answer = { ...OUTPUTS, stdout: JSON.stringify({ stage: "decommission" }) };
    const run = await rollBack(NO_RUN, outputs, { call: UP, code: 1, stderr: "no way back" }, GOES);
    assert.equal(run.results["back"], "failure");
    assert.ok(!run.calls.some((call) => call.startsWith("aws ")));
    assert.match(run.said, /A was given up at decommission/);
  });

  it("opens a pull request that changes the stage and nothing else", async () => {
    const before = clone.read("Pulumi.prod.yaml");
    const run = await rollBack(NO_RUN, OUTPUTS, GOES);
    const changed = run.file("Pulumi.prod.yaml").split("\n");
    const lines = before.split("\n").flatMap((line, index) => (line === changed[index] ? [] : [changed[index]]));
    assert.deepEqual(lines, ["  api7-migration:stage: rollback"]);
    const pushed = run.calls
      .filter((call) => /^(git|gh pr) /.test(call))
      .map((call) => call.split(" ").slice(0, 3).join(" "));
    assert.deepEqual(pushed.length, 4);
    assert.ok(run.calls.includes("git push origin HEAD:refs/heads/rollback/prod-77"));
    assert.match(run.calls.at(-1) ?? "", /^gh pr create --base main --head rollback\/prod-77 /);
  });

  it("needs no pull request when the file says rollback, and is done although one cannot be made", async () => {
    const refused = await rollBack(NO_RUN, OUTPUTS, { call: /^git push/, code: 1 }, GOES);
    assert.deepEqual(refused.results, { stop: "success", back: "success", remember: "failure" });
    assert.match(refused.said, /pulumi config set stage rollback --stack prod/);
    const again = await rollBack(NO_RUN, OUTPUTS, GOES);
    assert.equal(again.results["remember"], "success");
    assert.ok(!again.calls.some((call) => /^(git|gh pr) /.test(call)));
  });
}).timeout(120_000);

interface Golden {
  readonly outputs: { readonly wayBack?: { readonly targets: readonly string[] } };
  readonly resources: Readonly<
    Record<string, { readonly type: string; readonly options: { readonly parent?: string } }>
  >;
}

function golden(stack: string, name: string): Golden {
  return JSON.parse(readFileSync(join(REPOSITORY, "test/golden", stack, `${name}.json`), "utf8")) as Golden;
}

/** The end of a resource's URN: the types of its parents, its own, its name. */
function urnOf(label: string, type: string, parent: string | undefined, resources: Golden["resources"]): string {
  const above = parent === undefined ? undefined : resources[parent];
  const types: string[] = [type];
  for (
    let up = above;
    up !== undefined;
    up = up.options.parent === undefined ? undefined : resources[up.options.parent]
  ) {
    types.unshift(up.type);
  }
  return `${types.join("$")}::${label.split(" ").slice(1).join(" ")}`;
}

/** The engine's wildcard: `**` stands for anything. */
function matcher(target: string): RegExp {
  const parts = target.split("**").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
