import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { type MigrationScope } from "../../migration/gateRequest";
import { CouldNotLook } from "../result";
import { awsCouldNotLook, clientOptions, isNotFound } from "./aws";
import { targetFromParts, type DatabaseTarget } from "./databaseTarget";

/**
 * Database B as RDS knows it: found by its identifier, so that no address has to be handed over.
 * @param password of B's user, after the rotation
 * @throws CouldNotLook when it is missing or has no address yet
 */
export async function databaseB(
  scope: MigrationScope,
  instanceIdentifier: string,
  password: string,
  signal: AbortSignal,
): Promise<DatabaseTarget> {
  const { database, username, sslMode } = scope.databaseB;
  const subject = `database B (RDS instance ${instanceIdentifier})`;
  const { endpoint, status } = await describe(scope.region, instanceIdentifier, subject, signal);
  if (endpoint === undefined) {
    throw new CouldNotLook(subject, `no address yet, its status is ${status}`, "wait until the instance is available");
  }
  return targetFromParts("database B", { ...endpoint, database, user: username, password, sslMode });
}

async function describe(
  region: string,
  identifier: string,
  subject: string,
  signal: AbortSignal,
): Promise<{ readonly endpoint: { host: string; port: number } | undefined; readonly status: string }> {
  try {
    const client = new RDSClient(clientOptions(region));
    const answer = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }), {
      abortSignal: signal,
    });
    const instance = answer.DBInstances?.[0];
    const { Address: host, Port: port } = instance?.Endpoint ?? {};
    const endpoint = host === undefined || port === undefined ? undefined : { host, port };
    return { endpoint, status: instance?.DBInstanceStatus ?? "unknown" };
  } catch (error) {
    if (!isNotFound(error)) throw awsCouldNotLook(error, "rds:DescribeDBInstances", subject);
    throw new CouldNotLook(
      subject,
      "there is no such instance",
      "run `pulumi up` at stage restore, or correct the identifier and the region",
    );
  }
}
