import assert from "node:assert/strict";
import { appendEntry, EMPTY_RECORD, type MigrationRecord, renderRecord, rollbackId } from "../../migration/record";
import { type Stage } from "../../migration/stages";
import { type Answer, type RunOutcome, WorkflowClone } from "./runner";
import { textOf, workflowOf } from "./workflowFiles";

const EXPRESSIONS = {
  "inputs.stack": "prod",
  "inputs.stage": "traffic-5",
  "github.token": "token",
  "github.ref": "refs/heads/main",
  "github.event.repository.default_branch": "main",
  "github.server_url": "https://github.example",
  "github.repository": "owner/repository",
  "github.run_id": "77",
  "vars[format('PULUMI_BACKEND_URL_{0}', inputs.stack)]": "s3://state",
};

const GOES: Answer = { call: /./ };
const NO_ROLLBACK: Answer = {
  call: /^gh run list/,
  stdout: JSON.stringify([
    { displayTitle: "rollback prod", status: "completed" },
    { displayTitle: "rollback staging", status: "in_progress" },
  ]),
};
const OUTPUTS: Answer = { call: /^pulumi stack output /, stdout: '{"wayBack":{"calls":["aws elbv2 modify-rule"]}}' };

function recordOf(...stages: readonly Stage[]): MigrationRecord {
  return stages.reduce<MigrationRecord>((before, stage, index) => {
    const kind = stage === "rollback" ? "rollback" : index === 0 ? "first" : "up";
    const at = new Date(Date.UTC(2026, 0, 1, index)).toISOString();
    const from = stages[index - 1] ?? null;
    const draft = { at, stage, from, kind, weightB: 0, by: "test", commit: "-", copy: 1, checks: [] } as const;
    return appendEntry(before, draft).record;
  }, EMPTY_RECORD);
}

function exported(record: MigrationRecord): Answer {
  const gate = {
    urn: "urn:pulumi:prod::api7-migration::api7-migration:components:StageGate$command:local:Command::gate",
    type: "command:local:Command",
    outputs: { stdout: renderRecord(record) },
  };
  return { call: /^pulumi stack export /, stdout: JSON.stringify({ version: 3, deployment: { resources: [gate] } }) };
}

