import { type CheckResult } from "../../checks/result";
import { type PilotEvent } from "../events";
import { heading, list, subheading, table, text, type Block } from "./document";
import { deviationsOf } from "./deviations";
import { lastVerdict, measuredShare, totalsOf, type Story } from "./story";
import {
  countText,
  durationText,
  msText,
  NOT_MEASURED,
  percentText,
  secondsBetween,
  short,
  timeText,
  verdictText,
} from "./words";

/** The sections of a report, each a function from the story to blocks. */

export function stagesSection(story: Story): readonly Block[] {
  const rows = story.stays.map((stay) => {
    const { entry, until, step, points } = stay;
    const [a, b] = [totalsOf(points, "a"), totalsOf(points, "b")];
    const pair = (value: (side: typeof a) => string): string =>
      a === undefined && b === undefined ? NOT_MEASURED : `${value(a)} / ${value(b)}`;
    return [
      entry.stage,
      timeText(entry.at),
      durationText(secondsBetween(entry.at, until)),
      `${entry.weightB} %`,
      percentText(measuredShare(points)),
      pair((side) => countText(side?.requests)),
      pair((side) => percentText(side?.errorPercent)),
      pair((side) => msText(side?.p95Ms)),
      lastVerdict(points) ?? NOT_MEASURED,
      step === undefined ? NOT_MEASURED : durationText(step.updateSeconds),
    ];
  });
  return [
    heading("Stages"),
    table(
      [
        "=stage",
        "=entered (UTC)",
        "#stayed",
        "#weight B",
        "#measured B",
        "#requests A / B",
        "#errors A / B",
        "#p95 A / B",
        "verdict",
        "#update",
      ],
      rows,
    ),
    ...(story.points.length === 0
      ? [text("Share, errors and latency were not measured: no pilot watched, and no metrics were judged.")]
      : []),
  ];
}

export function deviationsSection(story: Story): readonly Block[] {
  const deviations = deviationsOf(story);
  return [
    heading("What deviated from the plan"),
    text(
      "The plan: every stage once, in the order of the way up, each entered when the gate let it pass, by one version of the program, without a person's exception.",
    ),
    deviations.length === 0
      ? text("Nothing deviated from it.")
      : table(
          ["=when (UTC)", "what", "by", "why, or what was seen"],
          deviations.map(({ at, what, by, why }) => [timeText(at), what, by ?? NOT_MEASURED, why]),
        ),
  ];
}

/** The three things that the traffic relies on, and how each gate run saw them. */
const PROOFS: readonly (readonly [title: string, checks: readonly string[], meaning: string])[] = [
  [
    "The copy",
    ["copy proved", "still equal"],
    "Database B is A's, row by row, before control plane B starts; afterwards both configurations are compared by name.",
  ],
  ["The freeze", ["freeze held"], "A's configuration is what it was when it was frozen, and A has its full size."],
  ["The pinning", ["pinned"], "Every data plane of B belongs to control plane B, and to no other."],
];

export function proofsSection({ stays, sources }: Story): readonly Block[] {
  const blocks = PROOFS.flatMap(([title, checks, meaning]) => {
    const rows = sources.entries.flatMap((entry) => {
      const seen = entry.evidence === undefined ? undefined : sources.evidence.get(entry.evidence);
      return entry.checks
        .filter(({ name }) => checks.includes(name))
        .map(({ name, verdict, digest }) => [
          `before ${entry.stage}`,
          timeText(entry.at),
          name,
          verdictText(verdict),
          evidenceText(seen?.results.find(({ check }) => check === name)),
          (digest ?? entry.evidence ?? "").slice(0, 12),
        ]);
    });
    const digest = title === "The copy" ? stays.findLast(({ entry }) => entry.digests?.copy !== undefined) : undefined;
    return [
      subheading(title),
      text(meaning),
      ...(digest?.entry.digests?.copy === undefined ? [] : [text(copyText(digest.entry.digests.copy))]),
      rows.length === 0
        ? text("It was not looked at up to here.")
        : table(["=at", "=when (UTC)", "=check", "=verdict", "what was seen", "=evidence"], rows),
    ];
  });
  return [heading("Proofs"), ...blocks];
}

function copyText(copy: string): string {
  const [tables = "?", rows = "?", hash = "?"] = copy.split(":");
  return `Proved equal: ${countText(Number(tables))} tables with ${countText(Number(rows))} rows, hash ${hash}.`;
}

/** What a reader wants of the evidence: findings, else the notes, else its small values. */
function evidenceText(result: CheckResult | undefined): string {
  if (result === undefined) return "its evidence file is not to be had";
  const findings = result.findings.map(({ subject, seen }) => `${subject}: ${seen}`);
  if (findings.length > 0) return short(findings.join("; "));
  const values = Object.entries(result.evidence).flatMap(([key, value]) => {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      return [`${key} ${value}`];
    if (Array.isArray(value)) return [`${key}: ${value.length}`];
    return [];
  });
  return short([...values, ...result.notes].join("; "), 200) || "held";
}

/** How every check answered at every stage that was entered. */
export function checksSection({ sources }: Story): readonly Block[] {
  const asked = sources.entries.filter(({ checks }) => checks.length > 0);
  if (asked.length === 0) return [];
  const names = [...new Set(asked.flatMap(({ checks }) => checks.map(({ name }) => name)))];
  const rows = names.map((name) => {
    const answers = asked.flatMap(({ checks, stage }) => {
      const found = checks.find((check) => check.name === name);
      return found === undefined ? [] : [{ stage, verdict: found.verdict }];
    });
    const held = answers.filter(({ verdict }) => verdict === "holds");
    const others = answers.filter(({ verdict }) => verdict !== "holds");
    return [
      name,
      String(held.length),
      others.map(({ stage, verdict }) => `${stage}: ${verdictText(verdict)}`).join("; ") || NOT_MEASURED,
      held.map(({ stage }) => stage).join(", "),
    ];
  });
  return [heading("Checks of the gate"), table(["=check", "#held", "else", "held before entering"], rows)];
}

