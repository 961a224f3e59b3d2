import { z } from "zod";
import { canonicalJson, sha256 } from "./recordEntry";
import { type RawConfig, type Settings } from "./settings";
import { shapeOf, wayUp, type Stage } from "./stages";

/**
 * The ticket: what a rehearsal leaves behind, and what production asks for before it leaves `prepare`. It says which
 * program was rehearsed, with which settings, up to where, and that the way back was taken.
 *
 * It is signed by its digest: that tells a ticket that was edited or cut off, not who wrote it.
 */

/** Settings that a rehearsal must share with production to say anything about it. */
export interface Rehearsed {
  /** API7 version. */
  readonly version: string;
  readonly trafficSteps: readonly number[];
  /** Where database B's data comes from: `snapshot` or `dump`. */
  readonly source: string;
}

export interface Ticket {
  readonly version: 1;
  /** When the rehearsal ended, ISO 8601. */
  readonly at: string;
  /** `rehearsal SCENARIO` on one computer, or `stack NAME`. */
  readonly of: string;
  /** SHA-256 over the program's files. */
  readonly program: string;
  /** SHA-256 over all plain settings of the rehearsal. */
  readonly settings: string;
  readonly rehearsed: Rehearsed;
  /** Stages in the order in which they were entered, the rollback among them. */
  readonly stages: readonly Stage[];
  /** Counted in the rehearsal; null where a stack's requests were not counted. */
  readonly requests: { readonly sent: number; readonly failed: number } | null;
  /** Check sum of the rehearsal's record. */
  readonly record: string;
}

/** What production demands of a ticket. */
export interface TicketDemand {
  /** SHA-256 over the files of the program that is about to run. */
  readonly program: string;
  readonly rehearsed: Rehearsed;
  readonly maximumAgeDays: number;
}

/** The text is no ticket, or not the one that was written. */
export class TicketError extends Error {
  override readonly name = "TicketError";
}

const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const SHAPE = z.strictObject({
  version: z.literal(1),
  at: z.iso.datetime(),
  of: z.string().min(1).max(200),
  program: HASH,
  settings: HASH,
  rehearsed: z.strictObject({
    version: z.string(),
    trafficSteps: z.array(z.int().min(1).max(100)).max(100),
    source: z.string(),
  }),
  stages: z.array(z.string().regex(/^[a-z]+(-\d{1,3})?$/)).max(1000),
  requests: z.strictObject({ sent: z.int().min(0), failed: z.int().min(0) }).nullable(),
  record: HASH,
  digest: HASH,
});

/** The ticket as text, with the digest over everything else in it. */
export function renderTicket(ticket: Ticket): string {
  return `${JSON.stringify({ ...ticket, digest: sha256(canonicalJson(ticket)) }, null, 2)}\n`;
}

/** @throws TicketError */
export function parseTicket(text: string): Ticket {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TicketError(`it is not JSON (${text.length} characters)`);
  }
  const parsed = SHAPE.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TicketError(`it has not the form of a ticket: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const { digest, ...ticket } = parsed.data;
  if (sha256(canonicalJson(ticket)) !== digest) throw new TicketError("its digest does not fit: it was changed");
  return ticket as Ticket;
}

export function rehearsedOf(settings: Pick<Settings, "version" | "trafficSteps" | "databaseB">): Rehearsed {
  return {
    version: settings.version,
    trafficSteps: settings.trafficSteps,
    source: settings.databaseB.source.kind,
  };
}

/** What changes on the way, and is no setting of the migration. */
const MOVES = ["stage", "override", "acknowledgeRollback", "emergencyChange"];

/** SHA-256 over the plain settings. Secrets are left out: a short one could be guessed from its digest. */
export function settingsDigest({ project, values, isSecret }: RawConfig): string {
  const moves = MOVES.map((key) => `${project}:${key}`);
  const plain = Object.entries(values).filter(([key]) => !moves.includes(key) && !isSecret(key));
  return sha256(canonicalJson(Object.fromEntries(plain)));
}

const DAY_MS = 86_400_000;

/** One thing that keeps a ticket from saying anything about the migration at hand. */
export interface TicketMisfit {
  readonly seen: string;
  readonly expected: string;
}

/** Everything that is wrong with a ticket; empty: production may leave `prepare` on it. */
export function misfitsOf(ticket: Ticket, demand: TicketDemand, now: Date): readonly TicketMisfit[] {
  const found: TicketMisfit[] = [];
  const ageDays = (now.getTime() - Date.parse(ticket.at)) / DAY_MS;
  if (ageDays > demand.maximumAgeDays) {
    found.push({
      seen: `a rehearsal of ${ticket.at}, ${Math.floor(ageDays)} days old`,
      expected: `one of the last ${demand.maximumAgeDays} days (setting rehearsal.maximumAgeDays)`,
    });
  }
  if (ageDays < -1) found.push({ seen: `a rehearsal of ${ticket.at}`, expected: "one that is over" });
  if (ticket.program !== demand.program) {
    found.push({
      seen: `a rehearsal of another program (${ticket.program.slice(0, 12)})`,
      expected: `the program that is about to run (${demand.program.slice(0, 12)})`,
    });
  }
  for (const key of ["version", "trafficSteps", "source"] as const) {
    const [was, is] = [ticket.rehearsed[key], demand.rehearsed[key]].map((value) => JSON.stringify(value));
    if (was !== is) found.push({ seen: `a rehearsal with ${key} ${was}`, expected: `${key} ${is}, as set here` });
  }
  const missing = wayUp(ticket.rehearsed.trafficSteps)
    .filter((stage) => stage !== "decommission")
    .filter((stage) => !ticket.stages.includes(stage));
  if (missing.length > 0) {
    found.push({ seen: `a rehearsal without ${missing.join(", ")}`, expected: "every stage up to complete" });
  }
  if (!hasForcedRollback(ticket.stages)) {
    found.push({ seen: "a rehearsal without a rollback", expected: "a rollback while B had requests" });
  }
  if (ticket.requests !== null && ticket.requests.failed > 0) {
    found.push({ seen: `a rehearsal in which ${ticket.requests.failed} requests failed`, expected: "none" });
  }
  return found;
}

/** A rollback while B had requests: from `start` there is nothing to bring back. */
function hasForcedRollback(stages: readonly Stage[]): boolean {
  return stages.some((stage, index) => {
    const before = stages[index - 1];
    return stage === "rollback" && before !== undefined && shapeOf(before).weightB > 0;
  });
}
