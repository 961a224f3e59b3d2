import type { DBInstance, DBSnapshot, PendingModifiedValues } from "@aws-sdk/client-rds";
import { tagEntries } from "../tags";
import { type Instance, type Snapshot, type SubnetGroup } from "./records";
import { type RdsState } from "./state";

/** Zone of RDS's names in Route 53. */
const HOSTED_ZONE = "Z1RLNUO7B9Q6NB";
const PORT = 5432;
/** Automated backups let an instance be restored to about five minutes ago. */
const RESTORABLE_AGO_MS = 5 * 60_000;

/** An instance in the API's form. */
export function describeInstance(state: RdsState, instance: Instance): DBInstance {
  const { account } = state.options.network;
  const { settings, status, server } = instance;
  const reachable = server !== undefined;
  return {
    DBInstanceIdentifier: instance.identifier,
    DBInstanceArn: account.rdsArn("db", instance.identifier),
    DbiResourceId: instance.resourceId,
    Engine: "postgres",
    EngineVersion: instance.engineVersion,
    // A server that ended on its own is not what RDS would call available.
    DBInstanceStatus: status === "available" && server?.running !== true ? "stopped" : status,
    MasterUsername: instance.masterUsername,
    // RDS tells the name that was given when the instance was made, and none otherwise.
    DBName: instance.databaseName === "postgres" ? undefined : instance.databaseName,
    ...(reachable ? { Endpoint: { Address: instance.address, Port: PORT, HostedZoneId: HOSTED_ZONE } } : {}),
    InstanceCreateTime: instance.createdAt,
    AvailabilityZone: instance.zone,
    DBSubnetGroup: describeSubnets(state, state.subnetGroups.get(instance.subnetGroupName)),
    StorageEncrypted: instance.storageEncrypted,
    KmsKeyId: instance.kmsKeyId,
    DBInstanceClass: settings.DBInstanceClass,
    AllocatedStorage: settings.AllocatedStorage,
    MaxAllocatedStorage: settings.MaxAllocatedStorage === 0 ? undefined : settings.MaxAllocatedStorage,
    StorageType: settings.StorageType,
    Iops: settings.Iops === 0 ? undefined : settings.Iops,
    StorageThroughput: settings.StorageThroughput,
    MultiAZ: settings.MultiAZ,
    BackupRetentionPeriod: settings.BackupRetentionPeriod,
    PreferredBackupWindow: settings.PreferredBackupWindow,
    PreferredMaintenanceWindow: settings.PreferredMaintenanceWindow,
    LatestRestorableTime:
      settings.BackupRetentionPeriod > 0 && status === "available"
        ? new Date(Math.max(Date.now() - RESTORABLE_AGO_MS, instance.createdAt.getTime()))
        : undefined,
    AutoMinorVersionUpgrade: settings.AutoMinorVersionUpgrade,
    CopyTagsToSnapshot: settings.CopyTagsToSnapshot,
    DeletionProtection: settings.DeletionProtection,
    PubliclyAccessible: settings.PubliclyAccessible,
    IAMDatabaseAuthenticationEnabled: settings.EnableIAMDatabaseAuthentication,
    DBParameterGroups: [
      { DBParameterGroupName: settings.DBParameterGroupName, ParameterApplyStatus: instance.parameterApplyStatus },
    ],
    OptionGroupMemberships: [{ OptionGroupName: settings.OptionGroupName, Status: "in-sync" }],
    VpcSecurityGroups: settings.VpcSecurityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: "active" })),
    CACertificateIdentifier: settings.CACertificateIdentifier,
    MonitoringInterval: settings.MonitoringInterval,
    MonitoringRoleArn: settings.MonitoringRoleArn === "" ? undefined : settings.MonitoringRoleArn,
    PerformanceInsightsEnabled: settings.EnablePerformanceInsights,
    PerformanceInsightsRetentionPeriod: settings.EnablePerformanceInsights
      ? settings.PerformanceInsightsRetentionPeriod
      : undefined,
    PerformanceInsightsKMSKeyId: settings.EnablePerformanceInsights ? settings.PerformanceInsightsKMSKeyId : undefined,
    EnabledCloudwatchLogsExports: [...settings.EnableCloudwatchLogsExports],
    LicenseModel: settings.LicenseModel,
    NetworkType: settings.NetworkType,
    PendingModifiedValues: describePending(instance),
    TagList: tagEntries(instance.tags),
  };
}

/** A snapshot in the API's form. */
export function describeSnapshot(state: RdsState, snapshot: Snapshot): DBSnapshot {
  const { account } = state.options.network;
  const { settings } = snapshot;
  return {
    DBSnapshotIdentifier: snapshot.identifier,
    DBSnapshotArn: account.rdsArn("snapshot", snapshot.identifier),
    DBInstanceIdentifier: snapshot.instanceIdentifier,
    DbiResourceId: snapshot.instanceResourceId,
    InstanceCreateTime: snapshot.instanceCreatedAt,
    SnapshotCreateTime: snapshot.createdAt,
    OriginalSnapshotCreateTime: snapshot.createdAt,
    SnapshotType: "manual",
    SnapshotTarget: "region",
    Status: snapshot.status,
    PercentProgress: snapshot.status === "available" ? 100 : 0,
    Engine: "postgres",
    EngineVersion: snapshot.engineVersion,
    MasterUsername: snapshot.masterUsername,
    Port: PORT,
    AvailabilityZone: snapshot.zone,
    VpcId: snapshot.vpcId,
    Encrypted: snapshot.storageEncrypted,
    KmsKeyId: snapshot.kmsKeyId,
    AllocatedStorage: settings.AllocatedStorage,
    StorageType: settings.StorageType,
    Iops: settings.Iops === 0 ? undefined : settings.Iops,
    StorageThroughput: settings.StorageThroughput,
    LicenseModel: settings.LicenseModel,
    OptionGroupName: settings.OptionGroupName,
    IAMDatabaseAuthenticationEnabled: settings.EnableIAMDatabaseAuthentication,
    FullSnapshotSizeInBytes: snapshot.bytes,
    TagList: tagEntries(snapshot.tags),
  };
}

/** A subnet group in the API's form. */
export function describeSubnets(state: RdsState, group: SubnetGroup | undefined): DBInstance["DBSubnetGroup"] {
  if (group === undefined) return undefined;
  const { network } = state.options;
  return {
    DBSubnetGroupName: group.name,
    DBSubnetGroupDescription: group.description,
    DBSubnetGroupArn: network.account.rdsArn("subgrp", group.name),
    VpcId: group.vpcId,
    SubnetGroupStatus: "Complete",
    Subnets: group.subnetIds.map((id) => ({
      SubnetIdentifier: id,
      SubnetAvailabilityZone: { Name: network.subnets.get(id)?.zone },
      SubnetStatus: "Active",
    })),
    SupportedNetworkTypes: ["IPV4"],
  };
}

function describePending({ pending }: Instance): PendingModifiedValues {
  return {
    DBInstanceIdentifier: pending.DBInstanceIdentifier,
    DBInstanceClass: pending.DBInstanceClass,
    AllocatedStorage: pending.AllocatedStorage,
    StorageType: pending.StorageType,
    Iops: pending.Iops,
    StorageThroughput: pending.StorageThroughput,
    MultiAZ: pending.MultiAZ,
    BackupRetentionPeriod: pending.BackupRetentionPeriod,
    IAMDatabaseAuthenticationEnabled: pending.EnableIAMDatabaseAuthentication,
    CACertificateIdentifier: pending.CACertificateIdentifier,
    LicenseModel: pending.LicenseModel,
  };
}
