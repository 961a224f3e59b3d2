import {
  BACKUP_RETENTION_DAYS,
  BACKUP_WINDOW,
  databaseNameFault,
  finalSnapshotFault,
  identifierFault,
  INSTANCE_CLASS,
  LOG_EXPORTS,
  MAINTENANCE_WINDOW,
  parameterGroupNameFault,
  passwordFault,
  STORAGE_TYPES,
  subnetGroupNameFault,
  usernameFault,
} from "../../../cloud/aws/rds/limits";
import { parameterKind } from "../../../cloud/aws/rds/parameters";
import { type Failure, type Props } from "../../framework";
import { among, asObject, demand, failure, given, list, number, text, texts, within } from "./read";

/** `aws.rds.Instance` beyond its schema. */
export function instanceFailures(news: Props): Failure[] {
  const restores = given(news, "snapshotIdentifier");
  return [
    ...textFailures(news, "identifier", (value) => identifierFault("instance", value)),
    ...textFailures(news, "password", passwordFault),
    ...textFailures(news, "finalSnapshotIdentifier", finalSnapshotFault),
    ...textFailures(news, "instanceClass", (value) =>
      INSTANCE_CLASS.test(value) ? undefined : `"${value}" must be as "db.m6g.large".`,
    ),
    ...textFailures(news, "backupWindow", (value) =>
      BACKUP_WINDOW.test(value) ? undefined : `"${value}" must be as "02:00-02:30".`,
    ),
    ...textFailures(news, "maintenanceWindow", (value) =>
      MAINTENANCE_WINDOW.test(value.toLowerCase()) ? undefined : `"${value}" must be as "sun:04:00-sun:04:30".`,
    ),
    ...within(news, "backupRetentionPeriod", BACKUP_RETENTION_DAYS),
    ...within(news, "allocatedStorage", { minimum: 5, maximum: 65_536 }),
    ...storageFailures(news),
    ...among(news, "storageType", STORAGE_TYPES),
    ...among(news, "engine", ["postgres"]),
    ...texts(news, "enabledCloudwatchLogsExports").flatMap((log) =>
      demand(
        LOG_EXPORTS.some((known) => known === log),
        "enabledCloudwatchLogsExports",
        `"${log}" must be one of ${LOG_EXPORTS.join(", ")}.`,
      ),
    ),
    ...(restores ? restoreFailures(news) : creationFailures(news)),
  ];
}

/** What comes from the snapshot cannot be given beside it. */
function restoreFailures(news: Props): Failure[] {
  return [
    ...demand(
      !given(news, "username"),
      "username",
      "A restored instance has the master user of its snapshot, and the restore call takes no other. Leave it out.",
    ),
    ...demand(
      !given(news, "dbName"),
      "dbName",
      "A restored PostgreSQL instance has the databases of its snapshot. Leave it out.",
    ),
  ];
}

function creationFailures(news: Props): Failure[] {
  const needed = ["engine", "allocatedStorage", "username", "password"].flatMap((key) =>
    demand(given(news, key), key, "A new instance needs it, unless snapshotIdentifier is given."),
  );
  return [
    ...needed,
    ...textFailures(news, "username", usernameFault),
    ...textFailures(news, "dbName", databaseNameFault),
  ];
}

function storageFailures(news: Props): Failure[] {
  const [allocated, maximum] = [number(news, "allocatedStorage"), number(news, "maxAllocatedStorage") ?? 0];
  return demand(
    maximum === 0 || allocated === undefined || maximum > allocated,
    "maxAllocatedStorage",
    `${maximum} must be more than allocatedStorage (${allocated ?? ""}), or 0.`,
  );
}

/** `aws.rds.Snapshot` beyond its schema. */
export function snapshotFailures(news: Props): Failure[] {
  return textFailures(news, "dbSnapshotIdentifier", (value) => identifierFault("snapshot", value));
}

/** `aws.rds.SnapshotCopy` beyond its schema. */
export function snapshotCopyFailures(news: Props): Failure[] {
  return [
    ...textFailures(news, "targetDbSnapshotIdentifier", (value) => identifierFault("snapshot", value)),
    ...textFailures(news, "kmsKeyId", (value) =>
      /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/./.test(value) ? undefined : `"${value}" is an invalid ARN.`,
    ),
  ];
}

/** `aws.rds.SubnetGroup` beyond its schema. */
export function subnetGroupFailures(news: Props): Failure[] {
  const subnets = list(news, "subnetIds");
  return [
    ...textFailures(news, "name", subnetGroupNameFault),
    ...demand(
      subnets === undefined || new Set(subnets).size >= 2,
      "subnetIds",
      "A subnet group needs subnets in at least two zones.",
    ),
  ];
}

/** `aws.rds.ParameterGroup` beyond its schema. */
export function parameterGroupFailures(news: Props): Failure[] {
  return [
    ...textFailures(news, "name", parameterGroupNameFault),
    ...textFailures(news, "family", (value) =>
      /^postgres\d+$/.test(value) ? undefined : `"${value}" must be as "postgres15".`,
    ),
    ...(list(news, "parameters") ?? []).flatMap((entry, index) =>
      parameterFailures(asObject(entry) ?? {}, `parameters[${index}]`),
    ),
  ];
}

function parameterFailures(parameter: Props, path: string): Failure[] {
  const name = text(parameter, "name");
  const method = given(parameter, "applyMethod") ? text(parameter, "applyMethod") : "immediate";
  const kind = name === undefined ? undefined : parameterKind(name);
  return [
    ...demand(name === undefined || kind !== undefined, `${path}.name`, `"${name ?? ""}" is no known parameter.`),
    ...among(parameter, "applyMethod", ["immediate", "pending-reboot"], `${path}.applyMethod`),
    ...demand(
      kind !== "static" || method !== "immediate",
      `${path}.applyMethod`,
      `"${name ?? ""}" is a static parameter: give applyMethod "pending-reboot".`,
    ),
  ];
}

function textFailures(news: Props, key: string, fault: (value: string) => string | undefined): Failure[] {
  const value = text(news, key);
  return value === undefined ? [] : failure(key, fault(value));
}
