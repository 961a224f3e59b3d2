import type {
  CreateDBInstanceMessage,
  CreateDBInstanceResult,
  DBInstanceMessage,
  DeleteDBInstanceMessage,
  DeleteDBInstanceResult,
  DescribeDBInstancesMessage,
  ModifyDBInstanceMessage,
  ModifyDBInstanceResult,
  RestoreDBInstanceFromDBSnapshotMessage,
  RestoreDBInstanceFromDBSnapshotResult,
} from "@aws-sdk/client-rds";
import { rdsResourceId } from "../account";
import { AwsError, notModelled } from "../errors";
import { paged } from "../paging";
import { type Tags, tagsOf } from "../tags";
import { describeInstance } from "./describe";
import { databaseNameFault, identifierFault, passwordFault, usernameFault, versionNames } from "./limits";
import { FIRST_BACKUP_SECONDS, modifyInstance, PORT, refuse, refuseTaken, refuseUnavailable } from "./modify";
import { type DatabaseServer, type Instance, type InstanceSettings, type Snapshot } from "./records";
import { checkSettings, defaultSettings, given, type GivenSettings, majorOf } from "./settings";
import { beginSnapshot } from "./snapshots";
import { type RdsState } from "./state";

/** How long a restored instance with automated backups stays in `backing-up` (facts/aws.md 4: 2-3 h). */
const BACKUP_AFTER_RESTORE_SECONDS = 2 * 3600;
/** The major version of the local servers, which API7 uses. */
const MAJOR = "15";

/** RDS's actions on instances. Making, changing and deleting goes on after the answer, as on AWS. */
export type InstanceActions = {
  CreateDBInstance(input: CreateDBInstanceMessage): CreateDBInstanceResult;
  /** Credentials and settings come from the snapshot; groups not given are the defaults (facts/aws.md 4). */
  RestoreDBInstanceFromDBSnapshot(input: RestoreDBInstanceFromDBSnapshotMessage): RestoreDBInstanceFromDBSnapshotResult;
  DescribeDBInstances(input: DescribeDBInstancesMessage): DBInstanceMessage;
  /** What waits for the maintenance window appears under `PendingModifiedValues`. */
  ModifyDBInstance(input: ModifyDBInstanceMessage): Promise<ModifyDBInstanceResult>;
  DeleteDBInstance(input: DeleteDBInstanceMessage): DeleteDBInstanceResult;
};

