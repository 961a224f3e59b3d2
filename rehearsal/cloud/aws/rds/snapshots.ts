import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import type {
  CopyDBSnapshotMessage,
  CopyDBSnapshotResult,
  CreateDBSnapshotMessage,
  CreateDBSnapshotResult,
  DBSnapshotMessage,
  DeleteDBSnapshotMessage,
  DeleteDBSnapshotResult,
  DescribeDBSnapshotsMessage,
} from "@aws-sdk/client-rds";
import { hexId } from "../account";
import { AwsError, notModelled } from "../errors";
import { paged } from "../paging";
import { type Tags, tagsOf } from "../tags";
import { describeSnapshot } from "./describe";
import { identifierFault } from "./limits";
import { refuse } from "./modify";
import { type Instance, type Snapshot } from "./records";
import { type RdsState } from "./state";

/** RDS's actions on manual snapshots: real copies of the servers' files, in folders. */
export type SnapshotActions = {
  /** Goes on after the answer, as on AWS. */
  CreateDBSnapshot(input: CreateDBSnapshotMessage): CreateDBSnapshotResult;
  /** Within this account and Region; with a key the copy is encrypted, whatever its source. */
  CopyDBSnapshot(input: CopyDBSnapshotMessage): CopyDBSnapshotResult;
  DescribeDBSnapshots(input: DescribeDBSnapshotsMessage): DBSnapshotMessage;
  DeleteDBSnapshot(input: DeleteDBSnapshotMessage): Promise<DeleteDBSnapshotResult>;
};

export function snapshotActions(state: RdsState): SnapshotActions {
  return {
    CreateDBSnapshot(input) {
      const instance = state.instance(input.DBInstanceIdentifier ?? "");
      const identifier = input.DBSnapshotIdentifier ?? "";
      void beginSnapshot(state, instance, identifier, tagsOf(input.Tags));
      return { DBSnapshot: describeSnapshot(state, state.snapshot(identifier)) };
    },

    CopyDBSnapshot(input) {
      const { account } = state.options.network;
      const prefix = account.rdsArn("snapshot", "");
      const named = input.SourceDBSnapshotIdentifier ?? "";
      if (named.startsWith("arn:") && !named.startsWith(prefix)) {
        throw notModelled("copying snapshots of other accounts and Regions", "It has those of this one.");
      }
      const source = state.snapshot(named.startsWith(prefix) ? named.slice(prefix.length) : named);
      const identifier = input.TargetDBSnapshotIdentifier ?? "";
      beginCopy(state, source, identifier, input.KmsKeyId, {
        ...(input.CopyTags === true ? source.tags : {}),
        ...tagsOf(input.Tags),
      });
      return { DBSnapshot: describeSnapshot(state, state.snapshot(identifier)) };
    },

    DescribeDBSnapshots(input) {
      const { DBSnapshotIdentifier: identifier, DBInstanceIdentifier: instance, SnapshotType: type = "manual" } = input;
      const all = identifier === undefined ? [...state.snapshots.values()] : [state.snapshot(identifier)];
      const chosen = all.filter(
        (snapshot) => type === "manual" && (instance === undefined || snapshot.instanceIdentifier === instance),
      );
      const { items, next } = paged(chosen, input.Marker, input.MaxRecords);
      return { DBSnapshots: items.map((snapshot) => describeSnapshot(state, snapshot)), Marker: next };
    },

    async DeleteDBSnapshot(input) {
      const snapshot = state.snapshot(input.DBSnapshotIdentifier ?? "");
      if (snapshot.status === "creating") {
        throw new AwsError("InvalidDBSnapshotState", `Snapshot ${snapshot.identifier} is being created.`);
      }
      state.snapshots.delete(snapshot.identifier);
      await rm(snapshot.folder, { recursive: true, force: true });
      return { DBSnapshot: describeSnapshot(state, snapshot) };
    },
  };
}

/** Takes a snapshot. Answers whether it became available. @throws AwsError for what RDS refuses, at once */
export function beginSnapshot(state: RdsState, instance: Instance, identifier: string, tags: Tags): Promise<boolean> {
  refuse(identifierFault("snapshot", identifier));
  refuseTaken(state, identifier);
  const { server, status, resourceId } = instance;
  if (status !== "available" || server?.running !== true) {
    throw new AwsError(
      "InvalidDBInstanceState",
      `Cannot create a snapshot because the database instance ${instance.identifier} is not currently in the available state.`,
    );
  }
  const snapshot: Snapshot = {
    identifier,
    instanceIdentifier: instance.identifier,
    instanceResourceId: resourceId,
    instanceCreatedAt: instance.createdAt,
    engineVersion: instance.engineVersion,
    masterUsername: instance.masterUsername,
    databaseName: instance.databaseName,
    vpcId: instance.vpcId,
    zone: instance.zone,
    storageEncrypted: instance.storageEncrypted,
    ...(instance.kmsKeyId === undefined ? {} : { kmsKeyId: instance.kmsKeyId }),
    settings: instance.settings,
    createdAt: new Date(),
    status: "creating",
    bytes: 0,
    folder: join(state.options.home, `${identifier}-${hexId(8)}`),
    tags: instance.settings.CopyTagsToSnapshot ? { ...instance.tags, ...tags } : tags,
  };
  state.snapshots.set(identifier, snapshot);
  state.edit(resourceId, { status: "backing-up" });
  const taken = take(state, snapshot, server);
  const done = async (): Promise<void> => {
    await taken;
  };
  state.background(identifier, done);
  state.background(resourceId, async () => {
    await taken;
    if (state.instanceByResourceId(resourceId)?.status === "backing-up")
      state.edit(resourceId, { status: "available" });
  });
  return taken;
}

/** Copies a snapshot's files under another name. @throws AwsError for what RDS refuses, at once */
function beginCopy(
  state: RdsState,
  source: Snapshot,
  identifier: string,
  kmsKeyId: string | undefined,
  tags: Tags,
): void {
  refuse(identifierFault("snapshot", identifier));
  refuseTaken(state, identifier);
  if (source.status !== "available") {
    throw new AwsError("InvalidDBSnapshotState", `Snapshot ${source.identifier} is ${source.status}, not available.`);
  }
  const encrypted = kmsKeyId === undefined ? {} : { storageEncrypted: true, kmsKeyId };
  const folder = join(state.options.home, `${identifier}-${hexId(8)}`);
  const copy: Snapshot = {
    ...source,
    ...encrypted,
    identifier,
    createdAt: new Date(),
    status: "creating",
    folder,
    tags,
  };
  state.snapshots.set(identifier, copy);
  state.background(identifier, async () => {
    try {
      await cp(source.folder, folder, { recursive: true, preserveTimestamps: true });
      state.editSnapshot(identifier, { status: "available" });
    } catch (error) {
      state.editSnapshot(identifier, { status: "failed" });
      state.options.log(`rds: copy ${identifier} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

function refuseTaken(state: RdsState, identifier: string): void {
  if (!state.snapshots.has(identifier)) return;
  throw new AwsError(
    "DBSnapshotAlreadyExists",
    `Cannot create the snapshot because a snapshot with the identifier ${identifier} already exists.`,
  );
}

async function take(
  state: RdsState,
  { identifier, folder }: Snapshot,
  server: NonNullable<Instance["server"]>,
): Promise<boolean> {
  try {
    const { bytes } = await state.options.servers.snapshot(server, folder);
    state.editSnapshot(identifier, { status: "available", bytes });
    return true;
  } catch (error) {
    state.editSnapshot(identifier, { status: "failed" });
    state.options.log(`rds: snapshot ${identifier} failed: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}
