import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import {
  CheckFailure,
  CheckResponse,
  DiffResponse,
  PropertyDiff,
  ReadResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { type Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type Change } from "./diff";
import { type Checked, type Difference } from "./provider";
import { type Live } from "./types";
import { toStruct } from "./values";

/** An empty message of the copy of google-protobuf that Pulumi's messages use: see `values.ts`. */
export function empty(): Empty {
  return ResourceProviderService.delete.responseDeserialize(Buffer.alloc(0));
}

export function pluginInfo(version: string): PluginInfo {
  return new PluginInfo().setVersion(version);
}

/**
 * The engine prints the value of a property that a failure names, secret or not. Therefore the path goes into the
 * reason, and the failure names no property.
 */
export function checkResponse({ inputs, failures }: Checked): CheckResponse {
  return new CheckResponse()
    .setInputs(toStruct(inputs))
    .setFailuresList(
      failures.map(({ property, reason }) =>
        new CheckFailure().setReason(property === "" ? reason : `${property}: ${reason}`),
      ),
    );
}

const KINDS = {
  add: { changes: PropertyDiff.Kind.ADD, replaces: PropertyDiff.Kind.ADD_REPLACE },
  delete: { changes: PropertyDiff.Kind.DELETE, replaces: PropertyDiff.Kind.DELETE_REPLACE },
  update: { changes: PropertyDiff.Kind.UPDATE, replaces: PropertyDiff.Kind.UPDATE_REPLACE },
} as const;

function names(changes: readonly Change[]): string[] {
  return [...new Set(changes.map(({ property }) => property))];
}

export function diffResponse({ changes, deleteBeforeReplace }: Difference): DiffResponse {
  const replacing = changes.filter(({ replaces }) => replaces);
  const response = new DiffResponse()
    .setChanges(changes.length > 0 ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE)
    .setDiffsList(names(changes))
    .setReplacesList(names(replacing))
    .setDeletebeforereplace(replacing.length > 0 && deleteBeforeReplace)
    .setHasdetaileddiff(true);
  for (const { path, kind, replaces } of changes) {
    const detail = new PropertyDiff().setKind(KINDS[kind][replaces ? "replaces" : "changes"]).setInputdiff(true);
    response.getDetaileddiffMap().set(path, detail);
  }
  return response;
}

/** A response without an id says that the resource is gone. */
export function readResponse(live: Live | undefined): ReadResponse {
  if (live === undefined) {
    return new ReadResponse();
  }
  const response = new ReadResponse().setId(live.id).setProperties(toStruct(live.outputs));
  return live.inputs === undefined ? response : response.setInputs(toStruct(live.inputs));
}
