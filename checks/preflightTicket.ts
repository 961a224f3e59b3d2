import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Inspection } from "../migration/inspection";
import { misfitsOf, parseTicket, TicketError } from "../migration/ticket";
import { programDigest } from "./programDigest";
import { CouldNotLook, textOf, type Report } from "./result";
import { isMissingFile } from "./missingFile";

/**
 * A rehearsal of this very program, fresh, with a rollback in it; or a named person's permission to go without.
 *
 * @param projectFolder folder of the program, that the ticket's path is relative to
 * @throws CouldNotLook
 */
export async function lookAtTicket(
  report: Report,
  demand: Inspection["rehearsal"],
  projectFolder: string,
  now: Date,
): Promise<void> {
  if (demand === undefined) {
    report.note("no rehearsal is demanded: setting rehearsal");
    return;
  }
  const { file, maximumAgeDays, rehearsed, without } = demand;
  if (without !== undefined) {
    report.addEvidence({ withoutRehearsal: without });
    report.note(`without a rehearsal, permitted by ${without.by}: ${without.reason}`);
    return;
  }
  const subject = `rehearsal ${file}`;
  const remedy =
    "npm run rehearse, and keep its ticket.json under this path; or, for a reason: " +
    `pulumi config set --path 'rehearsal.without.by' NAME && pulumi config set --path 'rehearsal.without.reason' WHY`;
  let program: string;
  try {
    program = await programDigest(projectFolder);
  } catch (error) {
    throw new CouldNotLook("the program's files", textOf(error), "run the gate in the project's folder", {
      lasting: true,
    });
  }
  try {
    const ticket = parseTicket(await readFile(resolve(projectFolder, file), "utf8"));
    report.addEvidence({ rehearsal: ticket });
    for (const misfit of misfitsOf(ticket, { program, rehearsed, maximumAgeDays }, now)) {
      report.finding({ subject, ...misfit, remedy });
    }
  } catch (error) {
    if (!(error instanceof TicketError) && !isMissingFile(error)) {
      throw new CouldNotLook(subject, textOf(error), remedy, { lasting: true });
    }
    const seen = error instanceof TicketError ? error.message : "there is no such file";
    report.finding({ subject, seen, expected: "the ticket of a rehearsal", remedy });
  }
}
