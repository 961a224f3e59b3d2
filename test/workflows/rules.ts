import { type Job, type Step, type Values, type Workflow, type WorkflowName } from "./workflowFiles";

/** What a linter does not ask of a workflow file, and this repository does. */

interface Action {
  readonly commit: string;
  readonly version: string;
  /** Those of the action's inputs, at that version, that are in use here. */
  readonly inputs: readonly string[];
}

/** The actions in use: the commit that the version's tag names, and what its action.yml knows of the inputs used here. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  "actions/checkout": {
    commit: "3d3c42e5aac5ba805825da76410c181273ba90b1",
    version: "v7.0.1",
    inputs: ["ref", "fetch-depth", "persist-credentials"],
  },
  "actions/setup-node": {
    commit: "820762786026740c76f36085b0efc47a31fe5020",
    version: "v7.0.0",
    inputs: ["node-version", "cache"],
  },
  "aws-actions/configure-aws-credentials": {
    commit: "e6de054238d6b7531b4efff3b6587d9aade6a06c",
    version: "v6.2.3",
    inputs: ["aws-region", "role-to-assume", "role-session-name", "role-duration-seconds"],
  },
  "pulumi/actions": {
    commit: "8e5e406f4007fca908480587cb9893c07090f58d",
    version: "v7.0.0",
    inputs: [
      ...["pulumi-version", "command", "stack-name", "cloud-url", "diff"],
      ...["comment-on-pr", "edit-pr-comment", "comment-on-summary", "always-include-summary"],
    ],
  },
};

/** Exactly what each job may do with the repository's token. */
const PERMISSIONS: Readonly<Record<WorkflowName, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  preview: {
    tests: { contents: "read" },
    goldens: { contents: "read" },
    previews: { contents: "read", "id-token": "write", "pull-requests": "write" },
  },
  promote: {
    preview: { actions: "read", contents: "read", "id-token": "write" },
    up: { actions: "read", contents: "read", "id-token": "write" },
  },
  release: {
    publish: { contents: "write" },
  },
  rollback: {
    stop: { actions: "write", contents: "read" },
    back: { contents: "read", "id-token": "write" },
    remember: { contents: "write", "pull-requests": "write" },
  },
};

const CONCURRENCY: Readonly<Record<WorkflowName, Workflow["concurrency"]>> = {
  preview: { group: "preview-${{ github.event.pull_request.number }}", "cancel-in-progress": true },
  promote: { group: "stack-${{ inputs.stack }}", "cancel-in-progress": false },
  release: { group: "release-${{ github.ref }}", "cancel-in-progress": false },
  rollback: { group: "rollback-${{ inputs.stack }}", "cancel-in-progress": false },
};

const TRIGGERS: Readonly<Record<WorkflowName, string>> = {
  preview: "pull_request",
  promote: "workflow_dispatch",
  release: "push",
  rollback: "workflow_dispatch",
};

/** Ways around the program's own judgement of a move. */
const AROUND = /--(target|exclude|skip-preview|refresh|config|plan)\b/;

/** Everything that is wrong with a workflow's file; nothing when it is right. */
export function violations(
  name: WorkflowName,
  text: string,
  workflow: Workflow,
  pulumiVersion: string,
): readonly string[] {
  const jobs = Object.entries(workflow.jobs);
  const wrong = [
    expected("on", Object.keys(workflow.on), [TRIGGERS[name]]),
    expected("permissions", workflow.permissions, {}),
    expected("concurrency", workflow.concurrency, CONCURRENCY[name]),
    expected("jobs", Object.keys(workflow.jobs).sort(), Object.keys(PERMISSIONS[name]).sort()),
    ...(/\bsecrets\b/.test(withoutComments(text)) ? ["secrets: an identity by OIDC takes the place of kept keys"] : []),
    ...jobs.flatMap(([job, content]) => [
      expected(`${job}.permissions`, content.permissions, PERMISSIONS[name][job]),
      ...jobViolations(job, content, pulumiVersion),
    ]),
    ...pinViolations(text),
    ...(name === "promote" ? promoteViolations(workflow) : []),
    ...(name === "rollback" ? rollbackViolations(workflow) : []),
  ];
  return wrong.filter((violation) => violation !== undefined);
}

