import { resolve } from "node:path";
import { callerIdentity, withinLimit } from "../checks/identity";
import { lastEntry } from "../migration/record";
import { EventLog } from "./events";
import { type MigrationStack } from "./migrationStack";
import { notifierOf } from "./notify";
import { type RollbackOutcome } from "./rollback";
import { viewOf } from "./standing";

/** What is written down and told once A has its requests may take so long, and no longer. */
const LIMIT_MS = 20_000;
const FLUSH_MS = 8_000;

/**
 * Writes a rollback that a person took into the events, and tells those who are told of events. Afterwards, beside the
 * outcome and never in its way: with the settings, the record folder or the endpoints gone it says so and that is all.
 */
export async function tellRollback(
  stack: MigrationStack,
  outcome: RollbackOutcome,
  say: (line: string) => void,
): Promise<void> {
  if (outcome.result === "refused") return;
  const told = withinLimit(
    tell(stack, outcome).then(() => true),
    LIMIT_MS,
  );
  if ((await told) !== true)
    say("The rollback could not be written into the pilot's events; the record has its entry.");
}

async function tell(stack: MigrationStack, outcome: RollbackOutcome): Promise<void> {
  const { settings, record } = await viewOf(stack);
  const by = await callerIdentity(settings.region);
  const log = new EventLog(resolve(stack.folder, settings.recordFolder), by, () => new Date());
  const { result, decidedAt, appliedAt, trouble } = outcome;
  const event = await log.append({
    event: "rollback",
    stage: lastEntry(record)?.from ?? "prepare",
    reasons: ["a person's decision", ...(trouble === undefined ? [] : [trouble.split("\n")[0] ?? ""])],
    result,
    decidedAt,
    ...(appliedAt === undefined ? {} : { appliedAt }),
  });
  const notifier = notifierOf(stack.name, settings, log);
  notifier.tell(event);
  await notifier.flush(FLUSH_MS);
}
