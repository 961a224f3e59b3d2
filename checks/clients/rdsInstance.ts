import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { awsCouldNotLook, clientOptions, isNotFound } from "./aws";

/** One RDS instance, as far as a copy of it depends on it. */
export interface DatabaseInstance {
  readonly status: string;
  readonly engine: string;
  /** `15.8`. */
  readonly engineVersion: string;
  readonly encrypted: boolean;
  readonly allocatedStorageGiB: number | undefined;
}

/** Undefined when there is none of this identifier. @throws CouldNotLook */
export async function describeInstance(
  region: string,
  identifier: string,
  signal: AbortSignal,
): Promise<DatabaseInstance | undefined> {
  try {
    const client = new RDSClient(clientOptions(region));
    const command = new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier });
    const [found] = (await client.send(command, { abortSignal: signal })).DBInstances ?? [];
    return (
      found && {
        status: found.DBInstanceStatus ?? "unknown",
        engine: found.Engine ?? "unknown",
        engineVersion: found.EngineVersion ?? "unknown",
        encrypted: found.StorageEncrypted === true,
        allocatedStorageGiB: found.AllocatedStorage,
      }
    );
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw awsCouldNotLook(error, "rds:DescribeDBInstances", `RDS instance ${identifier}`);
  }
}
