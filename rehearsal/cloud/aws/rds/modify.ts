import type { ModifyDBInstanceMessage } from "@aws-sdk/client-rds";
import { AwsError, notModelled } from "../errors";
import { identifierFault, passwordFault, versionNames } from "./limits";
import { type Instance, type InstanceSettings } from "./records";
import { checkSettings, given, split } from "./settings";
import { type RdsState } from "./state";

/** How long the first backup of an instance takes whose blocks are all there. */
export const FIRST_BACKUP_SECONDS = 120;
export const PORT = 5432;

/** Changes an instance, now or in the maintenance window. @throws AwsError for what RDS refuses */
export async function modifyInstance(state: RdsState, before: Instance, input: ModifyDBInstanceMessage): Promise<void> {
  const { ApplyImmediately: immediately = false, MasterUserPassword: password } = input;
  refuseUnmodelled(before, input);
  if (password !== undefined) refuse(passwordFault(password));
  const name = input.NewDBInstanceIdentifier ?? before.identifier;
  if (name !== before.identifier) {
    refuse(identifierFault("instance", name));
    refuseTaken(state, name);
  }
  const changes = given({ ...input, EnableCloudwatchLogsExports: logExports(before, input) });
  checkSettings(state, { ...before.settings, ...changes }, before);

  // Immediate application takes along what was waiting before.
  const { DBInstanceIdentifier: waitingName, ...waiting } = before.pending;
  const { now, later } = split(before.settings, immediately ? { ...waiting, ...changes } : changes, immediately);
  const newName = input.NewDBInstanceIdentifier ?? waitingName ?? before.identifier;
  if (password !== undefined) await serverOf(before).setPassword(before.masterUsername, password);
  apply(state, before, now, immediately ? newName : before.identifier);
  state.edit(before.resourceId, {
    pending: immediately
      ? {}
      : {
          ...without(waiting, Object.keys(changes)),
          ...later,
          ...(newName === before.identifier ? {} : { DBInstanceIdentifier: newName }),
        },
  });
}

/** What the maintenance window does: everything that waits, happens. */
export function applyPending(state: RdsState, identifier: string): void {
  const before = state.instance(identifier);
  const { DBInstanceIdentifier: name = identifier, ...settings } = before.pending;
  apply(state, before, settings, name);
  state.edit(before.resourceId, { pending: {} });
}

/** @throws AwsError `InvalidDBInstanceState` unless the instance is available */
export function refuseUnavailable({ identifier, status }: Instance): void {
  if (status === "available") return;
  throw new AwsError(
    "InvalidDBInstanceState",
    `Database instance ${identifier} is not in available state (it is ${status}).`,
  );
}

/** @throws AwsError `DBInstanceAlreadyExists` */
export function refuseTaken(state: RdsState, identifier: string): void {
  if (state.instances.has(identifier))
    throw new AwsError("DBInstanceAlreadyExists", `DB instance ${identifier} already exists`);
}

/** @throws AwsError `InvalidParameterValue` where there is a fault */
export function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new AwsError("InvalidParameterValue", fault);
}

function refuseUnmodelled(before: Instance, input: ModifyDBInstanceMessage): void {
  const { EngineVersion: version, DBPortNumber: port = PORT, DBSubnetGroupName: subnets } = input;
  if (version !== undefined && !versionNames(version, before.engineVersion)) {
    throw notModelled(
      `an upgrade of PostgreSQL from ${before.engineVersion} to ${version}`,
      `Its servers are all of version ${before.engineVersion}.`,
    );
  }
  if (port !== PORT) throw notModelled(`databases on port ${port}`, `Its servers listen on ${PORT}.`);
  const { AllocatedStorage: storage } = input;
  if (storage !== undefined && storage < before.settings.AllocatedStorage) {
    refuse(`The storage cannot be reduced from ${before.settings.AllocatedStorage} to ${storage} GiB.`);
  }
  if (subnets !== undefined && subnets !== before.subnetGroupName) {
    throw new AwsError(
      "InvalidVPCNetworkStateFault",
      `You cannot move DB instance ${before.identifier} to subnet group ${subnets}. ` +
        "The specified DB subnet group and DB instance are in the same VPC. Choose a DB subnet group in different VPC than the specified DB instance and try again.",
    );
  }
  if (input.ManageMasterUserPassword === true)
    throw notModelled("passwords kept by Secrets Manager", "Give a password.");
}

function apply(state: RdsState, before: Instance, changes: Partial<InstanceSettings>, identifier: string): void {
  const group = changes.DBParameterGroupName;
  state.edit(before.resourceId, {
    identifier,
    settings: { ...before.settings, ...changes },
    // The association changes at once, the values count from the next restart on.
    ...(group === undefined ? {} : { parameterApplyStatus: "pending-reboot" }),
  });
  if (before.settings.BackupRetentionPeriod > 0 || (changes.BackupRetentionPeriod ?? 0) === 0) return;
  state.edit(before.resourceId, { status: "backing-up" });
  state.background(before.resourceId, async () => {
    await state.wait(FIRST_BACKUP_SECONDS);
    state.edit(before.resourceId, { status: "available" });
  });
}

function logExports(before: Instance, input: ModifyDBInstanceMessage): readonly string[] | undefined {
  const change = input.CloudwatchLogsExportConfiguration;
  if (change === undefined) return undefined;
  const { EnableLogTypes: on = [], DisableLogTypes: off = [] } = change;
  return [...new Set([...before.settings.EnableCloudwatchLogsExports, ...on])].filter((log) => !off.includes(log));
}

function serverOf(instance: Instance): NonNullable<Instance["server"]> {
  if (instance.server?.running === true) return instance.server;
  throw new AwsError("InvalidDBInstanceState", `Database instance ${instance.identifier} has no running server.`);
}

function without<T extends object>(record: T, keys: readonly string[]): Partial<T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key))) as Partial<T>;
}
