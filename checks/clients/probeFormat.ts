/** How a pod that connects from inside a cluster answers: one line an address, by its number, and one at the end. */

/** Name of the container, and the word that its command is known by. */
export const PROBE_NAME = "api7-probe";
export const PROBE_MARK = `${PROBE_NAME}:`;
/** Exit code of `timeout` when the time was up. */
export const TIMED_OUT = 124;

export interface ProbeAnswer {
  readonly number: number;
  /** Exit code of the connection: 0 stands, {@link TIMED_OUT} nobody answered. */
  readonly code: number;
  /** Addresses behind the name; empty when the name service knows none. */
  readonly addresses: readonly string[];
  readonly said: string;
}

const LINE = new RegExp(`${PROBE_MARK} (\\d+) (\\d+) (\\S+) ?(.*)$`);
const END = new RegExp(`${PROBE_MARK} end (\\d+)\\s*$`, "m");

export function answerLine({ number, code, addresses, said }: ProbeAnswer): string {
  return `${PROBE_MARK} ${number} ${code} ${addresses.length === 0 ? "-" : addresses.join(",")} ${said}`;
}

export function endLine(count: number): string {
  return `${PROBE_MARK} end ${count}`;
}

/** The answers in a log, by number; undefined when the pod did not come to its end. */
export function readProbeLog(log: string): ReadonlyMap<number, ProbeAnswer> | undefined {
  const answers = new Map<number, ProbeAnswer>();
  for (const line of log.split("\n")) {
    const match = LINE.exec(line);
    if (!match) continue;
    const [, number, code, found = "-", said = ""] = match;
    const addresses = found === "-" ? [] : found.split(",").filter((one) => one !== "");
    answers.set(Number(number), { number: Number(number), code: Number(code), addresses, said });
  }
  return Number(END.exec(log)?.[1] ?? -1) === answers.size ? answers : undefined;
}
