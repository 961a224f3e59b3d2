import { type MigrationScope } from "./gateRequest";
import { type Plan } from "./moves";
import { byteLength, canonicalJson, clipOverride, sha256, type Carried, type EntryDraft } from "./recordEntry";
import { shapeOf, union, type Override, type Stage } from "./stages";

/**
 * What the record holds a migration to, beside the stage: traffic steps and gateway groups as they were set when `start`
 * was entered. Before that they are plans only, and may change; `abandon` ends it.
 */

/** Bytes that the gateway groups may take in an entry; more of them are told by number and digest. */
const MAX_GROUPS_BYTES = 400;
/** Used overrides that are remembered. Each takes a stay at `start` or a traffic step, and an entry. */
const MAX_OVERRIDES = 64;

/** What an entry for this stage says of the plan; undefined where nothing binds yet. */
export function planFor(stage: Stage, trafficSteps: readonly number[], scope: MigrationScope): Plan | undefined {
  return binds(stage) ? { steps: trafficSteps, groups: groupsOf(scope) } : undefined;
}

/** The gateway groups by API7's short id and by the name that all of their resources are made from. */
export function groupsOf({ clusterB }: Pick<MigrationScope, "clusterB">): readonly string[] {
  const groups = clusterB.dataPlanes.map(({ group, deployment }) => `${group} (${deployment})`).sort();
  const whole = canonicalJson(groups);
  return byteLength(whole) <= MAX_GROUPS_BYTES
    ? groups
    : [`${groups.length} groups, digest ${sha256(whole).slice(0, 12)}`];
}

/**
 * The plan after an entry. Steps stay in it whatever the settings say later, so that taking one out on the way is noticed;
 * only an override that skips a removed one takes it out. The groups are those of the first entry.
 */
export function planAfter(before: Carried | undefined, entry: EntryDraft): Plan | undefined {
  if (!binds(entry.stage)) return undefined;
  const held = before?.plan;
  // A rollback whose settings could not be read says nothing.
  if (entry.plan === undefined || held === undefined) return entry.plan ?? held;
  const { steps } = entry.plan;
  const skipped = (step: number): boolean =>
    entry.kind === "override" && step > (before?.weightB ?? 0) && step < entry.weightB && !steps.includes(step);
  return { steps: union(held.steps, steps).filter((step) => !skipped(step)), groups: held.groups };
}

/** Ids of the overrides used so far. A new migration, from `prepare` on, begins without any. */
export function overridesAfter(before: Carried | undefined, entry: EntryDraft): readonly string[] {
  const used = entry.stage === "prepare" ? [] : (before?.overrides ?? []);
  if (entry.kind !== "override" || entry.override === undefined) return used;
  return [...used, overrideId(entry.override)].slice(-MAX_OVERRIDES);
}

/** Short name of a permission: another person or another reason makes it another one. */
export function overrideId(override: Override): string {
  return sha256(canonicalJson(clipOverride(override))).slice(0, 12);
}

function binds(stage: Stage): boolean {
  return shapeOf(stage).controlPlaneB;
}