/** The pilot writes a rollback down once it is over; the gate's entry is made within it. */
const BELONGS_SECONDS = 900;

export function rollbacksSection({ sources }: Story): readonly Block[] {
  const rows = sources.entries
    .filter(({ kind }) => kind === "rollback")
    .map((entry) => {
      const event = sources.events.find(
        (one): one is Extract<PilotEvent, { event: "rollback" }> =>
          one.event === "rollback" && one.at >= entry.at && (secondsBetween(entry.at, one.at) ?? 0) < BELONGS_SECONDS,
      );
      const seconds = secondsBetween(event?.decidedAt, event?.appliedAt);
      return [
        timeText(entry.at),
        entry.from ?? NOT_MEASURED,
        entry.by,
        event === undefined ? NOT_MEASURED : short(event.reasons.join("; ")),
        timeText(event?.decidedAt),
        timeText(event?.appliedAt),
        durationText(seconds),
        event?.result ?? NOT_MEASURED,
      ];
    });
  if (rows.length === 0) return [];
  return [
    heading("Rollbacks"),
    table(["=recorded (UTC)", "=from", "by", "why", "=decided", "=applied", "#took", "=result"], rows),
  ];
}

export function actionsSection({ sources }: Story): readonly Block[] {
  const entries = sources.entries.map((entry) => ({
    at: entry.at,
    what: `record: ${entry.kind === "stay" ? "stays at" : "entered"} ${entry.stage}${entry.from === null || entry.from === entry.stage ? "" : ` from ${entry.from}`}`,
    by: entry.by,
    detail: `entry ${entry.seq}, program ${entry.commit}`,
  }));
  const events = sources.events.flatMap((event) => {
    const told = eventText(event);
    return told === undefined ? [] : [{ at: event.at, by: event.by, ...told }];
  });
  const rows = [...entries, ...events].sort((a, b) => (a.at < b.at ? -1 : 1));
  return [
    heading("Every action"),
    table(
      ["=when (UTC)", "what", "by", "more"],
      rows.map(({ at, what, by, detail }) => [timeText(at), what, by, detail]),
    ),
  ];
}

/** Undefined for what is told as figures. */
function eventText(event: PilotEvent): { readonly what: string; readonly detail: string } | undefined {
  switch (event.event) {
    case "measured":
      return undefined;
    case "run-begun":
      return { what: `pilot begun, up to ${event.goal}`, detail: `run ${event.run}` };
    case "run-ended":
      return { what: `pilot ended at ${event.stage ?? "the beginning"}`, detail: short(event.reason) };
    case "end-asked":
      return { what: "the pilot was asked to end", detail: "" };
    case "stage-begun": {
      const settings = (event.settings ?? []).map(
        ({ key, before, after }) => `${key}: ${valueText(before)} → ${valueText(after)}`,
      );
      const decided = (event.decidedOn ?? []).filter(({ verdict }) => verdict === "holds").length;
      const on = event.decidedOn === undefined ? [] : [`decided on ${decided} checks that held`];
      return { what: `${event.stage} begun`, detail: short([...settings, ...on].join("; ")) };
    }
    case "stage-ended": {
      const changes = Object.entries(event.changes).map(([op, count]) => `${op} ${count}`);
      const took = `preview ${durationText(event.previewSeconds)}, update ${durationText(event.updateSeconds)}`;
      return { what: `${event.stage} entered`, detail: `${took}; ${changes.join(", ") || "nothing changed"}` };
    }
    case "step-resumed":
      return { what: `${event.stage} is made again to its end`, detail: "it was begun and not ended" };
    case "rollback-begun":
      return { what: `back to A from ${event.stage} is decided`, detail: short(event.reasons.join("; ")) };
    case "step-failed":
      return { what: `${event.stage} could not be entered`, detail: short(event.reason) };
    case "verdict":
      return {
        what: `the judge says ${event.verdict} at ${event.stage ?? "the beginning"}`,
        detail: short(event.reasons.join("; ")),
      };
    case "hold":
      return { what: `held at ${event.stage ?? "the beginning"}`, detail: short(event.reasons.join("; ")) };
    case "hold-over":
      return { what: `no longer held at ${event.stage ?? "the beginning"}`, detail: "" };
    case "page":
      return { what: `a person is called at ${event.stage}`, detail: short(event.reasons.join("; ")) };
    case "rollback":
      return { what: `rolled back from ${event.stage}: ${event.result}`, detail: short(event.reasons.join("; ")) };
    case "soak-over":
      return { what: `soak over at ${event.stage}`, detail: "" };
    case "approval-asked":
      return { what: `${event.stage} waits for a person`, detail: "" };
    case "approval-given":
      return { what: `${event.stage} approved`, detail: event.name };
    case "approval-refused":
      return { what: `${event.stage} refused`, detail: `${event.name}: ${event.reason}` };
    case "notification-failed":
      return { what: "a message was not delivered", detail: `${event.about}: ${event.reason}` };
  }
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function integritySection({ sources }: Story): readonly Block[] {
  const { proved, problems } = sources;
  return [
    heading("Whether this can be relied on"),
    ...(problems.length === 0 ? [] : [text("What is missing, or is not what it was:"), list(problems)]),
    ...(proved.length === 0 ? [] : [text("Compared, and as it was written:"), list(proved)]),
  ];
}
