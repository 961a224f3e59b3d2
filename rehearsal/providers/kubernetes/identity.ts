import { randomBytes } from "node:crypto";
import { isFields } from "../../cloud/kubernetes/api/fields";
import { type Kind } from "../../cloud/kubernetes/api/kinds";
import { type KubeClient } from "../../cloud/kubernetes/client";
import { type Props, type ResourceContext } from "../framework";
import { defaultNamespace } from "./settings";

/** Where an object is. */
export interface Identity {
  /** Missing for cluster-scoped kinds. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Key of a resource's state that holds its name in `managedFields`, as in the real provider. */
export const FIELD_MANAGER = "__fieldManager";

export function metadataOf(props: Props): Readonly<Record<string, unknown>> {
  const { metadata } = props;
  return isFields(metadata) ? metadata : {};
}

/** The name of a resource in the program: the last part of its URN. */
function resourceName({ urn }: ResourceContext): string {
  return urn.split("::").at(-1) ?? "";
}

/** Where inputs put an object: without a name it gets the resource's with eight random hexadecimal digits. */
export function identityOf(kind: Kind, inputs: Props, ctx: ResourceContext, client: KubeClient): Identity {
  const { name, namespace } = metadataOf(inputs);
  return {
    namespace: kind.namespaced
      ? typeof namespace === "string"
        ? namespace
        : defaultNamespace(ctx, client)
      : undefined,
    name: typeof name === "string" ? name : `${resourceName(ctx)}-${randomBytes(4).toString("hex")}`,
  };
}

/** `namespace/name`, or `name` for what has no namespace: the IDs of the real provider. */
export function idOf({ namespace, name }: Identity): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function parseId(kind: Kind, id: string): Identity {
  const [first = "", second] = id.split("/");
  return second === undefined
    ? { namespace: kind.namespaced ? "default" : undefined, name: first }
    : { namespace: first, name: second };
}

/** Value of one of Pulumi's annotations on a resource. */
export function annotation(props: Props, name: string): string | undefined {
  const { annotations } = metadataOf(props);
  const value = isFields(annotations) ? annotations[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** The name under which a resource owns fields: the annotation's, the state's, else a new one. */
export function fieldManager(inputs: Props, state: Props | undefined): string {
  const known = state?.[FIELD_MANAGER];
  return (
    annotation(inputs, "pulumi.com/patchFieldManager") ??
    (typeof known === "string" ? known : `pulumi-kubernetes-${randomBytes(4).toString("hex")}`)
  );
}

/** Whether a resource takes fields that others own. */
export function isForced(inputs: Props, ctx: ResourceContext): boolean {
  const given = annotation(inputs, "pulumi.com/patchForce");
  return given === undefined ? ctx.config["enablePatchForce"] === true : given === "true";
}
