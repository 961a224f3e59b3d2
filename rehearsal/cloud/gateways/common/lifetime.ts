import { messageOf, type Log } from "./log";

const PARENT_POLL_MS = 1000;

/**
 * Ends this process soon after the one that started it, however that one ended: by the channel to it, when there is one,
 * and because an orphan gets another parent.
 */
export function endWithParent(): void {
  process.once("disconnect", () => process.exit(1));
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, PARENT_POLL_MS).unref();
}

/** Runs a pod's main function; what it throws ends the process with code 1 and its message in the log. */
export function runPod(log: Log, main: () => Promise<void>): void {
  endWithParent();
  main().catch((error: unknown) => {
    log("error", `failed to start: ${messageOf(error)}`);
    process.exit(1);
  });
}

/** Calls `stop` once, on the first SIGTERM or SIGQUIT (nginx's graceful stop), and exits when it is done. SIGINT exits at once. */
export function onStop(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const handler = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log("info", `${signal} received, shutting down`);
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log("error", `shutdown failed: ${messageOf(error)}`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", handler);
  process.on("SIGQUIT", handler);
  process.on("SIGINT", () => process.exit(130));
}
