import { gunzipSync, gzipSync } from "node:zlib";
import { KINDS } from "../../../cloud/kubernetes/api/kinds";
import { type KubeObject, type Secret } from "../../../cloud/kubernetes/api/objects";
import { type KubeClient } from "../../../cloud/kubernetes/client";
import { type ChartMetadata } from "../chart";
import { type RenderedObject } from "../objects";
import { type Values } from "../values";

/** Helm's names for where a revision stands. */
export type ReleaseStatus =
  "deployed" | "failed" | "superseded" | "uninstalling" | "pending-install" | "pending-upgrade";

/** One revision of a release. Holds the values, so it is secret as a whole. */
export interface ReleaseRecord {
  readonly name: string;
  readonly namespace: string;
  /** Number of the revision, from 1. */
  readonly version: number;
  readonly info: { readonly status: ReleaseStatus; readonly description: string; readonly last_deployed: string };
  readonly chart: { readonly metadata: ChartMetadata };
  /** Given values. */
  readonly config: Values;
  readonly manifest: readonly RenderedObject[];
}

const HELM = "helm";

function secretName(name: string, version: number): string {
  return `sh.helm.release.v1.${name}.v${version}`;
}

function encode(record: ReleaseRecord): string {
  // As Helm stores it: gzip, base64, and the Secret's own base64 around it.
  const packed = gzipSync(JSON.stringify(record)).toString("base64");
  return Buffer.from(packed).toString("base64");
}

function decode(secret: Secret): ReleaseRecord {
  const packed = Buffer.from(secret.data?.["release"] ?? "", "base64").toString("utf8");
  return JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString("utf8")) as ReleaseRecord;
}

/** Keeps the revisions of releases where Helm keeps them: in Secrets of their namespace. */
export class ReleaseStorage {
  constructor(private readonly client: KubeClient) {}

  /** All revisions, oldest first. */
  async history(namespace: string, name: string): Promise<readonly ReleaseRecord[]> {
    const secrets = await this.client.list(KINDS.secret, namespace, `owner=${HELM},name=${name}`);
    return secrets.map((secret) => decode(secret as Secret)).sort((a, b) => a.version - b.version);
  }

  /** Stores a new revision, or the new state of one that is stored. */
  async put(record: ReleaseRecord): Promise<void> {
    const name = secretName(record.name, record.version);
    const labels = {
      name: record.name,
      owner: HELM,
      status: record.info.status,
      version: String(record.version),
      modifiedAt: String(Math.floor(Date.now() / 1000)),
    };
    const live = await this.client.find(KINDS.secret, record.namespace, name);
    const data = { release: encode(record) };
    if (live === undefined) {
      const secret = { metadata: { name, labels }, type: "helm.sh/release.v1", data };
      await this.client.create(KINDS.secret, record.namespace, secret, HELM);
      return;
    }
    const changed: KubeObject = { ...live, metadata: { ...live.metadata, labels }, data };
    await this.client.replace(KINDS.secret, changed, HELM);
  }

  async remove(record: ReleaseRecord): Promise<void> {
    await this.client.delete(KINDS.secret, record.namespace, secretName(record.name, record.version));
  }
}
