import { applyConflict } from "./errors";
import {
  equal,
  fieldText,
  fromTree,
  merged,
  ownedValues,
  split,
  toTree,
  valueAt,
  without,
  type FieldSet,
} from "./fields";
import { omit, timestamp, type KubeObject, type ManagedFields, type ObjectInput } from "./objects";

/**
 * Who owns which field (`metadata.managedFields`), as the real server keeps it for the writes that Helm, controllers
 * and Pulumi make. Facts: facts/pulumi.md 7, https://kubernetes.io/docs/reference/using-api/server-side-apply/.
 */

/** Who writes, and how. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
}

interface Owner extends Omit<ManagedFields, "fieldsV1" | "fieldsType"> {
  readonly fields: FieldSet;
}

function owners(object: KubeObject | undefined): Owner[] {
  return (object?.metadata.managedFields ?? []).map((one) => ({
    ...omit(one, "fieldsV1", "fieldsType"),
    fields: fromTree(one.fieldsV1),
  }));
}

function withOwners(object: KubeObject, list: readonly Owner[]): KubeObject {
  const managedFields = [...list]
    .filter(({ fields }) => fields.size > 0)
    // A fixed order: a write that changes nothing must leave the object as it is, byte by byte.
    .sort((a, b) => order(a).localeCompare(order(b)))
    .map(({ fields, ...rest }): ManagedFields => ({ ...rest, fieldsType: "FieldsV1", fieldsV1: toTree(fields) }));
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

function order({ manager, operation, subresource = "" }: Owner): string {
  return `${operation} ${manager} ${subresource}`;
}

function minus(fields: FieldSet, taken: FieldSet): FieldSet {
  return new Set([...fields].filter((field) => !taken.has(field)));
}

function isOf(owner: Owner, writer: Writer, operation: ManagedFields["operation"]): boolean {
  return owner.manager === writer.manager && owner.operation === operation && owner.subresource === writer.subresource;
}

function entry(writer: Writer, operation: ManagedFields["operation"], fields: FieldSet): Owner {
  return {
    manager: writer.manager,
    operation,
    apiVersion: writer.apiVersion,
    time: timestamp(),
    ...(writer.subresource === undefined ? {} : { subresource: writer.subresource }),
    fields,
  };
}

/**
 * Ownership after a write that is no apply (create, replace, patch, scale): the writer owns what it changed, nobody
 * else does any more, and what it removed has no owner.
 */
export function afterUpdate(before: KubeObject | undefined, after: KubeObject, writer: Writer): KubeObject {
  const old = before === undefined ? new Map<string, unknown>() : ownedValues(before);
  const now = ownedValues(after);
  const changed = new Set([...now].filter(([field, value]) => !equal(old.get(field), value)).map(([field]) => field));
  const gone = new Set([...old.keys()].filter((field) => !now.has(field)));
  const others = owners(before)
    .filter((owner) => !isOf(owner, writer, "Update"))
    .map((owner) => ({ ...owner, fields: minus(minus(owner.fields, changed), gone) }));
  const mine = owners(before).find((owner) => isOf(owner, writer, "Update"));
  const fields = new Set([...minus(mine?.fields ?? new Set(), gone), ...changed]);
  const untouched = mine !== undefined && changed.size === 0 && fields.size === mine.fields.size;
  return withOwners(after, [...others, untouched ? mine : entry(writer, "Update", fields)]);
}

/**
 * Server-side apply. Fields that the manager applied before and leaves out now are removed unless somebody else owns
 * them too; the server's defaults fill them again afterwards.
 * @throws ApiError 409 when a field has another owner and another value, unless `force`
 */
export function afterApply(live: KubeObject, applied: ObjectInput, writer: Writer, force: boolean): KubeObject {
  const mine = ownedValues(applied);
  const fields = new Set(mine.keys());
  const all = owners(live);
  const others = all.filter((owner) => !isOf(owner, writer, "Apply"));
  const before = all.find((owner) => isOf(owner, writer, "Apply"))?.fields ?? new Set<string>();

  const conflicts = others.flatMap((owner) =>
    [...fields]
      .filter((field) => owner.fields.has(field) && !equal(valueAt(live, split(field)), mine.get(field)))
      .map((field) => ({ owner, field })),
  );
  if (conflicts.length > 0 && !force) {
    throw applyConflict(
      conflicts.map(({ owner, field }) => ({
        manager: owner.manager,
        apiVersion: owner.apiVersion,
        field: fieldText(split(field)),
      })),
    );
  }
  const taken = new Set(conflicts.map(({ field }) => field));
  const remaining = others.map((owner) => ({ ...owner, fields: minus(owner.fields, taken) }));

  const metadata = omit(applied.metadata ?? {}, "name", "namespace", "managedFields");
  const overlay = { ...applied, apiVersion: live.apiVersion, kind: live.kind, metadata };
  const dropped = [...before].filter(
    (field) => !fields.has(field) && !remaining.some((owner) => owner.fields.has(field)),
  );
  // Removing first: an item of a list that is left out and one that is added must not meet.
  const pruned = dropped.reduce<unknown>((object, field) => without(object, split(field)), live);
  const result = merged(pruned, overlay) as KubeObject;
  const unchanged = fields.size === before.size && [...fields].every((field) => before.has(field));
  const previous = all.find((owner) => isOf(owner, writer, "Apply"));
  const own = unchanged && previous !== undefined ? previous : entry(writer, "Apply", fields);
  return withOwners(result, [...remaining, own]);
}
