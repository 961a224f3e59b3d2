import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { programCommit } from "../checks/identity";
import { programDigest } from "../checks/programDigest";
import { readStackFile } from "../checks/stackFile";
import { type MigrationRecord } from "../migration/record";
import { headOf } from "../migration/recordFormat";
import {
  misfitsOf,
  rehearsedOf,
  renderTicket,
  settingsDigest,
  type Ticket,
  type TicketMisfit,
} from "../migration/ticket";
import { type MigrationStack } from "./migrationStack";
import { viewOf } from "./standing";

/** A stack on real infrastructure as a rehearsal: the ticket, or what keeps it from being one. */
export type StackTicket =
  | { readonly kind: "ticket"; readonly ticket: Ticket }
  | { readonly kind: "none"; readonly misfits: readonly TicketMisfit[] };

/**
 * The ticket of a stack that went the whole way with a rollback in it, by the program of this checkout.
 *
 * A record names the commit of each entry: only when all of them are the one at hand, without changes, is it known that
 * the program at hand is what was rehearsed.
 */
export async function ticketOfStack(stack: MigrationStack, now: Date): Promise<StackTicket> {
  const { settings, record } = await viewOf(stack);
  const { raw } = await readStackFile({ folder: stack.folder, stack: stack.name });
  const [program, commit] = await Promise.all([programDigest(stack.folder), programCommit(stack.folder)]);
  const rehearsed = rehearsedOf(settings);
  const ticket: Ticket = {
    version: 1,
    at: record.entries.at(-1)?.at ?? now.toISOString(),
    of: `stack ${stack.name}`,
    program,
    settings: settingsDigest(raw),
    rehearsed,
    stages: record.entries.map(({ stage }) => stage),
    requests: null,
    record: headOf(record),
  };
  const misfits = [
    ...misfitsOf(ticket, { program, rehearsed, maximumAgeDays: MAXIMUM_AGE_DAYS }, now),
    ...otherPrograms(record, commit),
  ];
  return misfits.length === 0 ? { kind: "ticket", ticket } : { kind: "none", misfits };
}

/** Older than every setting allows. */
const MAXIMUM_AGE_DAYS = 90;

function otherPrograms({ entries }: MigrationRecord, commit: string): readonly TicketMisfit[] {
  const others = [...new Set(entries.map((entry) => entry.commit))].filter((other) => other !== commit);
  if (others.length === 0 && /^[0-9a-f]{7,}$/.test(commit)) return [];
  return [
    {
      seen: `entries made by ${[...new Set(entries.map((entry) => entry.commit))].join(", ")}, and ${commit} here`,
      expected: "all of them made by the one commit that is checked out here, without changes",
    },
  ];
}

export async function writeStackTicket(file: string, ticket: Ticket): Promise<string> {
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, renderTicket(ticket));
  return path;
}
