import { AwsError } from "../errors";
import { inRange } from "../elb/limits";
import {
  BACKUP_RETENTION_DAYS,
  BACKUP_WINDOW,
  INSTANCE_CLASS,
  LOG_EXPORTS,
  MAINTENANCE_WINDOW,
  STORAGE_TYPES,
} from "./limits";
import { type Instance, type InstanceSettings } from "./records";
import { type RdsState } from "./state";

/** Settings as the APIs take them: some, or none. */
export type GivenSettings = { readonly [K in keyof InstanceSettings]?: InstanceSettings[K] | undefined };

/** Which settings wait for the maintenance window unless they are to be applied immediately. */
const WAITING: ReadonlySet<keyof InstanceSettings> = new Set([
  "DBInstanceClass",
  "AllocatedStorage",
  "StorageType",
  "Iops",
  "StorageThroughput",
  "MultiAZ",
  "EnableIAMDatabaseAuthentication",
  "OptionGroupName",
  "CACertificateIdentifier",
  "LicenseModel",
  "NetworkType",
]);

const NAMES: readonly (keyof InstanceSettings)[] = [
  ...WAITING,
  "MaxAllocatedStorage",
  "BackupRetentionPeriod",
  "PreferredBackupWindow",
  "PreferredMaintenanceWindow",
  "AutoMinorVersionUpgrade",
  "CopyTagsToSnapshot",
  "DeletionProtection",
  "PubliclyAccessible",
  "DBParameterGroupName",
  "MonitoringInterval",
  "MonitoringRoleArn",
  "EnablePerformanceInsights",
  "PerformanceInsightsRetentionPeriod",
  "PerformanceInsightsKMSKeyId",
  "EnableCloudwatchLogsExports",
  "VpcSecurityGroupIds",
];

/** What RDS takes where nothing is said (facts/aws.md 4). `defaults` are those that depend on the engine and the VPC. */
export function defaultSettings(major: string, securityGroupId: string): InstanceSettings {
  return {
    DBInstanceClass: "",
    AllocatedStorage: 0,
    MaxAllocatedStorage: 0,
    StorageType: "gp2",
    Iops: 0,
    StorageThroughput: 0,
    MultiAZ: false,
    BackupRetentionPeriod: 1,
    PreferredBackupWindow: "02:00-02:30",
    PreferredMaintenanceWindow: "sun:04:00-sun:04:30",
    AutoMinorVersionUpgrade: true,
    CopyTagsToSnapshot: false,
    DeletionProtection: false,
    PubliclyAccessible: false,
    EnableIAMDatabaseAuthentication: false,
    DBParameterGroupName: `default.postgres${major}`,
    OptionGroupName: `default:postgres-${major}`,
    CACertificateIdentifier: "rds-ca-rsa2048-g1",
    MonitoringInterval: 0,
    MonitoringRoleArn: "",
    EnablePerformanceInsights: false,
    PerformanceInsightsRetentionPeriod: 0,
    PerformanceInsightsKMSKeyId: "",
    EnableCloudwatchLogsExports: [],
    VpcSecurityGroupIds: [securityGroupId],
    LicenseModel: "postgresql-license",
    NetworkType: "IPV4",
  };
}

