import { WHOLE_OBJECT } from "./compare";
import { type Difference, type ShownValue } from "./model";

/** Which differences are meant: what this program itself writes on B, and what the settings declare. */

/** Exactly one difference of A and B, with the reason for it. */
export interface DeclaredDifference {
  readonly object: string;
  readonly field: string;
  /** Value on A as the check shows it; null where A has none. */
  readonly from: ShownValue;
  readonly to: ShownValue;
  readonly reason: string;
}

export interface AcceptedDifference {
  readonly difference: Difference;
  readonly reason: string;
}

/** What the program's own writes are recognised by. */
export interface OwnWrites {
  /** The DP Manager address that only B's data planes have. */
  readonly dpManagerAddressB: string;
}

export interface Judged {
  /** What holds the way up. */
  readonly open: readonly Difference[];
  readonly accepted: readonly AcceptedDifference[];
  /** Declared, and not there: a setting that says something about nothing. */
  readonly unused: readonly DeclaredDifference[];
}

export function judgeDifferences(
  differences: readonly Difference[],
  declared: readonly DeclaredDifference[],
  own: OwnWrites,
): Judged {
  const open: Difference[] = [];
  const accepted: AcceptedDifference[] = [];
  const used = new Set<DeclaredDifference>();
  for (const difference of differences) {
    const setting = declared.find((each) => declares(each, difference));
    if (setting) used.add(setting);
    const reason = setting?.reason ?? ownWrite(difference, own);
    if (reason === undefined) open.push(difference);
    else accepted.push({ difference, reason });
  }
  return { open, accepted, unused: declared.filter((each) => !used.has(each)) };
}

/** The values have to be these, on both sides: a declaration is no permission to change the object again. */
function declares(declared: DeclaredDifference, difference: Difference): boolean {
  return (
    declared.object === difference.object &&
    declared.field === difference.field &&
    sameValue(declared.from, difference.a) &&
    sameValue(declared.to, difference.b)
  );
}

/** A setting may write a number or a truth value as text. */
function sameValue(declared: ShownValue, value: ShownValue): boolean {
  return declared === value || (declared !== null && value !== null && String(declared) === String(value));
}

/** What this program writes into B, and why; undefined for everything else. */
function ownWrite(difference: Difference, own: OwnWrites): string | undefined {
  const table = difference.table.replace(/^.*\./, "").replaceAll('"', "").toLowerCase();
  const { field, a, b, rowB } = difference;
  // Its older name is control_plane_address (facts/api7.md 2.1).
  const ofAddress = /\b(dp_manager|control_plane)_address\b/.test(`${difference.object} ${field}`);
  if (ofAddress && /system_?settings?$/.test(table) && valueText(rowB?.values).includes(own.dpManagerAddressB)) {
    return "the DP Manager's address of B, which the program writes";
  }
  const issued = rowB !== undefined && difference.rowA === undefined && field === WHOLE_OBJECT;
  if (table === "dataplane_certificate" && issued && rowB.values["type"] === "Endpoint") {
    return "a data plane certificate that was issued by B for B's data planes";
  }
  // An alert of a restored policy would speak of A's instances, which B lists as lost (facts/api7.md 3.2).
  if (/^alert_?polic(y|ies)$/.test(table) && muted(field, a, b)) return "an alert policy of A that is muted on B";
  return undefined;
}

function muted(field: string, a: ShownValue, b: ShownValue): boolean {
  if (/^(enabled?|active)$/.test(field)) return isOn(a) && !isOn(b) && b !== null;
  if (/^(muted|silenced|disabled?)$/.test(field)) return isOn(b) && !isOn(a);
  return field === "status" && isOn(a) && /^(disabled|inactive|muted|0)$/.test(String(b));
}

function isOn(value: ShownValue): boolean {
  return value !== null && /^(t|true|1|enabled|active|on)$/.test(String(value));
}

function valueText(values: Readonly<Record<string, unknown>> | undefined): string {
  return values === undefined ? "" : JSON.stringify(values);
}