export function instanceActions(state: RdsState): InstanceActions {
  const { account } = state.options.network;
  const show = (resourceId: string): { DBInstance?: ReturnType<typeof describeInstance> } => {
    const instance = state.instanceByResourceId(resourceId);
    return instance === undefined ? {} : { DBInstance: describeInstance(state, instance) };
  };

  return {
    CreateDBInstance(input) {
      if (input.Engine !== "postgres") throw notModelled(`the engine '${input.Engine ?? ""}'`, "It has 'postgres'.");
      const { MasterUsername: username = "", MasterUserPassword: password = "", DBName: database = "postgres" } = input;
      refuse(usernameFault(username) ?? passwordFault(password) ?? databaseNameFault(database));
      return beginInstance(state, input, {
        tags: tagsOf(input.Tags),
        masterUsername: username,
        databaseName: database,
        storageEncrypted: input.StorageEncrypted ?? false,
        kmsKeyId: input.KmsKeyId,
        settings: {},
        firstBackupSeconds: FIRST_BACKUP_SECONDS,
        version: input.EngineVersion ?? MAJOR,
        bringUp: (name, address) =>
          state.options.servers.create({
            name,
            address,
            masterUsername: username,
            masterPassword: password,
            databaseName: database,
          }),
      });
    },

    RestoreDBInstanceFromDBSnapshot(input) {
      const snapshot = state.snapshot(snapshotName(input.DBSnapshotIdentifier ?? ""));
      if (snapshot.status !== "available") {
        throw new AwsError(
          "InvalidDBSnapshotState",
          `Snapshot ${snapshot.identifier} is ${snapshot.status}, not available.`,
        );
      }
      if (input.Engine !== undefined && input.Engine !== "postgres") {
        throw new AwsError("InvalidParameterCombination", `The snapshot is of engine postgres, not ${input.Engine}.`);
      }
      if (input.AllocatedStorage !== undefined && input.AllocatedStorage < snapshot.settings.AllocatedStorage) {
        throw new AwsError(
          "InvalidParameterValue",
          `The storage size ${input.AllocatedStorage} GiB is less than the snapshot's ${snapshot.settings.AllocatedStorage} GiB.`,
        );
      }
      return beginInstance(state, input, {
        tags: tagsOf(input.Tags),
        masterUsername: snapshot.masterUsername,
        databaseName: snapshot.databaseName,
        storageEncrypted: snapshot.storageEncrypted,
        kmsKeyId: snapshot.kmsKeyId,
        settings: restoredSettings(snapshot),
        firstBackupSeconds: BACKUP_AFTER_RESTORE_SECONDS,
        version: snapshot.engineVersion,
        bringUp: (name, address) => state.options.servers.restore({ name, address, folder: snapshot.folder }),
      });
    },

    DescribeDBInstances(input) {
      const wanted = input.DBInstanceIdentifier;
      const filters = filterValues(input.Filters);
      const chosen = (wanted === undefined ? [...state.instances.values()] : [state.instance(wanted)]).filter(
        ({ identifier, resourceId }) =>
          (filters["db-instance-id"]?.includes(identifier) ?? true) &&
          (filters["dbi-resource-id"]?.includes(resourceId) ?? true),
      );
      const { items, next } = paged(chosen, input.Marker, input.MaxRecords);
      return { DBInstances: items.map((instance) => describeInstance(state, instance)), Marker: next };
    },

    async ModifyDBInstance(input) {
      const before = state.instance(input.DBInstanceIdentifier ?? "");
      refuseUnavailable(before);
      await modifyInstance(state, before, input);
      return show(before.resourceId);
    },

    DeleteDBInstance(input) {
      const instance = state.instance(input.DBInstanceIdentifier ?? "");
      const { SkipFinalSnapshot: skip = false, FinalDBSnapshotIdentifier: final } = input;
      if (instance.settings.DeletionProtection) {
        throw new AwsError(
          "InvalidParameterCombination",
          "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        );
      }
      if (skip === (final !== undefined)) {
        throw new AwsError(
          "InvalidParameterCombination",
          skip
            ? "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot."
            : "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        );
      }
      refuseUnavailable(instance);
      const snapshot = final === undefined ? undefined : beginSnapshot(state, instance, final, instance.tags);
      state.edit(instance.resourceId, { status: "deleting" });
      state.background(instance.resourceId, async () => {
        if ((await snapshot) === false) {
          state.edit(instance.resourceId, { status: "available" });
          return;
        }
        await instance.server?.remove();
        state.instances.delete(instance.identifier);
        state.options.log(`rds: deleted ${instance.identifier}`);
      });
      return show(instance.resourceId);
    },
  };

  /** Accepts the ARN as well, as AWS does. */
  function snapshotName(identifier: string): string {
    const prefix = account.rdsArn("snapshot", "");
    return identifier.startsWith(prefix) ? identifier.slice(prefix.length) : identifier;
  }
}

/** What a new instance is made of beside what the call gives. */
interface Origin {
  readonly tags: Tags;
  readonly masterUsername: string;
  readonly databaseName: string;
  readonly storageEncrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly settings: Partial<InstanceSettings>;
  readonly firstBackupSeconds: number;
  /** The version, or a prefix of it. */
  readonly version: string;
  readonly bringUp: (name: string, address: string) => Promise<DatabaseServer>;
}

interface Placement extends GivenSettings {
  readonly DBInstanceIdentifier: string | undefined;
  readonly DBSubnetGroupName?: string | undefined;
  readonly AvailabilityZone?: string | undefined;
  readonly Port?: number | undefined;
}

/** Puts an instance on record and lets it come up. */
function beginInstance(state: RdsState, input: Placement, origin: Origin): CreateDBInstanceResult {
  const { DBInstanceIdentifier: identifier = "", Port: port = PORT } = input;
  refuse(identifierFault("instance", identifier));
  refuseTaken(state, identifier);
  if (port !== PORT) throw notModelled(`databases on port ${port}`, `Its servers listen on ${PORT}.`);
  const { subnetIds, vpcId } = state.subnetGroup(input.DBSubnetGroupName ?? "default");
  const zones = subnetIds.map((id) => state.options.network.subnets.get(id)?.zone ?? "");
  const zone = input.AvailabilityZone ?? zones[0] ?? "";
  if (!zones.includes(zone)) {
    throw new AwsError("InvalidVPCNetworkStateFault", `The DB subnet group has no subnet in zone ${zone}.`);
  }
  if (input.AvailabilityZone !== undefined && input.MultiAZ === true) {
    throw new AwsError(
      "InvalidParameterCombination",
      "Requesting a specific availability zone is not valid for MultiAZ instances.",
    );
  }
  const defaults = defaultSettings(majorOf(origin.version), state.options.network.vpc(vpcId).defaultSecurityGroupId);
  const instance: Instance = {
    identifier,
    resourceId: rdsResourceId(),
    address: state.options.nextAddress(),
    engineVersion: origin.version,
    masterUsername: origin.masterUsername,
    databaseName: origin.databaseName,
    subnetGroupName: input.DBSubnetGroupName ?? "default",
    vpcId,
    zone,
    storageEncrypted: origin.storageEncrypted,
    ...(origin.kmsKeyId === undefined ? {} : { kmsKeyId: origin.kmsKeyId }),
    createdAt: new Date(),
    status: "creating",
    settings: { ...defaults, ...origin.settings, ...given(input) },
    pending: {},
    parameterApplyStatus: "in-sync",
    tags: origin.tags,
  };
  checkSettings(state, instance.settings, instance);
  state.instances.set(identifier, instance);
  state.background(instance.resourceId, () => bringUp(state, instance, origin));
  return { DBInstance: describeInstance(state, instance) };
}

async function bringUp(state: RdsState, instance: Instance, origin: Origin): Promise<void> {
  const { identifier, resourceId, address, settings } = instance;
  try {
    const server = await origin.bringUp(`${identifier}-${resourceId.slice(3, 11).toLowerCase()}`, address);
    const engineVersion = await state.options.versionOf(server);
    state.edit(resourceId, { server, engineVersion });
    if (!versionNames(origin.version, engineVersion)) {
      throw new Error(`the local PostgreSQL is ${engineVersion}, asked for was ${origin.version}`);
    }
    if (settings.BackupRetentionPeriod > 0) {
      state.edit(resourceId, { status: "backing-up" });
      await state.wait(origin.firstBackupSeconds);
    }
    state.edit(resourceId, { status: "available" });
    state.options.log(`rds: ${identifier} is available on ${address}`);
  } catch (error) {
    state.edit(resourceId, { status: "failed" });
    state.options.log(`rds: ${identifier} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What a restored instance has of its source; the rest are defaults. */
function restoredSettings({ settings }: Snapshot): Partial<InstanceSettings> {
  const { DBInstanceClass, AllocatedStorage, StorageType, Iops, StorageThroughput, OptionGroupName } = settings;
  const { BackupRetentionPeriod, PreferredBackupWindow, PreferredMaintenanceWindow } = settings;
  return {
    DBInstanceClass,
    AllocatedStorage,
    StorageType,
    Iops,
    StorageThroughput,
    OptionGroupName,
    BackupRetentionPeriod,
    PreferredBackupWindow,
    PreferredMaintenanceWindow,
  };
}

function filterValues(
  filters: DescribeDBInstancesMessage["Filters"],
): Readonly<Record<string, readonly string[] | undefined>> {
  const known = ["db-instance-id", "dbi-resource-id"];
  const values: Record<string, readonly string[]> = {};
  for (const { Name: name = "", Values } of filters ?? []) {
    if (!known.includes(name)) throw notModelled(`the filter '${name}'`, `It has ${known.join(" and ")}.`);
    values[name] = Values ?? [];
  }
  return values;
}
