import { z } from "zod";
import { parse } from "../../checks/request";

/** What is to be copied, and how. Holds no secret. */
export interface CopyRequest {
  readonly stack: string;
  /** Number of the copy. */
  readonly copy: number;
  /** Address of database B where the program made it; else its connection string is a secret. */
  readonly databaseB?: ServerB | undefined;
  /** Major version that database B's settings name. */
  readonly major: number;
  /** Tables at a time, each with a connection to A and then to B. Streamed copies take one. */
  readonly jobs: number;
  /** Folder for the dump, which stays there as the safety copy; without one the data is streamed from A to B. */
  readonly folder?: string | undefined;
  /** Whether roles that grants name are made on B, without the right to log in; else they must be there. */
  readonly createRoles: boolean;
  /** Hours that all of it may take. */
  readonly limitHours: number;
  /** Size of database B's storage, where it is known. */
  readonly storageBytes?: number | undefined;
}

export interface ServerB {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly sslMode: string;
}

export const SERVER_B = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  database: z.string().min(1),
  username: z.string().min(1),
  sslMode: z.enum(["disable", "prefer", "require", "verify-ca", "verify-full"]),
});

const REQUEST: z.ZodType<CopyRequest> = z.strictObject({
  stack: z.string().min(1),
  copy: z.int().min(1),
  databaseB: SERVER_B.optional(),
  major: z.int().min(9),
  jobs: z.int().min(1).max(16),
  folder: z.string().min(1).optional(),
  createRoles: z.boolean(),
  limitHours: z.number().positive().max(24),
  storageBytes: z.number().positive().optional(),
});

/** @throws BadInput */
export function parseCopyRequest(text: string): CopyRequest {
  return parse(REQUEST, text, "{stack, copy, databaseB, major, jobs, folder, createRoles, limitHours, storageBytes}");
}
