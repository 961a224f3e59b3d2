import { setMaxListeners } from "node:events";
import { type CheckContext } from "./context";
import { CouldNotLook, unknownFinding, type CheckResult } from "./result";

/** Runs one check within its time limit. Whatever it throws, and silence as well, is the verdict `unknown`. */
export async function runWithin(
  check: string,
  limitSeconds: number,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<CheckResult>,
): Promise<CheckResult> {
  const limit = new AbortController();
  setMaxListeners(0, limit.signal);
  const end = (): void => limit.abort();
  const timer = setTimeout(end, limitSeconds * 1000);
  outer.addEventListener("abort", end, { once: true });
  // The check gets a moment to say itself what did not answer; it is not trusted to end.
  let grace: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_resolve, reject) => {
    limit.signal.addEventListener("abort", () => {
      grace = setTimeout(() => reject(tooSlow(check, limitSeconds)), GRACE_MS);
    });
  });
  if (outer.aborted) end();
  try {
    return await Promise.race([run(limit.signal), silent]);
  } catch (error) {
    return { check, verdict: "unknown", findings: [unknownFinding(check, error)], notes: [], evidence: {} };
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    outer.removeEventListener("abort", end);
  }
}

const GRACE_MS = 500;
/** Between two looks of a check that waits for something to settle. */
const AGAIN_MS = 2_000;

/**
 * Looks again until the check holds or the time is up, as long as everything that it found may pass by itself. What
 * does not pass (a wrong address, another version) is told at once.
 */
export async function untilSettled(
  waitSeconds: number,
  signal: AbortSignal,
  look: () => Promise<CheckResult>,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<CheckResult> {
  const end = Date.now() + waitSeconds * 1000;
  for (;;) {
    const result = await look();
    const passing = result.findings.length > 0 && result.findings.every((finding) => finding.transient === true);
    if (!passing || signal.aborted || Date.now() + AGAIN_MS > end) return result;
    await pause(AGAIN_MS);
  }
}

function tooSlow(check: string, limitSeconds: number): CouldNotLook {
  return new CouldNotLook(check, `no result within ${limitSeconds} s`, "look at which system is slow, then run again");
}

/** The context of one check: the same systems, its own signal. */
export function withSignal<T extends CheckContext>(context: T, signal: AbortSignal): T {
  return { ...context, signal };
}
