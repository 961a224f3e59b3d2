/** How figures and times read in a report. One dash stands for what was not measured. */

export const NOT_MEASURED = "–";

/** `2026-03-02 22:00:15`, UTC. */
export function timeText(at: string | undefined): string {
  return at === undefined ? NOT_MEASURED : `${at.slice(0, 10)} ${at.slice(11, 19)}`;
}

/** `48 h 3 min`, `12 min 5 s`, `2.4 s`: two units at most. */
export function durationText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return NOT_MEASURED;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function secondsBetween(from: string | undefined, to: string | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined;
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

export function countText(value: number | undefined): string {
  return value === undefined ? NOT_MEASURED : value.toLocaleString("en");
}

export function percentText(value: number | undefined, digits = 2): string {
  return value === undefined ? NOT_MEASURED : `${value.toFixed(digits)} %`;
}

export function msText(value: number | undefined): string {
  return value === undefined ? NOT_MEASURED : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** A verdict of a check, with a mark for those who skim. */
export function verdictText(verdict: string): string {
  const marks: Readonly<Record<string, string>> = {
    holds: "✓ holds",
    fails: "✗ fails",
    unknown: "? could not look",
  };
  return marks[verdict] ?? verdict;
}

/** First lines of a long text: the whole is in the events and in the evidence. */
export function short(text: string, most = 240): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length <= most ? flat : `${flat.slice(0, most - 1)}…`;
}