function jobViolations(name: string, job: Job, pulumiVersion: string): readonly (string | undefined)[] {
  // The one job that pushes; a release is made by a call.
  const pushes = name === "remember";
  return [
    ...(job["timeout-minutes"] === undefined ? [`${name}: no timeout-minutes`] : []),
    expected(
      `${name}: identity in AWS`,
      job.permissions?.["id-token"],
      credentials(job) === undefined ? undefined : "write",
    ),
    ...job.steps.flatMap((step) => {
      const label = `${name}: ${step.name ?? step.uses ?? step.run ?? "step"}`;
      const known = ACTIONS[actionOf(step)]?.inputs ?? [];
      const unknown = Object.keys(step.with ?? {}).filter((input) => step.uses !== undefined && !known.includes(input));
      return [
        ...(step.run?.includes("${{") === true ? [`${label}: an expression in run; hand it over in env`] : []),
        ...unknown.map((input) => `${label}: no input ${input}`),
        ...(actionOf(step) === "actions/checkout"
          ? [expected(`${label}: persist-credentials`, step.with?.["persist-credentials"], pushes)]
          : []),
        ...(actionOf(step) === "pulumi/actions"
          ? [expected(`${label}: pulumi-version`, step.with?.["pulumi-version"], pulumiVersion)]
          : []),
      ];
    }),
  ];
}

/** Every action by the commit of its version, and the version beside it for those who read. */
function pinViolations(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const used = /^\s*(?:- )?uses: *(.*)$/.exec(line)?.[1];
    if (used === undefined) return [];
    const pin = /^([^@\s]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$/.exec(used);
    if (pin === null) return [`${used}: not pinned by a commit with its version beside it`];
    const [, action = "", commit, version] = pin;
    const known = ACTIONS[action];
    if (known === undefined) return [`${action}: not among the actions in use`];
    return commit === known.commit && version === known.version
      ? []
      : [`${used}: expected ${action}@${known.commit} # ${known.version}`];
  });
}

function promoteViolations(workflow: Workflow): readonly (string | undefined)[] {
  const { preview, up } = workflow.jobs;
  if (preview === undefined || up === undefined) return ["promote has no preview or no up"];
  const runs = up.steps.map(({ run }) => run ?? "");
  const update = runs.findIndex((run) => run.includes("pulumi up"));
  const ask = runs.findIndex((run) => run.includes("operations/mayPromote.ts"));
  const shown = runs.findIndex((run) => run.includes("rollbackRun.mts show"));
  const asked = preview.steps.findIndex(({ run }) => run?.includes("operations/mayPromote.ts"));
  const previewed = preview.steps.findIndex((step) => step.with?.["command"] === "preview");
  const seconds = Number(credentials(up)?.["role-duration-seconds"] ?? 3600);
  return [
    expected("up.environment", up.environment, "${{ inputs.stack }}"),
    expected("up.needs", up.needs, "preview"),
    expected("up.if", up.if, undefined),
    expected("up: checkout of what was previewed", up.steps[0]?.with?.["ref"], "${{ needs.preview.outputs.commit }}"),
    ...(asked >= 0 && previewed > asked ? [] : ["preview: asks whether it may be promoted, and previews after that"]),
    ...(ask >= 0 && update > ask ? [] : ["up: asks once more before the update"]),
    ...(shown >= 0 && update > shown ? [] : ["up: shows the way back before the update"]),
    ...(runs[update]?.startsWith("exec ") === true
      ? []
      : ["up: the update takes the shell's place, so that it can be ended"]),
    ...runs
      .filter((run) => run.includes("pulumi") && AROUND.test(run))
      .map((run) => `up: a way around the gate: ${run}`),
    ...(seconds >= 60 * (up["timeout-minutes"] ?? 0) ? [] : ["up: the role's session ends before the job may"]),
    ...up.steps
      .filter((step) => step["continue-on-error"] === true && step.run?.endsWith(" show") !== true)
      .map((step) => `up: ${step.name ?? step.run ?? "a step"} may not fail unnoticed`),
  ];
}

function rollbackViolations(workflow: Workflow): readonly (string | undefined)[] {
  const { stop, back, remember } = workflow.jobs;
  return [
    ...Object.entries(workflow.jobs)
      .filter(([, job]) => job.environment !== undefined)
      .map(([job]) => `${job}: an environment can ask for an approval`),
    expected("inputs", Object.keys(workflow.on["workflow_dispatch"]?.inputs ?? {}), ["stack"]),
    expected("stop.runs-on: never the promotion's runner", stop?.["runs-on"], "ubuntu-24.04"),
    expected("back.needs", back?.needs, "stop"),
    expected("back.if: goes on without stop", back?.if, "${{ !cancelled() }}"),
    expected("remember.needs: comes after the way back", remember?.needs, "back"),
  ];
}

function credentials(job: Job): Values | undefined {
  return job.steps.find((step) => actionOf(step) === "aws-actions/configure-aws-credentials")?.with;
}

function actionOf({ uses }: Step): string {
  return uses?.split("@")[0] ?? "";
}

function withoutComments(text: string): string {
  return text.replace(/(^|\s)#.*$/gm, "");
}

function expected(what: string, seen: unknown, wanted: unknown): string | undefined {
  const [has, wants] = [seen, wanted].map((value) => (value === undefined ? "none" : JSON.stringify(value)));
  return has === wants ? undefined : `${what} is ${has}, expected ${wants}`;
}