describe("promote workflow", () => {
  const clones: WorkflowClone[] = [];
  afterEach(() => clones.splice(0).forEach((clone) => clone.remove()));

  interface World {
    /** What Pulumi.prod.yaml says in the commit at hand. */
    readonly stage?: string;
    readonly acknowledged?: string;
    /** What it says on the default branch by now; default: the same. */
    readonly onBranch?: string;
    readonly expressions?: Readonly<Record<string, string>>;
    readonly answers: readonly Answer[];
  }

  async function promote({
    stage = "traffic-5",
    acknowledged,
    onBranch,
    expressions,
    answers,
  }: World): Promise<RunOutcome> {
    const clone = new WorkflowClone({ ...EXPRESSIONS, ...expressions });
    clones.push(clone);
    const lines = [`  api7-migration:stage: ${stage}`];
    if (acknowledged !== undefined) lines.push(`  api7-migration:acknowledgeRollback: "${acknowledged}"`);
    const text = clone.read("Pulumi.prod.yaml").replace(/^ *api7-migration:stage: .*$/m, lines.join("\n"));
    clone.write("Pulumi.prod.yaml", text);
    const branch: Answer = { call: /^gh api .*contents\/Pulumi\.prod\.yaml\?ref=main$/, stdout: onBranch ?? text };
    return clone.run(workflowOf(textOf("promote")), [...answers, branch, OUTPUTS, NO_ROLLBACK, GOES]);
  }

  const updates = ({ calls }: RunOutcome): number => calls.filter((call) => call.startsWith("pulumi up ")).length;

  it("updates the whole stack, once, when nothing speaks against it", async () => {
    const run = await promote({ answers: [exported(recordOf("prepare", "freeze", "restore", "start"))] });
    assert.deepEqual(run.results, { preview: "success", up: "success" });
    assert.deepEqual(
      run.calls.filter((call) => call.startsWith("pulumi up ")),
      [
        "pulumi up --yes --non-interactive --stack prod " +
          "--message traffic-5, run https://github.example/owner/repository/actions/runs/77",
      ],
    );
    assert.ok(run.calls.includes("npm run --silent check -- settings --stack prod"));
  });

  it("shows the bare calls before the update", async () => {
    const { calls, summary } = await promote({ answers: [exported(recordOf("prepare"))] });
    const shown = calls.findIndex((call) => call.startsWith("pulumi stack output "));
    assert.ok(shown >= 0 && shown < calls.findIndex((call) => call.startsWith("pulumi up ")));
    assert.match(summary, /aws elbv2 modify-rule/);
  });

  it("lets a new stack begin", async () => {
    const empty: Answer = { call: /^pulumi stack export /, stdout: '{"version":3,"deployment":{}}' };
    const expressions = { "inputs.stage": "prepare" };
    assert.equal(updates(await promote({ stage: "prepare", expressions, answers: [empty] })), 1);
  });

  const standing = recordOf("prepare", "freeze", "restore", "start", "traffic-5", "rollback");
  const id = rollbackId(standing) ?? "";

  it("leaves a rollback only with the acknowledgement of that very one", async () => {
    const answers = [exported(standing)];
    const without = await promote({ answers });
    assert.deepEqual(without.results, { preview: "failure", up: "skipped" });
    assert.match(without.summary, new RegExp(`stands at rollback ${id}.*acknowledgeRollback ${id} --stack prod`));
    const other = await promote({ answers, acknowledged: "0123456789ab" });
    assert.match(other.summary, /it names 0123456789ab, another one/);
    assert.equal(updates(without) + updates(other), 0);
    assert.equal(updates(await promote({ answers, acknowledged: id })), 1);
  });

  it("brings the rest of a stack that was rolled back to that stage", async () => {
    const expressions = { "inputs.stage": "rollback" };
    assert.equal(updates(await promote({ stage: "rollback", expressions, answers: [exported(standing)] })), 1);
  });

  const refused: readonly (readonly [string, Omit<World, "answers">, readonly Answer[], RegExp])[] = [
    [
      "a stage that the file does not name",
      { stage: "start" },
      [],
      /You chose traffic-5, and Pulumi\.prod\.yaml says start/,
    ],
    ["a file that was changed meanwhile", { onBranch: "config: {}\n" }, [], /has changed on main since/],
    ["another branch", { expressions: { "github.ref": "refs/heads/mine" } }, [], /Start it from main/],
    [
      "a rollback that is under way",
      {},
      [{ call: /^gh run list/, stdout: '[{"displayTitle":"rollback prod","status":"queued"}]' }],
      /A rollback of prod is under way/,
    ],
  ];
  for (const [what, world, answers, message] of refused) {
    it(`refuses ${what}`, async () => {
      const run = await promote({ ...world, answers: [...answers, exported(recordOf("prepare"))] });
      assert.deepEqual(run.results, { preview: "failure", up: "skipped" });
      assert.match(run.summary, message);
      assert.equal(updates(run), 0);
    });
  }

  it("tells all objections at once", async () => {
    const run = await promote({ stage: "start", onBranch: "config: {}\n", answers: [exported(standing)] });
    assert.equal(run.summary.match(/^- /gm)?.length, 3);
  });

  it("asks again after the approval: a rollback that came in between holds the update", async () => {
    const before: Answer = { ...exported(recordOf("prepare")), times: 1 };
    const run = await promote({ answers: [before, exported(standing)] });
    assert.deepEqual(run.results, { preview: "success", up: "failure" });
    assert.equal(updates(run), 0);
  });

  const unseen: readonly (readonly [string, Answer])[] = [
    ["GitHub does not answer", { call: /^gh /, code: 1, stderr: "HTTP 503" }],
    ["the state cannot be read", { call: /^pulumi stack export/, code: 255, stderr: "no stack named 'prod' found" }],
    [
      "the record is unreadable",
      { ...exported(EMPTY_RECORD), stdout: exported(standing).stdout?.replace("seq", "sec") ?? "" },
    ],
  ];
  for (const [what, answer] of unseen) {
    it(`promotes nothing when ${what}`, async () => {
      const run = await promote({ answers: [answer, exported(recordOf("prepare"))] });
      assert.deepEqual(run.results, { preview: "failure", up: "skipped" });
      assert.match(run.said, /Could not look, so nothing is promoted/);
    });
  }

  it("is failed when the update is", async () => {
    const fails: Answer = { call: /^pulumi up /, code: 255 };
    const run = await promote({ answers: [fails, exported(recordOf("prepare"))] });
    assert.equal(run.results["up"], "failure");
  });
}).timeout(120_000);
