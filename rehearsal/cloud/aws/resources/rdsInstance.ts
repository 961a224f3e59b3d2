import type { DBInstance, ModifyDBInstanceMessage, RestoreDBInstanceFromDBSnapshotMessage } from "@aws-sdk/client-rds";
import { tagEntries } from "../tags";
import {
  doing,
  finishing,
  type Handler,
  type Look,
  ProviderError,
  type Services,
  statusOf,
  unlessGone,
} from "./handler";
import { INPUTS, type InputsOf } from "./inputs";
import { liveInstance, pendingNotes } from "./rdsInstanceLook";

type Inputs = InputsOf<"rds/instance">;

/**
 * `aws.rds.Instance`. Its id is the resource id (`db-...`), which a change of the identifier leaves.
 *
 * After a restore the real provider changes what the restore call does not set (facts/aws.md 4); so does this.
 */
export function instanceHandler({ account, rds, rdsState }: Services): Handler {
  const describe = async (id: string): Promise<DBInstance | undefined> => {
    const Filters = [{ Name: "dbi-resource-id", Values: [id] }];
    return (await rds.DescribeDBInstances({ Filters })).DBInstances?.[0];
  };
  const look = async (id: string): Promise<Look | undefined> => {
    const instance = await describe(id);
    return instance === undefined ? undefined : liveInstance(instance, account.region);
  };
  /** Waits as the provider does after every call. */
  const untilAvailable = async (id: string, what: string): Promise<Look> => {
    await rdsState.settled(id);
    const seen = await look(id);
    if (seen !== undefined && statusOf(seen) === "available") return seen;
    throw new ProviderError(
      `${what}: waiting for completion: unexpected state '${statusOf(seen)}', wanted target 'available'`,
    );
  };

  return {
    async create(props) {
      const inputs = INPUTS["rds/instance"].parse(props);
      const { identifier, snapshotIdentifier: snapshot } = inputs;
      const what = `creating RDS DB Instance (${snapshot === undefined ? "" : "restore from snapshot "}${identifier})`;
      const { DBInstance: made } = await doing(what, () =>
        snapshot === undefined
          ? rds.CreateDBInstance({ ...newInstance(inputs), DBInstanceIdentifier: identifier })
          : rds.RestoreDBInstanceFromDBSnapshot(restoredInstance(inputs, snapshot)),
      );
      const id = made?.DbiResourceId ?? "";
      return finishing(
        id,
        () => look(id),
        async () => {
          await untilAvailable(id, what);
          const changes = snapshot === undefined ? {} : afterRestore(inputs);
          if (Object.values(changes).every((value) => value === undefined)) return;
          await doing(what, () =>
            rds.ModifyDBInstance({ DBInstanceIdentifier: identifier, ApplyImmediately: true, ...changes }),
          );
          await untilAvailable(id, what);
        },
      );
    },

    read: look,

    async update(id, props) {
      const inputs = INPUTS["rds/instance"].parse(props);
      const before = await describe(id);
      const identifier = before?.DBInstanceIdentifier ?? inputs.identifier;
      const what = `updating RDS DB Instance (${identifier})`;
      const renamed = inputs.identifier !== identifier;
      await doing(what, async () => {
        await rds.ModifyDBInstance({
          DBInstanceIdentifier: identifier,
          ApplyImmediately: inputs.applyImmediately ?? false,
          ...settings(inputs),
          ...logExports(inputs, before),
          DBSubnetGroupName: inputs.dbSubnetGroupName,
          EngineVersion: inputs.engineVersion,
          // Set again even when it is the old one: the operation before may have failed on it.
          MasterUserPassword: inputs.password,
          ...(renamed ? { NewDBInstanceIdentifier: inputs.identifier } : {}),
        });
        const arn = (await describe(id))?.DBInstanceArn ?? "";
        await rds.AddTagsToResource({ arn, tags: inputs.tags });
      });
      const seen = await untilAvailable(id, what);
      return { ...seen, notes: pendingNotes(await describe(id)) };
    },

    async delete(id, state) {
      const instance = await describe(id);
      if (instance === undefined) return;
      const identifier = instance.DBInstanceIdentifier ?? "";
      const what = `deleting RDS DB Instance (${identifier})`;
      const skip = state["skipFinalSnapshot"] === true;
      const final = state["finalSnapshotIdentifier"];
      if (!skip && typeof final !== "string") {
        throw new ProviderError(`${what}: final_snapshot_identifier is required when skip_final_snapshot is false`);
      }
      await doing(what, () =>
        unlessGone(["DBInstanceNotFound"], () =>
          rds.DeleteDBInstance({
            DBInstanceIdentifier: identifier,
            SkipFinalSnapshot: skip,
            ...(skip ? {} : { FinalDBSnapshotIdentifier: String(final) }),
            DeleteAutomatedBackups: state["deleteAutomatedBackups"] !== false,
          }),
        ),
      );
      await rdsState.settled(id);
      const left = await describe(id);
      if (left === undefined) return;
      throw new ProviderError(`${what}: waiting for completion: unexpected state '${left.DBInstanceStatus ?? ""}'`);
    },
  };
}

