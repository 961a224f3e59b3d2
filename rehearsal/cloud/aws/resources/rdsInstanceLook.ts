import type { DBInstance } from "@aws-sdk/client-rds";
import { tagsOf } from "../tags";
import { type Look } from "./handler";

/**
 * An instance as the provider reads it. `latestRestorableTime` is left out: it is another one at every look, so every
 * refresh would show a change.
 */
export function liveInstance(instance: DBInstance, region: string): Look {
  const { Endpoint: endpoint } = instance;
  return {
    inputs: {
      identifier: instance.DBInstanceIdentifier,
      instanceClass: instance.DBInstanceClass,
      allocatedStorage: instance.AllocatedStorage,
      maxAllocatedStorage: instance.MaxAllocatedStorage ?? 0,
      storageType: instance.StorageType,
      iops: instance.Iops ?? 0,
      storageThroughput: instance.StorageThroughput,
      storageEncrypted: instance.StorageEncrypted,
      kmsKeyId: instance.KmsKeyId,
      multiAz: instance.MultiAZ,
      availabilityZone: instance.AvailabilityZone,
      backupRetentionPeriod: instance.BackupRetentionPeriod,
      backupWindow: instance.PreferredBackupWindow,
      maintenanceWindow: instance.PreferredMaintenanceWindow,
      autoMinorVersionUpgrade: instance.AutoMinorVersionUpgrade,
      copyTagsToSnapshot: instance.CopyTagsToSnapshot,
      deletionProtection: instance.DeletionProtection,
      publiclyAccessible: instance.PubliclyAccessible,
      iamDatabaseAuthenticationEnabled: instance.IAMDatabaseAuthenticationEnabled,
      parameterGroupName: instance.DBParameterGroups?.[0]?.DBParameterGroupName,
      optionGroupName: instance.OptionGroupMemberships?.[0]?.OptionGroupName,
      caCertIdentifier: instance.CACertificateIdentifier,
      monitoringInterval: instance.MonitoringInterval,
      monitoringRoleArn: instance.MonitoringRoleArn ?? "",
      performanceInsightsEnabled: instance.PerformanceInsightsEnabled,
      performanceInsightsKmsKeyId: instance.PerformanceInsightsKMSKeyId ?? "",
      performanceInsightsRetentionPeriod: instance.PerformanceInsightsRetentionPeriod ?? 0,
      enabledCloudwatchLogsExports: instance.EnabledCloudwatchLogsExports,
      vpcSecurityGroupIds: (instance.VpcSecurityGroups ?? []).map(({ VpcSecurityGroupId }) => VpcSecurityGroupId),
      licenseModel: instance.LicenseModel,
      networkType: instance.NetworkType,
      engine: instance.Engine,
      engineVersion: instance.EngineVersion,
      username: instance.MasterUsername,
      dbName: instance.DBName,
      dbSubnetGroupName: instance.DBSubnetGroup?.DBSubnetGroupName,
      port: endpoint?.Port,
      tags: tagsOf(instance.TagList),
      region,
    },
    computed: {
      arn: instance.DBInstanceArn,
      address: endpoint?.Address,
      endpoint: endpoint === undefined ? undefined : `${endpoint.Address ?? ""}:${endpoint.Port ?? ""}`,
      hostedZoneId: endpoint?.HostedZoneId,
      engineVersionActual: instance.EngineVersion,
      resourceId: instance.DbiResourceId,
      status: instance.DBInstanceStatus,
      replicas: [],
      masterUserSecrets: [],
      listenerEndpoints: [],
    },
  };
}

/** What the operator should know after an update: changes that have not happened. */
export function pendingNotes(instance: DBInstance | undefined): readonly string[] {
  const pending = Object.entries(instance?.PendingModifiedValues ?? {}).filter(([, value]) => value !== undefined);
  const names = pending.map(([name]) => name).join(", ");
  const restart = instance?.DBParameterGroups?.[0]?.ParameterApplyStatus === "pending-reboot";
  return [
    ...(pending.length > 0
      ? [
          `${names} of ${instance?.DBInstanceIdentifier ?? ""} will change in the maintenance window ` +
            `(${instance?.PreferredMaintenanceWindow ?? ""} UTC), not now. To change it now set applyImmediately: true.`,
        ]
      : []),
    ...(restart ? ["The parameter group is attached; its values count from the next restart of the database on."] : []),
  ];
}