/** Only what was given. */
export function given(input: GivenSettings): Partial<InstanceSettings> {
  const entries = NAMES.map((name) => [name, input[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * Which changes happen now and which wait for the maintenance window. Turning automated backups on or off waits;
 * changing a retention from days to other days does not.
 */
export function split(
  before: InstanceSettings,
  changes: Partial<InstanceSettings>,
  immediately: boolean,
): { readonly now: Partial<InstanceSettings>; readonly later: Partial<InstanceSettings> } {
  const waits = (name: keyof InstanceSettings): boolean => {
    if (immediately) return false;
    if (name !== "BackupRetentionPeriod") return WAITING.has(name);
    return (before.BackupRetentionPeriod === 0) !== (changes.BackupRetentionPeriod === 0);
  };
  const changed = NAMES.filter(
    (name) => changes[name] !== undefined && JSON.stringify(changes[name]) !== JSON.stringify(before[name]),
  );
  const pick = (names: readonly (keyof InstanceSettings)[]): Partial<InstanceSettings> =>
    Object.fromEntries(names.map((name) => [name, changes[name]]));
  return { now: pick(changed.filter((name) => !waits(name))), later: pick(changed.filter(waits)) };
}

/** Refuses settings that RDS refuses. @throws AwsError */
export function checkSettings(
  state: RdsState,
  settings: InstanceSettings,
  place: Pick<Instance, "vpcId" | "engineVersion">,
): void {
  const invalid = (name: string, value: string | number, expected: string): AwsError =>
    new AwsError("InvalidParameterValue", `Invalid ${name}: '${value}'. Expected ${expected}.`);
  if (!INSTANCE_CLASS.test(settings.DBInstanceClass)) {
    throw invalid("DB Instance class", settings.DBInstanceClass, "one as 'db.m6g.large'");
  }
  if (!inRange(settings.AllocatedStorage, { minimum: 5, maximum: 65_536 })) {
    throw invalid("storage size", settings.AllocatedStorage, "5 to 65536 GiB");
  }
  if (settings.MaxAllocatedStorage !== 0 && settings.MaxAllocatedStorage <= settings.AllocatedStorage) {
    throw invalid("max storage size", settings.MaxAllocatedStorage, `more than ${settings.AllocatedStorage} GiB`);
  }
  if (!STORAGE_TYPES.some((known) => known === settings.StorageType)) {
    throw invalid("storage type", settings.StorageType, STORAGE_TYPES.join(", "));
  }
  if (!inRange(settings.BackupRetentionPeriod, BACKUP_RETENTION_DAYS)) {
    throw invalid("backup retention period", settings.BackupRetentionPeriod, "0 to 35 days");
  }
  if (!BACKUP_WINDOW.test(settings.PreferredBackupWindow)) {
    throw invalid("backup window", settings.PreferredBackupWindow, "'hh24:mi-hh24:mi'");
  }
  if (!MAINTENANCE_WINDOW.test(settings.PreferredMaintenanceWindow)) {
    throw invalid("maintenance window", settings.PreferredMaintenanceWindow, "'ddd:hh24:mi-ddd:hh24:mi'");
  }
  const unknownLog = settings.EnableCloudwatchLogsExports.find((log) => !LOG_EXPORTS.some((known) => known === log));
  if (unknownLog !== undefined) throw invalid("log type", unknownLog, LOG_EXPORTS.join(", "));
  if (![0, 1, 5, 10, 15, 30, 60].includes(settings.MonitoringInterval)) {
    throw invalid("monitoring interval", settings.MonitoringInterval, "0, 1, 5, 10, 15, 30 or 60 s");
  }
  if (settings.MonitoringInterval > 0 && settings.MonitoringRoleArn === "") {
    throw new AwsError(
      "InvalidParameterCombination",
      "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
    );
  }
  for (const id of settings.VpcSecurityGroupIds) {
    if (state.options.network.securityGroups.get(id)?.vpcId === place.vpcId) continue;
    throw new AwsError("InvalidParameterValue", `The security group ${id} does not exist in VPC ${place.vpcId}.`);
  }
  checkParameterGroup(state, settings.DBParameterGroupName, place.engineVersion);
}

function checkParameterGroup(state: RdsState, name: string, engineVersion: string): void {
  const family = `postgres${majorOf(engineVersion)}`;
  if (name === `default.${family}`) return;
  const group = state.parameterGroup(name);
  if (group.family === family) return;
  throw new AwsError(
    "InvalidParameterCombination",
    `The Parameter Group ${name} with DBParameterGroupFamily ${group.family} can't be used for this instance. ` +
      `Please use a Parameter Group with DBParameterGroupFamily ${family}`,
  );
}

/** `15` of `15.18`. */
export function majorOf(engineVersion: string): string {
  return engineVersion.split(".")[0] ?? engineVersion;
}
