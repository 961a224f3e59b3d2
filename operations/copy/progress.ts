import { type SourcePlan } from "./source";

/** How far the programs have come, table by table, from what they say with `--verbose`. */

export type Phase = "dump" | "restore" | "indexes";

export interface Progress {
  readonly phase: Phase;
  /** The table that was begun; an index or constraint in the last phase. */
  readonly subject: string;
  /** How many were begun, this one included. */
  readonly begun: number;
  /** How many there are; unknown for indexes and constraints. */
  readonly total: number | undefined;
  /** Share of the bytes that was begun, 0-100; undefined for indexes and constraints. */
  readonly percent: number | undefined;
  /** Process of the program at work. */
  readonly pid: number;
}

const TABLE: Readonly<Record<"dump" | "restore", RegExp>> = {
  dump: /^pg_dump: dumping contents of table "(.*)"$/,
  restore: /^pg_restore: processing data for table "(.*)"$/,
};
const AFTER_DATA = /^pg_restore: creating (?:INDEX|CONSTRAINT|FK CONSTRAINT|TRIGGER) "(.*)"$/;

/** Reads lines of the programs and tells what began. */
export class ProgressReader {
  private readonly begun: Record<Phase, number> = { dump: 0, restore: 0, indexes: 0 };
  private readonly bytes: Record<Phase, number> = { dump: 0, restore: 0, indexes: 0 };
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly total: number;

  constructor(
    private readonly plan: Pick<SourcePlan, "tables">,
    private readonly tell: (progress: Progress) => void,
  ) {
    this.sizes = new Map(plan.tables.map(({ name, bytes }) => [name, bytes]));
    this.total = plan.tables.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  read(line: string, pid: number): void {
    for (const phase of ["dump", "restore"] as const) {
      const table = TABLE[phase].exec(line)?.[1];
      if (table !== undefined) this.add(phase, table, pid);
    }
    const index = AFTER_DATA.exec(line)?.[1];
    if (index !== undefined) this.add("indexes", index, pid);
  }

  private add(phase: Phase, subject: string, pid: number): void {
    this.begun[phase] += 1;
    this.bytes[phase] += this.sizes.get(subject) ?? 0;
    const counted = phase !== "indexes";
    this.tell({
      phase,
      subject,
      begun: this.begun[phase],
      total: counted ? this.plan.tables.length : undefined,
      percent:
        counted && this.total > 0 ? Math.min(100, Math.round((100 * this.bytes[phase]) / this.total)) : undefined,
      pid,
    });
  }
}

const WORDS: Readonly<Record<Phase, string>> = { dump: "reading", restore: "writing", indexes: "building" };
/** What one line a table may come to: the engine keeps the output of a command in its state. */
const LINES_A_PHASE = 100;

/** Shows progress: one line that changes at a terminal, else one line each, every so many when there are many. */
export function progressPrinter(
  stream: Pick<NodeJS.WriteStream, "write" | "isTTY">,
  tables: number,
): { readonly show: (progress: Progress) => void; readonly end: () => void } {
  const every = Math.max(1, Math.ceil(tables / LINES_A_PHASE));
  const printed: Record<Phase, number> = { dump: 0, restore: 0, indexes: 0 };
  return {
    show: (progress) => {
      if (stream.isTTY) {
        stream.write(`\r\u001b[K${textOf(progress)}`);
        return;
      }
      if (progress.begun !== progress.total && (progress.begun - 1) % every !== 0) return;
      if (printed[progress.phase] > LINES_A_PHASE) return;
      printed[progress.phase] += 1;
      stream.write(`${textOf(progress)}\n`);
    },
    end: () => {
      if (stream.isTTY) stream.write("\r\u001b[K");
    },
  };
}

function textOf({ phase, subject, begun, total, percent }: Progress): string {
  const count = total === undefined ? String(begun) : `${begun} of ${total}`;
  return `${WORDS[phase]} ${subject.slice(0, 120)} (${count}${percent === undefined ? "" : `, ${percent} %`})`;
}
