import { type PostgresServer, type PostgresServers } from "../../postgres";
import { type Tags } from "../tags";

/** What is needed of the PostgreSQL servers behind the instances. */
export type DatabaseServers = Pick<PostgresServers, "create" | "snapshot" | "restore">;
export type DatabaseServer = PostgresServer;

/** What ModifyDBInstance can change, by AWS's names. */
export interface InstanceSettings {
  readonly DBInstanceClass: string;
  /** GiB. */
  readonly AllocatedStorage: number;
  /** GiB; 0 for no autoscaling. */
  readonly MaxAllocatedStorage: number;
  readonly StorageType: string;
  readonly Iops: number;
  readonly StorageThroughput: number;
  readonly MultiAZ: boolean;
  /** Days; 0 for no automated backups. */
  readonly BackupRetentionPeriod: number;
  /** `hh24:mi-hh24:mi`, UTC. */
  readonly PreferredBackupWindow: string;
  /** `ddd:hh24:mi-ddd:hh24:mi`, UTC. */
  readonly PreferredMaintenanceWindow: string;
  readonly AutoMinorVersionUpgrade: boolean;
  readonly CopyTagsToSnapshot: boolean;
  readonly DeletionProtection: boolean;
  readonly PubliclyAccessible: boolean;
  readonly EnableIAMDatabaseAuthentication: boolean;
  readonly DBParameterGroupName: string;
  readonly OptionGroupName: string;
  readonly CACertificateIdentifier: string;
  readonly MonitoringInterval: number;
  readonly MonitoringRoleArn: string;
  readonly EnablePerformanceInsights: boolean;
  readonly PerformanceInsightsRetentionPeriod: number;
  readonly PerformanceInsightsKMSKeyId: string;
  readonly EnableCloudwatchLogsExports: readonly string[];
  readonly VpcSecurityGroupIds: readonly string[];
  readonly LicenseModel: string;
  readonly NetworkType: string;
}

export type InstanceStatus = "creating" | "backing-up" | "available" | "modifying" | "deleting" | "failed";

export interface Instance {
  readonly identifier: string;
  /** `db-...`: stays when the instance is renamed. */
  readonly resourceId: string;
  /** Loopback address; the port is 5432. */
  readonly address: string;
  /** As PostgreSQL itself says, e.g. `15.18`. */
  readonly engineVersion: string;
  readonly masterUsername: string;
  readonly databaseName: string;
  readonly subnetGroupName: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly storageEncrypted: boolean;
  readonly kmsKeyId?: string;
  readonly createdAt: Date;
  readonly status: InstanceStatus;
  readonly settings: InstanceSettings;
  /** Changes that wait for the maintenance window. */
  readonly pending: Partial<InstanceSettings> & { readonly DBInstanceIdentifier?: string };
  readonly parameterApplyStatus: "in-sync" | "pending-reboot";
  readonly tags: Tags;
  /** Absent while the instance is being made. */
  readonly server?: DatabaseServer;
}

export interface Snapshot {
  readonly identifier: string;
  readonly instanceIdentifier: string;
  readonly instanceResourceId: string;
  readonly instanceCreatedAt: Date;
  readonly engineVersion: string;
  readonly masterUsername: string;
  readonly databaseName: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly storageEncrypted: boolean;
  readonly kmsKeyId?: string;
  /** The instance's settings when the snapshot was taken. */
  readonly settings: InstanceSettings;
  readonly createdAt: Date;
  readonly status: "creating" | "available" | "failed";
  /** Size of the copied files. */
  readonly bytes: number;
  /** Holds the copied files. */
  readonly folder: string;
  readonly tags: Tags;
}

export interface SubnetGroup {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly tags: Tags;
}

export interface Parameter {
  readonly name: string;
  readonly value: string;
  readonly applyMethod: "immediate" | "pending-reboot";
}

export interface ParameterGroup {
  readonly name: string;
  /** As `postgres15`. */
  readonly family: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly tags: Tags;
}
