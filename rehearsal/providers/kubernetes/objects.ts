import { apiVersionOf, type Kind } from "../../cloud/kubernetes/api/kinds";
import { omit, type KubeObject, type ObjectInput } from "../../cloud/kubernetes/api/objects";
import { isFields } from "../../cloud/kubernetes/api/fields";
import { KubeError, UnreachableError } from "../../cloud/kubernetes/client";
import { PartialFailure, type Live, type Props, type ResourceContext, type ResourceType } from "../framework";
import { awaitGone, awaitReady } from "./awaiting";
import {
  FIELD_MANAGER,
  fieldManager,
  idOf,
  identityOf,
  isForced,
  metadataOf,
  parseId,
  type Identity,
} from "./identity";
import { openClient, settingIs } from "./settings";

/** The real provider's advice on an object that is there already (from version 4.29 on creating it is an error). */
const EXISTS_ADVICE =
  "The resource already exists in the cluster. To manage some of its fields use a Patch resource, " +
  "to adopt it use `pulumi import`.";

/** Words of the real provider around a refused apply. */
export function applyError(error: unknown): Error {
  if (error instanceof KubeError && error.reason === "Conflict") {
    return new Error(
      `Server-Side Apply field conflict detected. To take the fields set annotation "pulumi.com/patchForce" to "true": ` +
        error.message,
      { cause: error },
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** The object that inputs describe, where it is to be. */
export function objectFrom(kind: Kind, inputs: Props, { namespace, name }: Identity): ObjectInput {
  const own = Object.fromEntries(Object.entries(inputs).filter(([key]) => !key.startsWith("__")));
  return {
    ...own,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...metadataOf(inputs), name, ...(namespace === undefined ? {} : { namespace }) },
  };
}

/** A resource's outputs: the live object and the name under which the resource owns its fields. */
export function outputsOf(live: KubeObject, manager: string): Props {
  return { ...live, metadata: omit(live.metadata, "managedFields"), [FIELD_MANAGER]: manager };
}

/** Of a map in the metadata only what the resource itself set. */
function ownKeys(live: KubeObject, manager: unknown, map: "labels" | "annotations"): Props | undefined {
  const entry = live.metadata.managedFields?.find((one) => one.manager === manager && one.operation === "Apply");
  if (entry === undefined) {
    return live.metadata[map];
  }
  const owned = entry.fieldsV1["f:metadata"]?.[`f:${map}`] ?? {};
  return Object.fromEntries(Object.entries(live.metadata[map] ?? {}).filter(([key]) => `f:${key}` in owned));
}

/** The live object in the form of inputs; a Secret's texts are given back as texts where they were given so. */
export function liveInputs(live: KubeObject, state: Props): Props {
  const manager = state[FIELD_MANAGER];
  const metadata = {
    ...omit(live.metadata, "managedFields", "labels", "annotations"),
    labels: ownKeys(live, manager, "labels"),
    annotations: ownKeys(live, manager, "annotations"),
  };
  const inputs: Props = { ...omit(live, "status"), metadata };
  const { stringData } = state;
  if (!isFields(stringData) || !isFields(live["data"])) {
    return inputs;
  }
  const data = Object.entries(live["data"]);
  const decode = (value: unknown): string => Buffer.from(String(value), "base64").toString("utf8");
  return {
    ...inputs,
    data: Object.fromEntries(data.filter(([key]) => !(key in stringData))),
    stringData: Object.fromEntries(
      data.filter(([key]) => key in stringData).map(([key, value]) => [key, decode(value)]),
    ),
  };
}

/** Reads an object for refresh and import. */
export async function readObject(
  kind: Kind,
  id: string,
  state: Props,
  ctx: ResourceContext,
): Promise<Live | undefined> {
  const client = await openClient(ctx);
  const { namespace, name } = parseId(kind, id);
  const live = await client.find(kind, namespace, name);
  if (live === undefined) {
    return undefined;
  }
  const manager = state[FIELD_MANAGER];
  return {
    id,
    inputs: liveInputs(live, state),
    outputs: outputsOf(live, typeof manager === "string" ? manager : fieldManager({}, undefined)),
  };
}

/** One kind of object that a program owns as a whole. */
export function objectType(
  token: string,
  kind: Kind,
  more: Pick<ResourceType, "replaceOn"> & Partial<Pick<ResourceType, "secretOutputs">>,
): ResourceType {
  const apply = async (inputs: Props, at: Identity, manager: string, ctx: ResourceContext): Promise<Props> => {
    const client = await openClient(ctx);
    const object = objectFrom(kind, inputs, at);
    let applied: KubeObject;
    try {
      applied = await client.apply(kind, at.namespace, at.name, object, { manager, force: isForced(inputs, ctx) });
    } catch (error) {
      throw applyError(error);
    }
    const { live, missing } = await awaitReady(client, kind, applied, inputs, ctx);
    if (missing !== undefined) {
      const reason = `the Kubernetes API server reported that "${idOf(at)}" failed to fully initialize or become live: ${missing}`;
      throw new PartialFailure(idOf(at), outputsOf(live, manager), [reason]);
    }
    return outputsOf(live, manager);
  };

  return {
    token,
    // Names are given, so the old object has to go before the new one can come.
    deleteBeforeReplace: true,
    updatedOutputs: ["status"],
    get replaceOn() {
      return ["metadata.name", "metadata.namespace", ...more.replaceOn];
    },
    ...(more.secretOutputs === undefined ? {} : { secretOutputs: more.secretOutputs }),

    async create(inputs, ctx) {
      const client = await openClient(ctx);
      const at = identityOf(kind, inputs, ctx, client);
      const there = await client.find(kind, at.namespace, at.name);
      if (there !== undefined && !settingIs(ctx, "upsertExistingObjects")) {
        throw new Error(
          `resource "${ctx.urn}" was not successfully created by the Kubernetes API server: ${kind.plural} "${at.name}" ` +
            `already exists\n\n${EXISTS_ADVICE}`,
        );
      }
      return { id: idOf(at), outputs: await apply(inputs, at, fieldManager(inputs, undefined), ctx) };
    },

    read: (id, state, ctx) => readObject(kind, id, state, ctx),

    update: (id, oldOutputs, news, _oldInputs, ctx) =>
      apply(news, parseId(kind, id), fieldManager(news, oldOutputs), ctx),

    async delete(id, outputs, ctx) {
      const at = parseId(kind, id);
      const client = await openClient(ctx);
      try {
        await client.delete(kind, at.namespace, at.name);
      } catch (error) {
        throw error instanceof UnreachableError ? unreachableOnDelete(error) : error;
      }
      await awaitGone(client, kind, at, outputs, ctx);
    },
  };
}

/** The real provider's words: nothing is forgotten only because its cluster does not answer. */
export function unreachableOnDelete(error: UnreachableError): Error {
  return new Error(
    `${error.message}. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the ` +
      `operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"`,
    { cause: error },
  );
}
