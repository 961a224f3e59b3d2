import { setTimeout as sleep } from "node:timers/promises";
import { type Client, escapeIdentifier } from "pg";
import { explain } from "../../checks/clients/postgresFailure";
import { rows } from "../copy/source";
import { connect, disconnect, targetOf, type DatabaseAddress } from "../server";
import { analyze, raiseSequences } from "./content";
import { proveRefused, setPassword, withdrawOthers } from "./credentials";

/**
 * What follows a restore, whichever its source, before anything may use database B: A's passwords are refused, sequences
 * are beyond every key, statistics are taken. That every block was read once (a restored RDS instance fetches each at its
 * first use, facts/aws.md 4) is left to the proof that follows: its fingerprint reads every row of every table.
 */
export interface FinishOptions {
  readonly a: DatabaseAddress;
  /** With the master user where the program made the server. */
  readonly b: DatabaseAddress;
  /** Whether the program made the server; a given one's roles belong to its owner. */
  readonly ownServer: boolean;
  /** The user that control plane B logs in as, with its new password, where it is another. */
  readonly application?: { readonly user: string; readonly password: string } | undefined;
  /** How long to wait until the new master password counts, in seconds: RDS sets it in the background. */
  readonly patienceSeconds: number;
  readonly signal: AbortSignal;
}

/** Nothing of it is secret. */
export interface FinishSummary {
  /** Users whose new password counts. */
  readonly rotated: readonly string[];
  /** Roles that came with A's password and have none any more. */
  readonly withdrawn: readonly string[];
  /** Users for whom A's password was tried and refused. */
  readonly refused: readonly string[];
  readonly sequences: { readonly count: number; readonly raised: readonly string[] };
}

const RETRY_MS = 2_000;

/** @throws CouldNotLook with what does not hold, and what to do */
export async function finishRestore(options: FinishOptions): Promise<FinishSummary> {
  const { a, b, application, ownServer, signal } = options;
  const owner = application === undefined ? b : { ...b, ...application };
  const users = [...new Set([b.user, owner.user])];
  try {
    const withdrawn = await using(await connectPatiently(options), async (master) => {
      if (!ownServer) return [];
      if (application !== undefined) {
        await setPassword(master, application.user, application.password);
        await letRead(master, b.user);
      }
      return withdrawOthers(master, users);
    });
    const refused = await proveRefused(a, b, users, signal);
    const sequences = await using(await connect(owner), async (client) => {
      const result = await raiseSequences(client);
      await analyze(client);
      return result;
    });
    return { rotated: ownServer ? users : [], withdrawn, refused, sequences };
  } catch (error) {
    throw explain(targetOf(b), error, signal);
  }
}

/** The checks read B as its master user, who owns nothing of the application's. */
async function letRead(master: Client, user: string): Promise<void> {
  const [may] = await rows<{ may: boolean }>(
    master,
    "select pg_has_role(current_user, 'pg_read_all_data', 'USAGE') as may",
  );
  if (may?.may !== true) await master.query(`grant pg_read_all_data to ${escapeIdentifier(user)}`);
}

async function connectPatiently({ b, patienceSeconds, signal }: FinishOptions): Promise<Client> {
  const until = Date.now() + patienceSeconds * 1000;
  for (;;) {
    try {
      return await connect(b);
    } catch (error) {
      const wrong = error instanceof Error && "code" in error && error.code === "28P01";
      if (!wrong || Date.now() >= until) throw error;
    }
    await sleep(RETRY_MS, undefined, { signal });
  }
}

async function using<T>(client: Client, run: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await run(client);
  } finally {
    await disconnect(client);
  }
}
