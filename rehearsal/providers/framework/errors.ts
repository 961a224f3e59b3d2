import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { type PartialFailure, type Props } from "./types";
import { toStruct } from "./values";

/** Any error as gRPC carries it: the message is what the operator reads. */
export function toServiceError(error: unknown): Partial<grpc.ServiceError> {
  const message = error instanceof Error ? error.message : String(error);
  return { code: grpc.status.UNKNOWN, details: message };
}

/**
 * A partial failure as gRPC carries it: the engine takes id and outputs out of the status details, keeps the resource,
 * and shows the reasons. `outputs` are the whole state and `inputs` what to compare the next inputs with.
 */
export function toInitFailed(error: PartialFailure, outputs: Props, inputs: Props): Partial<grpc.ServiceError> {
  const detail = new ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(toStruct(outputs))
    .setInputs(toStruct(inputs))
    .setReasonsList([...error.reasons]);
  // Of the message class `Any` the very copy that Pulumi's messages use is needed: see `values.ts`. The bytes are a
  // status whose field 3 (`details`) holds one empty `Any`.
  const status = Status.deserializeBinary(Uint8Array.of(0x1a, 0x00));
  status.setCode(grpc.status.UNKNOWN).setMessage(error.message);
  status.getDetailsList()[0]?.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");

  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: error.message, metadata };
}
