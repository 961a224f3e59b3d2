import { type UpdateSummary } from "@pulumi/pulumi/automation";
import { nameOf, type ReportSources } from "./sources";
import { timeText } from "./words";

/** An update as the engine's history has it. */
type Update = Pick<UpdateSummary, "kind" | "startTime" | "result"> & { readonly endTime?: Date | string | undefined };

/** Clocks of the engine and of the gate's command may differ by so much. */
const SKEW_MS = 5_000;

/** Whether each entry of the record was made within an update that the stack's own history knows. */
export function compareHistory(sources: ReportSources, history: readonly Update[]): ReportSources {
  const { entries, proved, problems } = sources;
  const updates = history.filter(({ kind }) => kind === "update");
  const oldest = Math.min(...updates.map(({ startTime }) => timeOf(startTime)));
  // The history is read up to a length; what is older than its oldest update is not compared.
  const compared = entries.filter(({ at }) => Date.parse(at) >= oldest - SKEW_MS);
  const strange = compared.filter(({ at }) => !updates.some((update) => isWithin(Date.parse(at), update)));
  if (compared.length === 0) return sources;
  return strange.length === 0
    ? {
        ...sources,
        proved: [...proved, `${compared.length} entries, each made within an update of the stack's history`],
      }
    : {
        ...sources,
        problems: [
          ...problems,
          `The stack's history knows no update for ${strange.map((entry) => `entry ${nameOf(entry)} at ${timeText(entry.at)}`).join(", ")}.`,
        ],
      };
}

function isWithin(at: number, { startTime, endTime }: Update): boolean {
  return at >= timeOf(startTime) - SKEW_MS && (endTime === undefined || at <= timeOf(endTime) + SKEW_MS);
}

function timeOf(time: Date | string): number {
  return new Date(time).getTime();
}
