import { type Stage } from "../migration/stages";
import { type PilotEvent, type SettingChange } from "./events";
import { type MigrationStack, type Operation } from "./migrationStack";
import { readFromStackFile } from "./stackFile";

/** What the pilot writes down of a step, and reads back from what it wrote. */

/** A person is called once for a hold, not at every look. */
export function pagedSince(events: readonly PilotEvent[], stage: Stage): boolean {
  let paged = false;
  for (const event of events) {
    if (event.event === "page" && event.stage === stage) paged = true;
    if (event.event === "hold-over" || event.event === "stage-begun") paged = false;
  }
  return paged;
}

/** What a step changes in the stack's file. */
export async function changesOf(
  { folder, name }: MigrationStack,
  wanted: Readonly<Record<string, unknown>>,
): Promise<readonly SettingChange[]> {
  const before = await Promise.all(Object.keys(wanted).map(async (key) => readFromStackFile(folder, name, key)));
  return Object.entries(wanted).map(([key, after], index) => ({
    key,
    before: before[index] ?? null,
    after: after ?? null,
  }));
}

export function summaryOf({ changes }: Operation): Readonly<Record<string, number>> {
  const summary: Record<string, number> = {};
  for (const { op } of changes) summary[op] = (summary[op] ?? 0) + 1;
  return summary;
}
