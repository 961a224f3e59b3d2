/** The part of etcd's JSON interface (v3, over HTTP) that the DP Manager offers and data planes use. Keys and values are base64. */

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Decimal text, as etcd writes 64-bit numbers. */
  readonly mod_revision: string;
}

export interface Header {
  readonly revision: string;
}

/** `POST /v3/kv/range` with `{key, range_end}`. */
export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly count: string;
}

/** `POST /v3/watch` with `{create_request: {key, range_end, start_revision}}`: one of these a line. */
export interface WatchResponse {
  readonly result: {
    readonly header: Header;
    readonly created?: boolean;
    readonly canceled?: boolean;
    /** With `canceled`: older revisions are gone, read everything anew. */
    readonly compact_revision?: string;
    /** A missing `type` is a PUT. */
    readonly events?: readonly { readonly type?: "DELETE"; readonly kv: KeyValue }[];
  };
}

/** The directories of a gateway group that hold what data planes serve; each gets an `init_dir` key at a data plane's start. */
export const DIRECTORIES = [
  "routes",
  "services",
  "upstreams",
  "consumers",
  "ssls",
  "global_rules",
  "plugin_metadata",
  "secrets",
] as const;

/** What stands in a directory's own key. */
export const INIT_DIR = "init_dir";

export function groupPrefix(shortId: string): string {
  return `/gateway_groups/${shortId}/`;
}

export function toBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

export function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
