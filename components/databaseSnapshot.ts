import { Snapshot, SnapshotCopy } from "@pulumi/aws/rds";
import type * as pulumi from "@pulumi/pulumi";
import { snapshotCopyIdentifier, snapshotIdentifier } from "../migration/names";
import { type Settings } from "../migration/settings";

/** The snapshot that database B is restored from. */
export interface SnapshotSource {
  /** A plain name, so that a preview never shows it as unknown: an unknown one would read as a replacement of B. */
  readonly identifier: string;
  /** What has to be there before the restore. */
  readonly dependsOn: readonly pulumi.Resource[];
}

export interface SnapshotSourceArgs {
  readonly settings: Settings;
  readonly source: Extract<Settings["databaseB"]["source"], { kind: "snapshot" }>;
  /** Holds a snapshot that would be made at another stage than `restore`. */
  readonly inTime: pulumi.ResourceHook;
}

/**
 * Takes a snapshot of A, unless one is given, and copies it where a key is given: RDS restores neither a shared snapshot
 * nor an unencrypted one into an encrypted instance (facts/aws.md 4). Both outlive the stack: they are the safety copy.
 */
export function snapshotSource(name: string, args: SnapshotSourceArgs, parent: pulumi.Resource): SnapshotSource {
  const { settings, source, inTime } = args;
  const { clusterA, databaseB, tags } = settings;
  const options = {
    parent,
    retainOnDelete: true,
    customTimeouts: { create: `${databaseB.restoreHours}h` },
    hooks: { beforeCreate: [inTime] },
  };
  const dependsOn: pulumi.Resource[] = [];
  let identifier = source.snapshotIdentifier;
  if (identifier === undefined) {
    identifier = snapshotIdentifier(settings);
    if (clusterA.databaseIdentifier === undefined) throw new Error("A snapshot needs clusterA.databaseIdentifier.");
    const inputs = { dbInstanceIdentifier: clusterA.databaseIdentifier, dbSnapshotIdentifier: identifier, tags };
    dependsOn.push(new Snapshot(`${name}-source`, inputs, options));
  }
  if (source.kmsKeyArn === undefined) return { identifier, dependsOn };
  const copied = snapshotCopyIdentifier(settings);
  const copy = new SnapshotCopy(
    `${name}-source-copy`,
    {
      sourceDbSnapshotIdentifier: identifier,
      targetDbSnapshotIdentifier: copied,
      kmsKeyId: source.kmsKeyArn,
      copyTags: false,
      tags,
    },
    { ...options, dependsOn },
  );
  return { identifier: copied, dependsOn: [copy] };
}
