import { ConfigureRequest } from "@pulumi/pulumi/proto/provider_pb";
import { type Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type Props } from "./types";

/** A value that is not known yet, as the engine writes it into a preview's properties (facts/pulumi.md 2). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The key that says that an object is not a plain one, and the kinds met here. Fixed by Pulumi's protocol. */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7";

/** Whether a value is a plain object: neither `null` nor an array. */
export function isObject(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is, or holds at any depth, something not known yet. */
export function containsUnknown(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.some(containsUnknown);
  }
  return isObject(value) ? Object.values(value).some(containsUnknown) : value === UNKNOWN;
}

/** `asset` or `archive` where the engine sent one of these, else `undefined`. */
export function assetKind(value: unknown): "asset" | "archive" | undefined {
  const signature = isObject(value) ? value[SIGNATURE_KEY] : undefined;
  return signature === ASSET_SIGNATURE ? "asset" : signature === ARCHIVE_SIGNATURE ? "archive" : undefined;
}

/** Marks a value as secret for the engine, which then encrypts it in the state. */
export function asSecret(value: unknown): Props {
  return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value };
}

/** Takes secret wrappers off and drops keys that are `null` or `undefined`, at any depth. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (!isObject(value)) {
    return value;
  }
  if (value[SIGNATURE_KEY] === SECRET_SIGNATURE) {
    return plain(value["value"]);
  }
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, plain(inner)]));
}

/**
 * The `Struct` class of that very copy of google-protobuf which Pulumi's messages are made with: there may be two copies
 * of it in node_modules, and a message built with the other one does not serialize. The bytes are a message whose field
 * 2 (`args`) is an empty struct.
 */
const struct = ConfigureRequest.deserializeBinary(Uint8Array.of(0x12, 0x00)).getArgs()?.constructor as typeof Struct;

/** Properties from a message, without secret wrappers; `{}` where the message has none. */
export function fromStruct(message: Struct | undefined): Props {
  return message === undefined ? {} : (plain(message.toJavaScript()) as Props);
}

/** Properties for a message. Keys that are `undefined` are left out, at any depth, as JSON does it. */
export function toStruct(properties: Props): Struct {
  return struct.fromJavaScript(JSON.parse(JSON.stringify(properties)) as Record<string, never>);
}
