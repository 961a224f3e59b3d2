import { type RecordEntry } from "../../migration/record";
import { type PilotEvent } from "../events";
import { nameOf } from "./sources";
import { type Story } from "./story";
import { short } from "./words";

/** Something that did not go as the plan has it: every stage once, in order, at once when it was allowed. */
export interface Deviation {
  readonly at: string;
  readonly what: string;
  /** Who, where a person did it. */
  readonly by?: string | undefined;
  readonly why: string;
}

/** Everything that deviated, oldest first. */
export function deviationsOf({ sources }: Story): readonly Deviation[] {
  const { entries, events, evidence, lost } = sources;
  const named = new Set(entries.flatMap(({ evidence: digest }) => digest ?? []));
  const refusals = [...evidence]
    .filter(([digest, { results }]) => !named.has(digest) && results.some(({ verdict }) => verdict !== "holds"))
    .map(([, { at, stage, results }]): Deviation => {
      const findings = results.flatMap((result) => result.findings);
      const [first] = findings;
      const why = first === undefined ? "" : `${first.check}: ${first.subject}: ${first.seen}`;
      return { at, what: `the gate refused ${stage}`, why: `${short(why)}${more(findings.length - 1)}` };
    });
  return [
    ...entries.flatMap((entry, index) => ofEntry(entry, entries[index - 1])),
    ...events.flatMap(ofEvent),
    ...refusals,
    ...lost.map((entry): Deviation => ({
      at: entry.at,
      what: `entry ${nameOf(entry)} was written and is not part of the record`,
      by: entry.by,
      why: "its update ended before the engine kept the result; the step was made again",
    })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
}

function ofEntry(entry: RecordEntry, before: RecordEntry | undefined): readonly Deviation[] {
  const { at, by, kind, stage, from } = entry;
  const found: Deviation[] = [];
  const add = (what: string, why: string): void => void found.push({ at, by, what, why });
  if (kind === "rollback") add(`rollback from ${from ?? "an unknown stage"}`, liveText(entry));
  if (kind === "down") add(`step down from ${from ?? "?"} to ${stage}`, "a person's decision");
  if (kind === "leave-rollback")
    add(`${stage} again after a rollback`, `rollback ${entry.acknowledged ?? "?"} was acknowledged`);
  if (kind === "abandon") add("the migration was given up", `from ${from ?? "?"}`);
  if (kind === "reopen") add("begun anew after it was given up", "");
  if (entry.override !== undefined && kind === "override") {
    const { from: skippedFrom, to, by: permitted, reason } = entry.override;
    add(`override: ${skippedFrom} to ${to}`, `${permitted}: ${reason}`);
  }
  if (entry.emergency !== undefined) {
    const { state, by: permitted, reason, changes } = entry.emergency;
    const rows = changes === undefined ? "" : `; rows changed: A ${changes.a}, B ${changes.b}`;
    add(`emergency change ${state === "open" ? "begun" : "ended"}`, `${permitted}: ${reason}${rows}`);
  }
  if (before !== undefined && entry.copy !== before.copy) {
    add(`database B copied anew (copy ${entry.copy})`, "the copy before was given up");
  }
  if (before !== undefined && before.commit !== entry.commit) {
    add(`another version of the program: ${entry.commit}`, `before: ${before.commit}`);
  } else if (before === undefined && entry.commit.endsWith("-dirty")) {
    add(`the program differs from its commit ${entry.commit}`, "files were changed and not committed");
  }
  return found;
}

function ofEvent(event: PilotEvent): readonly Deviation[] {
  const { at } = event;
  switch (event.event) {
    case "step-failed":
      return [{ at, what: `${event.stage} could not be entered`, why: short(event.reason) }];
    case "step-resumed":
      return [{ at, what: `${event.stage} was made again to its end`, why: "the step was begun and not ended" }];
    case "hold":
      return [{ at, what: `held at ${event.stage ?? "the beginning"}`, why: reasonsText(event.reasons) }];
    case "page":
      return [{ at, what: `a person was called at ${event.stage}`, why: reasonsText(event.reasons) }];
    case "rollback":
      return [{ at, what: `the pilot went back to A from ${event.stage}`, why: reasonsText(event.reasons) }];
    case "approval-refused":
      return [{ at, by: event.name, what: `${event.stage} was refused`, why: event.reason }];
    case "notification-failed":
      return [{ at, what: `a message was not delivered: ${event.about}`, why: event.reason }];
    case "end-asked":
      return [{ at, by: event.by, what: `the pilot was asked to end at ${event.stage ?? "the beginning"}`, why: "" }];
    default:
      return [];
  }
}

function reasonsText(reasons: readonly string[]): string {
  return `${short(reasons[0] ?? "")}${more(reasons.length - 1)}`;
}

function more(count: number): string {
  return count > 0 ? ` (and ${count} more)` : "";
}

function liveText({ live }: RecordEntry): string {
  if (live === undefined) return "the load balancer held the recorded weights";
  const seen = Object.entries(live);
  // Rule and record are changed by one update, side by side.
  if (seen.every(([, text]) => text.startsWith("B had 0 %"))) return "A had every request when the entry was made";
  return seen.map(([group, text]) => `${group}: ${text}`).join("; ");
}
