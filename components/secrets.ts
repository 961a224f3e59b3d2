import * as pulumi from "@pulumi/pulumi";
import { SECRET_VARIABLES } from "../migration/gateRequest";

/** The secrets that commands get, each in its own environment variable. */
export interface CommandSecrets {
  readonly databaseADsn: pulumi.Input<string>;
  /** Password of database B's master user, where the program makes the server. */
  readonly databaseBPassword?: pulumi.Input<string>;
  /** Password of the user that control plane B logs in as, where it is another. */
  readonly databaseBApplicationPassword?: pulumi.Input<string>;
  /** Connection string of database B, where it was there already. */
  readonly databaseBDsn?: pulumi.Input<string>;
  readonly controlPlaneToken: pulumi.Input<string>;
  /** Headers with which compared requests log in, as a JSON object. Not always given. */
  readonly testCredentials?: pulumi.Input<string>;
  /** Headers with which the metrics are asked for, by cluster, as a JSON object. Not always given. */
  readonly metricsCredentials?: pulumi.Input<string>;
}

/** What a command needs to log in on database B. */
export function databaseBSecrets({
  databaseBPassword,
  databaseBDsn,
}: CommandSecrets): Pick<CommandSecrets, "databaseBPassword" | "databaseBDsn"> {
  return {
    ...(databaseBPassword === undefined ? {} : { databaseBPassword }),
    ...(databaseBDsn === undefined ? {} : { databaseBDsn }),
  };
}

/**
 * The environment of a command. Each value is secret on its own: a map that is secret as a whole reaches resource hooks
 * as an unreadable Output (facts/pulumi.md 6).
 */
export function secretEnvironment(secrets: Partial<CommandSecrets>): Record<string, pulumi.Output<string>> {
  const variables: Readonly<Record<keyof CommandSecrets, string>> = {
    databaseADsn: SECRET_VARIABLES.databaseA,
    databaseBPassword: SECRET_VARIABLES.databaseBPassword,
    databaseBApplicationPassword: SECRET_VARIABLES.databaseBApplicationPassword,
    databaseBDsn: SECRET_VARIABLES.databaseBDsn,
    controlPlaneToken: SECRET_VARIABLES.controlPlaneToken,
    testCredentials: SECRET_VARIABLES.testCredentials,
    metricsCredentials: SECRET_VARIABLES.metricsCredentials,
  };
  const given = Object.entries(secrets) as [keyof CommandSecrets, pulumi.Input<string>][];
  return Object.fromEntries(given.map(([secret, value]) => [variables[secret], pulumi.secret(value)]));
}
