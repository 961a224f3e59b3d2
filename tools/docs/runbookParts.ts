import { type Move } from "../../checks/context";
import { GATE_CHECKS } from "../../checks/table";
import { judge as judgeSchema, type JudgeSettings } from "../../migration/settings/judgeSchema";
import { pilot as pilotSchema } from "../../migration/settings/pilotSchema";
import { SCHEMA } from "../../migration/settings/schema";
import { allStages, legalNext, shapeOf, wayUp, type Stage } from "../../migration/stages";
import { CHECK, commandsIn, helpOf, PILOT, ROLLBACK, type CommandLine, optionsIn } from "./commands";
import { tableOf } from "./regions";

/** The parts of the runbook that the code knows better than anybody who writes. */

/** Settings of one stack, as its file has them. */
export interface StackSettings {
  readonly stack: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const STEPS: readonly number[] = SCHEMA.trafficSteps.parse(undefined);

/** Name of the part -> Markdown. */
export async function runbookParts(
  root: string,
  stacks: readonly StackSettings[],
): Promise<Readonly<Record<string, string>>> {
  const [commands, options] = await Promise.all([
    Promise.all([CHECK, PILOT].map(async (line) => [line, commandsIn(await helpOf(root, line))] as const)),
    helpOf(root, ROLLBACK).then(optionsIn),
  ]);
  return {
    stages: stagesPart(),
    moves: movesPart(),
    gate: gatePart(),
    limits: limitsPart(stacks),
    commands: [
      ...commands.map(([line, known]) => commandPart(line, known)),
      `\`${ROLLBACK.typed} --stack NAME\` takes:\n\n${tableOf(
        ["option", "what"],
        options.map(({ name, description }) => [`\`${name}\``, withoutFolder(description)]),
      )}`,
    ].join("\n\n"),
  };
}

/** A default that is a folder of the machine at hand says nothing to others. */
function withoutFolder(description: string): string {
  return description.replace(/ \(default: "\/[^"]*"\)/, "");
}

function stagesPart(): string {
  const rows = allStages(STEPS).map((stage) => {
    const { weightB, databaseB, controlPlaneB, dataPlaneB, clusterA, configurationB, protectB } = shapeOf(stage);
    const planes = [controlPlaneB && "control plane", dataPlaneB && "data planes"].filter((one) => one !== false);
    return [
      `\`${stage}\``,
      `${100 - weightB}/${weightB}`,
      clusterA,
      databaseB === "none" ? "-" : databaseB,
      planes.length === 0 ? "-" : planes.join(", "),
      configurationB === "none" ? "-" : configurationB,
      protectB ? "yes" : "-",
    ];
  });
  return tableOf(
    ["stage", "weight A/B", "A's configuration", "database B", "runs in B", "B's configuration", "B protected"],
    rows,
  );
}

function movesPart(): string {
  const rows = allStages(STEPS).map((stage) => {
    const next = legalNext(stage, STEPS).filter((one) => one !== stage);
    return [`\`${stage}\``, next.length === 0 ? "nothing: it is the end" : next.map((one) => `\`${one}\``).join(", ")];
  });
  return tableOf(["from", "legal next stages"], rows);
}

function gatePart(): string {
  const path = wayUp(STEPS);
  const moves = path.slice(1).map((to, index) => moveOf(path[index], to));
  const rows = GATE_CHECKS.map((check) => {
    const stages = moves.filter((move) => check.appliesTo(move)).map(({ to }) => to);
    return [check.name, spansOf(stages, path), `${check.limitSeconds} s`];
  });
  return tableOf(["check", "asked when this stage is entered", "may take"], rows);
}

function moveOf(from: Stage | undefined, to: Stage): Move {
  return { from, to, kind: "up", copiesAnew: false, mode: "record", liveWeightsB: [] };
}

/** `freeze`, or `traffic-5` to `complete`: neighbours on the way up as one span. */
function spansOf(stages: readonly Stage[], path: readonly Stage[]): string {
  const spans: Stage[][] = [];
  for (const stage of stages) {
    const last = spans.at(-1);
    const before = last?.at(-1);
    if (last !== undefined && before !== undefined && path.indexOf(before) + 1 === path.indexOf(stage))
      last.push(stage);
    else spans.push([stage]);
  }
  const texts = spans.map((span) => {
    const [first, last] = [span[0] ?? "", span.at(-1) ?? ""];
    return span.length < 3 ? span.map((one) => `\`${one}\``).join(", ") : `\`${first}\` to \`${last}\``;
  });
  return texts.length === 0 ? "only when it is asked for by name" : texts.join(", ");
}

