import { z } from "zod";
import { parse } from "../../checks/request";
import { SERVER_B, type ServerB } from "../copy/request";

/** Which database was filled, and whose passwords change. Holds no secret. */
export interface FinishRequest {
  /** Address of database B where the program made it, with its master user; else its connection string is a secret. */
  readonly databaseB?: ServerB | undefined;
  /** User that control plane B logs in as, where it is another than the master. */
  readonly applicationUser?: string | undefined;
  /** Number of the copy: with another one everything is done again. */
  readonly copy: number;
}

const REQUEST: z.ZodType<FinishRequest> = z.strictObject({
  databaseB: SERVER_B.optional(),
  applicationUser: z.string().min(1).optional(),
  copy: z.int().min(1),
});

/** @throws BadInput */
export function parseFinishRequest(text: string): FinishRequest {
  return parse(REQUEST, text, "{databaseB, applicationUser, copy}");
}
