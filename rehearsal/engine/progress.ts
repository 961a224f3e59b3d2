/** Takes one line of progress, without a line end. */
export type Report = (line: string) => void;

/** Whole seconds since a moment of `performance.now()`. */
export function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1000);
}

/**
 * Runs `body` and reports `text()` with the elapsed seconds all the while, so that no step of minutes is silent.
 *
 * @param everySeconds the pause between two lines; 10 at most, by the promise to users
 */
export async function withProgress<T>(
  report: Report,
  everySeconds: number,
  text: () => string,
  body: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const timer = setInterval(() => report(`${text()} (${secondsSince(start)} s)`), everySeconds * 1000);
  try {
    return await body();
  } finally {
    clearInterval(timer);
  }
}
