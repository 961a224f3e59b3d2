import { z } from "zod";
import { SECRET_VARIABLES } from "../migration/gateRequest";
import { BadInput } from "../checks/request";
import { CouldNotLook } from "../checks/result";
import { type ServerB } from "./copy/request";
import { addressFromDsn, type DatabaseAddress } from "./server";

/**
 * Secrets come in environment variables. Over SSH they cannot: servers take no variables but those they were told of
 * (`AcceptEnv`). There they come with the request on standard input, as `{"secrets": {VARIABLE: value}, "request": ...}`.
 */
export interface OperationInput {
  readonly request: string;
  readonly secrets: NodeJS.ProcessEnv;
}

const WRAPPED = z.strictObject({ secrets: z.record(z.string(), z.string()), request: z.unknown() });

/** @throws BadInput */
export function readInput(stdin: string, environment: NodeJS.ProcessEnv = process.env): OperationInput {
  let json: unknown;
  try {
    json = JSON.parse(stdin);
  } catch {
    throw new BadInput(`Standard input is not JSON (${stdin.length} characters).`);
  }
  const wrapped = WRAPPED.safeParse(json);
  if (!wrapped.success) return { request: stdin, secrets: environment };
  return { request: JSON.stringify(wrapped.data.request), secrets: { ...environment, ...wrapped.data.secrets } };
}

/** @throws CouldNotLook when the secret is missing */
export function secretOf(secrets: NodeJS.ProcessEnv, name: keyof typeof SECRET_VARIABLES, what: string): string {
  const variable = SECRET_VARIABLES[name];
  const value = secrets[variable];
  if (value !== undefined && value !== "") return value;
  throw new CouldNotLook(`environment variable ${variable}`, "it is not set", `hand ${what} to the command in it`, {
    lasting: true,
  });
}

/** Database A, by its secret connection string. @throws CouldNotLook */
export function databaseA(secrets: NodeJS.ProcessEnv): DatabaseAddress {
  return addressFromDsn("database A", secretOf(secrets, "databaseA", "the connection string of database A"));
}

/** Database B: at the address of the request, else by its own secret connection string. @throws CouldNotLook */
export function databaseB(secrets: NodeJS.ProcessEnv, server: ServerB | undefined): DatabaseAddress {
  if (server === undefined) {
    return addressFromDsn("database B", secretOf(secrets, "databaseBDsn", "the connection string of database B"));
  }
  const { host, port, database, username: user, sslMode } = server;
  const password = secretOf(secrets, "databaseBPassword", "the password of database B's user");
  return { label: "database B", host, port, database, user, password, sslMode };
}