function newInstance(inputs: Inputs): Parameters<Services["rds"]["CreateDBInstance"]>[0] {
  return {
    DBInstanceIdentifier: inputs.identifier,
    Engine: inputs.engine,
    EngineVersion: inputs.engineVersion,
    DBName: inputs.dbName,
    MasterUsername: inputs.username,
    MasterUserPassword: inputs.password,
    StorageEncrypted: inputs.storageEncrypted,
    KmsKeyId: inputs.kmsKeyId,
    DBSubnetGroupName: inputs.dbSubnetGroupName,
    AvailabilityZone: inputs.availabilityZone,
    Port: inputs.port,
    ...settings(inputs),
    EnableCloudwatchLogsExports: inputs.enabledCloudwatchLogsExports,
    Tags: tagEntries(inputs.tags),
  };
}

/** What the restore call takes. There is no password among it: credentials come from the snapshot. */
function restoredInstance(inputs: Inputs, snapshot: string): RestoreDBInstanceFromDBSnapshotMessage {
  return {
    DBInstanceIdentifier: inputs.identifier,
    DBSnapshotIdentifier: snapshot,
    DBInstanceClass: inputs.instanceClass,
    Engine: inputs.engine,
    DBSubnetGroupName: inputs.dbSubnetGroupName,
    AvailabilityZone: inputs.availabilityZone,
    Port: inputs.port,
    MultiAZ: inputs.multiAz,
    PubliclyAccessible: inputs.publiclyAccessible,
    AutoMinorVersionUpgrade: inputs.autoMinorVersionUpgrade,
    CopyTagsToSnapshot: inputs.copyTagsToSnapshot,
    DeletionProtection: inputs.deletionProtection,
    EnableIAMDatabaseAuthentication: inputs.iamDatabaseAuthenticationEnabled,
    EnableCloudwatchLogsExports: inputs.enabledCloudwatchLogsExports,
    DBParameterGroupName: inputs.parameterGroupName,
    OptionGroupName: inputs.optionGroupName,
    LicenseModel: inputs.licenseModel,
    NetworkType: inputs.networkType,
    VpcSecurityGroupIds: inputs.vpcSecurityGroupIds,
    BackupRetentionPeriod: inputs.backupRetentionPeriod,
    Tags: tagEntries(inputs.tags),
  };
}

/** What is changed once a restored instance is there. */
function afterRestore(inputs: Inputs): Omit<ModifyDBInstanceMessage, "DBInstanceIdentifier"> {
  return {
    AllocatedStorage: inputs.allocatedStorage,
    MaxAllocatedStorage: inputs.maxAllocatedStorage,
    StorageType: inputs.storageType,
    Iops: inputs.iops,
    StorageThroughput: inputs.storageThroughput,
    PreferredBackupWindow: inputs.backupWindow,
    PreferredMaintenanceWindow: inputs.maintenanceWindow,
    CACertificateIdentifier: inputs.caCertIdentifier,
    MonitoringInterval: inputs.monitoringInterval,
    MonitoringRoleArn: inputs.monitoringRoleArn,
    EnablePerformanceInsights: inputs.performanceInsightsEnabled,
    PerformanceInsightsKMSKeyId: inputs.performanceInsightsKmsKeyId,
    PerformanceInsightsRetentionPeriod: inputs.performanceInsightsRetentionPeriod,
    EngineVersion: inputs.engineVersion,
    MasterUserPassword: inputs.password,
  };
}

/** Everything that both making and changing an instance can set. */
function settings(inputs: Inputs): Omit<ModifyDBInstanceMessage, "DBInstanceIdentifier"> & { DBInstanceClass: string } {
  return {
    DBInstanceClass: inputs.instanceClass,
    AllocatedStorage: inputs.allocatedStorage,
    MaxAllocatedStorage: inputs.maxAllocatedStorage,
    StorageType: inputs.storageType,
    Iops: inputs.iops,
    StorageThroughput: inputs.storageThroughput,
    MultiAZ: inputs.multiAz,
    BackupRetentionPeriod: inputs.backupRetentionPeriod,
    PreferredBackupWindow: inputs.backupWindow,
    PreferredMaintenanceWindow: inputs.maintenanceWindow,
    AutoMinorVersionUpgrade: inputs.autoMinorVersionUpgrade,
    CopyTagsToSnapshot: inputs.copyTagsToSnapshot,
    DeletionProtection: inputs.deletionProtection,
    PubliclyAccessible: inputs.publiclyAccessible,
    EnableIAMDatabaseAuthentication: inputs.iamDatabaseAuthenticationEnabled,
    DBParameterGroupName: inputs.parameterGroupName,
    OptionGroupName: inputs.optionGroupName,
    CACertificateIdentifier: inputs.caCertIdentifier,
    MonitoringInterval: inputs.monitoringInterval,
    MonitoringRoleArn: inputs.monitoringRoleArn,
    EnablePerformanceInsights: inputs.performanceInsightsEnabled,
    PerformanceInsightsRetentionPeriod: inputs.performanceInsightsRetentionPeriod,
    PerformanceInsightsKMSKeyId: inputs.performanceInsightsKmsKeyId,
    LicenseModel: inputs.licenseModel,
    NetworkType: inputs.networkType,
    VpcSecurityGroupIds: inputs.vpcSecurityGroupIds,
  };
}

/** Exported logs change by what to switch on and off. */
function logExports(
  { enabledCloudwatchLogsExports: wanted }: Inputs,
  before: DBInstance | undefined,
): Pick<ModifyDBInstanceMessage, "CloudwatchLogsExportConfiguration"> {
  if (wanted === undefined) return {};
  const current = before?.EnabledCloudwatchLogsExports ?? [];
  return {
    CloudwatchLogsExportConfiguration: {
      EnableLogTypes: wanted,
      DisableLogTypes: current.filter((log) => !wanted.includes(log)),
    },
  };
}