type Limit = readonly [what: string, setting: string, value: (stack: StackLimits) => string];

interface StackLimits {
  readonly judge: JudgeSettings;
  readonly pilot: { readonly holdMinutes: number; readonly backUpToPercent: number; readonly approvalHours: number };
  readonly soakHours: number;
  readonly standbyHours: number;
  readonly heartbeatSeconds: number;
}

const LIMITS: readonly Limit[] = [
  [
    "back at once: share of B's answers in one interval that are errors, where A has less than half of it",
    "judge.hard.errorPercent",
    ({ judge: { hard } }) =>
      `${hard.errorPercent} % of ${hard.requests}, or ${hard.deadPercent} % of ${hard.deadRequests} answers`,
  ],
  [
    "back at once: share of B's answers in one interval that are stuck",
    "judge.hard.slowMs",
    ({ judge: { hard } }) => `${hard.slowPercent} % slower than ${hard.slowMs} ms`,
  ],
  [
    "back at once: connections to B's gateways that fail",
    "judge.hard.connectionErrorPercent",
    ({ judge: { hard } }) => `${hard.connectionErrorPercent} % of its requests`,
  ],
  ["back at once: B has no healthy target, or one of its data planes has lost its control plane", "-", () => "any"],
  [
    "back: chance of a false stop of the whole migration that the test allows itself",
    "judge.falseStopPercent",
    ({ judge }) => `${judge.falseStopPercent} %`,
  ],
  [
    "back: B's share of the requests over its weight",
    "judge.share.backRatio",
    ({ judge }) => `${judge.share.backRatio} times`,
  ],
  [
    "held: B not shown to be at most this much worse in errors, beyond A's p95, beyond A's p99",
    "judge.margins",
    ({ judge: { margins } }) => `${margins.errors}, ${margins.p95}, ${margins.p99} percentage points`,
  ],
  [
    "held: judged for less",
    "judge.minimumMinutes",
    ({ judge }) => `${judge.minimumMinutes} min after a warm-up of ${judge.warmUpSeconds} s`,
  ],
  ["held: B has served less", "judge.minimumRequestsB", ({ judge }) => `${judge.minimumRequestsB} requests`],
  [
    "held: time since the last missing, late or broken sample",
    "judge.data.cleanMinutes",
    ({ judge }) => `${judge.data.cleanMinutes} min`,
  ],
  [
    "held at 100 %: absolute limits, A has nothing to be compared with",
    "judge.absolute",
    ({ judge: { absolute } }) =>
      `${absolute.errorPercent} % errors, ${absolute.slowPercent} % slower than ${absolute.slowMs} ms`,
  ],
  [
    "held: use of B projected to the next weight",
    "judge.capacity.limitPercent",
    ({ judge }) => `${judge.capacity.limitPercent} %`,
  ],
  [
    "the pilot's patience with a hold",
    "pilot.holdMinutes",
    ({ pilot }) =>
      `${pilot.holdMinutes} min; then back to A up to ${pilot.backUpToPercent} %, above it a person is called`,
  ],
  [
    "the pilot's patience with an approval",
    "pilot.approvalHours",
    ({ pilot }) => `${pilot.approvalHours} h, then back`,
  ],
  ["a data plane's last heartbeat is at most this old", "heartbeatSeconds", (stack) => `${stack.heartbeatSeconds} s`],
  ["held: time at 100 % before `complete`", "soakHours", (stack) => `${stack.soakHours} h`],
  ["held: time at `complete` before `decommission`", "standbyHours", (stack) => `${stack.standbyHours} h`],
];

function limitsPart(stacks: readonly StackSettings[]): string {
  const limits = stacks.map(({ values }) => ({
    judge: judgeSchema.parse(values["judge"]),
    pilot: pilotSchema.parse(values["pilot"]),
    soakHours: SCHEMA.soakHours.parse(values["soakHours"]),
    standbyHours: SCHEMA.standbyHours.parse(values["standbyHours"]),
    heartbeatSeconds: SCHEMA.heartbeatSeconds.parse(values["heartbeatSeconds"]),
  }));
  const rows = LIMITS.map(([what, setting, value]) => [
    what,
    setting === "-" ? "-" : `\`${setting}\``,
    ...limits.map(value),
  ]);
  return tableOf(["limit", "setting", ...stacks.map(({ stack }) => stack)], rows);
}

function commandPart({ typed }: CommandLine, commands: readonly { name: string; description: string }[]): string {
  return tableOf(
    [`\`${typed} ...\``, "what"],
    commands.map(({ name, description }) => [`\`${name}\``, description]),
  );
}
