import { apiVersionOf, type Kind } from "../../cloud/kubernetes/api/kinds";
import { UnreachableError, type KubeClient } from "../../cloud/kubernetes/client";
import { PartialFailure, UNKNOWN, type Props, type ResourceContext, type ResourceType } from "../framework";
import { awaitReady } from "./awaiting";
import {
  fieldManager,
  FIELD_MANAGER,
  idOf,
  identityOf,
  isForced,
  metadataOf,
  parseId,
  type Identity,
} from "./identity";
import { applyError, objectFrom, outputsOf, readObject, unreachableOnDelete } from "./objects";
import { openClient } from "./settings";

/** Applies nothing under a manager's name: the fields that it alone owned fall back to the API's defaults. */
async function relinquish(
  client: KubeClient,
  kind: Kind,
  { namespace, name }: Identity,
  manager: string,
): Promise<void> {
  if ((await client.find(kind, namespace, name)) === undefined) {
    return;
  }
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const nothing = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
  await client.apply(kind, namespace, name, nothing, { manager, force: true });
}

/**
 * A patch of somebody else's object by server-side apply. It owns only the fields that it sets; taking one from another
 * manager needs the annotation `pulumi.com/patchForce`. Removing the patch gives the fields up: `spec.replicas` falls
 * back to 1 (facts/pulumi.md 7). With `retainOnDelete` the engine never calls `delete`.
 */
export function patchType(token: string, kind: Kind): ResourceType {
  const apply = async (inputs: Props, at: Identity, manager: string, ctx: ResourceContext): Promise<Props> => {
    const client = await openClient(ctx);
    // The server would create what is not there, and refuse it for what the patch does not say.
    if ((await client.find(kind, at.namespace, at.name)) === undefined) {
      throw new Error(`${kind.kind} "${idOf(at)}" does not exist: a patch changes an object that is there already.`);
    }
    const object = objectFrom(kind, inputs, at);
    let applied;
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
    replaceOn: ["metadata.name", "metadata.namespace"],
    updatedOutputs: ["status"],

    check(news, _olds, ctx) {
      const { name } = metadataOf(news);
      return [
        ...(typeof name === "string" && name !== UNKNOWN
          ? []
          : [
              {
                property: "metadata.name",
                reason: "must be given: patch resources require the `.metadata.name` field",
              },
            ]),
        ...(ctx.config["enableServerSideApply"] === false
          ? [
              {
                property: "",
                reason: "patch resources require Server-Side Apply mode: set `enableServerSideApply` of the provider",
              },
            ]
          : []),
      ];
    },

    async create(inputs, ctx) {
      const at = identityOf(kind, inputs, ctx, await openClient(ctx));
      return { id: idOf(at), outputs: await apply(inputs, at, fieldManager(inputs, undefined), ctx) };
    },

    read: (id, state, ctx) => readObject(kind, id, state, ctx),

    async update(id, oldOutputs, news, _oldInputs, ctx) {
      const at = parseId(kind, id);
      const manager = fieldManager(news, oldOutputs);
      const outputs = await apply(news, at, manager, ctx);
      const before = oldOutputs[FIELD_MANAGER];
      if (typeof before === "string" && before !== manager) {
        await relinquish(await openClient(ctx), kind, at, before);
      }
      return outputs;
    },

    async delete(id, outputs, ctx) {
      const manager = outputs[FIELD_MANAGER];
      if (typeof manager !== "string") {
        throw new Error(`The state of "${id}" does not say under which name the patch owns its fields.`);
      }
      try {
        await relinquish(await openClient(ctx), kind, parseId(kind, id), manager);
      } catch (error) {
        throw error instanceof UnreachableError ? unreachableOnDelete(error) : error;
      }
    },
  };
}
