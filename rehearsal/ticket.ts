import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { programDigest } from "../checks/programDigest";
import { readStackFile } from "../checks/stackFile";
import { headOf } from "../migration/recordFormat";
import { misfitsOf, rehearsedOf, renderTicket, settingsDigest, type Ticket } from "../migration/ticket";
import { recordOf } from "../pilot/stackState";
import { viewOf } from "../pilot/standing";
import { type Rehearsal } from "./rehearsal";

/** Digest of the program in this checkout. */
export async function programHere(): Promise<string> {
  return programDigest(resolve(__dirname, ".."));
}

/**
 * The ticket of a rehearsal that held: what `rehearsal.file` of production's settings names.
 *
 * @param program digest at the beginning of the run: what changed meanwhile was not rehearsed
 * @returns undefined when the scenario did not go the whole way with a rollback in it, and so says too little
 */
export async function ticketOf(rehearsal: Rehearsal, scenario: string, program: string): Promise<Ticket | undefined> {
  const { settings, state } = await viewOf(rehearsal.stack);
  const record = recordOf(state) ?? { entries: [] };
  const load = await rehearsal.loadSnapshot();
  const { raw } = await readStackFile({ folder: rehearsal.stack.folder, stack: rehearsal.stack.name });
  const rehearsed = rehearsedOf(settings);
  const now = new Date();
  const ticket: Ticket = {
    version: 1,
    at: now.toISOString(),
    of: `rehearsal ${scenario}`,
    program,
    settings: settingsDigest(raw),
    rehearsed,
    stages: record.entries.map(({ stage }) => stage),
    requests: { sent: load.sent, failed: load.failed },
    record: headOf(record),
  };
  return misfitsOf(ticket, { program, rehearsed, maximumAgeDays: 1 }, now).length === 0 ? ticket : undefined;
}

/** Writes `ticket.json` and returns its path. */
export async function writeTicket(folder: string, ticket: Ticket): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "ticket.json");
  await writeFile(path, renderTicket(ticket));
  return path;
}
