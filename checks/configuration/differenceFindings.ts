import { type DeclaredDifference, type Judged } from "../../migration/canonical/accepted";
import { isInSealed, WHOLE_OBJECT } from "../../migration/canonical/compare";
import { type ConfigurationRow, type Difference } from "../../migration/canonical/model";
import { stateOfRow, type RowEvidence } from "../../migration/rowEvidence";
import { type Report } from "../result";
import { type ConfigurationComparison } from "./compareConfigurations";

/** Differences of A's and B's configuration as findings: what, on which side it changed, since when, and what to do. */

/** What each side's rows were when they were last taken. */
export interface Baselines {
  readonly a?: RowEvidence | undefined;
  readonly b?: RowEvidence | undefined;
  /** When the check last held; ISO 8601. */
  readonly lastSeenEqual?: string | undefined;
}

/** Objects that are findings of their own; the evidence has them all. */
const OBJECTS_SHOWN = 20;
const FIELDS_SHOWN = 5;

/** @param holds false: differences are told, and hold nothing */
export function addDifferences(
  report: Report,
  {
    comparison,
    verdict,
    baselines,
    holds,
  }: {
    readonly comparison: ConfigurationComparison;
    readonly verdict: Judged;
    readonly baselines: Baselines;
    readonly holds: boolean;
  },
): void {
  const { open, accepted, unused } = verdict;
  report.addEvidence({
    tables: comparison.tables,
    notCompared: comparison.notCompared,
    differences: open.map((difference) => ({ ...plain(difference), changed: changedOn(difference, baselines) })),
    accepted: accepted.map(({ difference, reason }) => ({ ...plain(difference), reason })),
    unused,
  });
  for (const text of comparison.structure) {
    const finding = {
      subject: "tables of both sides",
      seen: text,
      expected: "the same tables and columns: both control planes have one version",
      remedy: "compare the versions of both control planes, and `check -- databases`",
    };
    if (holds) report.finding(finding);
    else report.note(text);
  }
  const objects = byObject(open);
  for (const differences of objects.slice(0, OBJECTS_SHOWN)) {
    if (holds) report.finding(findingOf(differences, baselines));
    else report.note(`${differences[0]?.object ?? ""}: ${fieldsText(differences)}`);
  }
  if (objects.length > OBJECTS_SHOWN) {
    report.note(`${objects.length} objects differ, ${OBJECTS_SHOWN} of them are named; the evidence has all of them`);
  }
  for (const { difference, reason } of accepted)
    report.note(`${difference.object} ${difference.field} differs: ${reason}`);
  for (const { object, field } of unused) report.note(`declared in \`differences\`, and not there: ${object} ${field}`);
}

function findingOf(differences: readonly Difference[], baselines: Baselines): Parameters<Report["finding"]>[0] {
  const [first] = differences;
  const since =
    baselines.lastSeenEqual === undefined
      ? "When they were last equal is not known"
      : `Both were last seen equal at ${baselines.lastSeenEqual}`;
  const who = first ? changedOn(first, baselines) : undefined;
  return {
    subject: first?.object ?? "",
    seen: `${fieldsText(differences)}. ${who === undefined ? "" : `${who}. `}${since}`,
    expected: "configured alike in A and B, or declared in `differences`",
    remedy: first ? remedyOf(first, differences) : "",
  };
}

function remedyOf(first: Difference, differences: readonly Difference[]): string {
  const declared: Omit<DeclaredDifference, "reason"> = {
    object: first.object,
    field: first.field,
    from: first.a,
    to: first.b,
  };
  const sealed = differences.some(isInSealed)
    ? "A secret that is encrypted twice looks like this too: when it is the same one, declare it. "
    : "";
  return (
    `${sealed}Undo it where it was made; or make the same change on the other side with emergencyChange set ` +
    "(pulumi config set --path emergencyChange.by NAME && pulumi config set --path emergencyChange.reason REASON && pulumi up); " +
    `or, when it is meant, add to \`differences\`: ${JSON.stringify({ ...declared, reason: "REASON" })}`
  );
}

function fieldsText(differences: readonly Difference[]): string {
  const shown = differences.slice(0, FIELDS_SHOWN).map(({ field, a, b }) => {
    if (field === WHOLE_OBJECT) return b === null ? "only in A" : "only in B";
    return `${field}: A ${JSON.stringify(a)}, B ${JSON.stringify(b)}`;
  });
  const more = differences.length - shown.length;
  return `${shown.join("; ")}${more > 0 ? `; and ${more} fields more` : ""}`;
}

/** Which side is not as it was; undefined when neither side's evidence tells. */
function changedOn({ table, rowA, rowB }: Difference, { a, b }: Baselines): string | undefined {
  const parts = [sideText("A", table, rowA, a), sideText("B", table, rowB, b)].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join("; ");
}

function sideText(
  side: "A" | "B",
  table: string,
  row: ConfigurationRow | undefined,
  evidence: RowEvidence | undefined,
): string | undefined {
  if (row === undefined || evidence === undefined) return undefined;
  const state = stateOfRow(evidence, table, row);
  const written = row.writtenAt === undefined || row.writtenAt <= evidence.at ? "" : `, written ${row.writtenAt}`;
  if (state === "same") return `on ${side} as it was at ${evidence.at}`;
  if (state === "unknown") return undefined;
  return `${state === "changed" ? "changed" : "added"} on ${side} since ${evidence.at}${written}`;
}

function byObject(differences: readonly Difference[]): readonly (readonly Difference[])[] {
  const groups = new Map<string, Difference[]>();
  for (const difference of differences) {
    const group = groups.get(difference.object);
    if (group) group.push(difference);
    else groups.set(difference.object, [difference]);
  }
  return [...groups.values()];
}

function plain({ object, field, a, b, table, rowA, rowB }: Difference): Readonly<Record<string, unknown>> {
  return { object, field, a, b, table, writtenOnA: rowA?.writtenAt, writtenOnB: rowB?.writtenAt };
}
