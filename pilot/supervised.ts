import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { type PilotEvent } from "./events";
import { type PilotLook, type PilotOutcome } from "./pilot";

/**
 * The pilot runs in a process group of its own, so that Ctrl-C in the terminal reaches this process and neither the
 * engine nor its plugins: a step is finished, not torn.
 */

export interface RunRequest {
  readonly folder: string;
  readonly stack: string;
  readonly goal?: string | undefined;
  /** One step, then end. */
  readonly once: boolean;
}

/** What the pilot's process tells. Dates travel as text. */
export type Told =
  | { readonly kind: "look"; readonly look: PilotLook }
  | { readonly kind: "event"; readonly event: PilotEvent }
  | { readonly kind: "outcome"; readonly outcome: PilotOutcome }
  | { readonly kind: "failed"; readonly message: string };

export interface Supervision {
  readonly onTold: (told: Told) => void;
  readonly say: (line: string) => void;
}

export type Ended = PilotOutcome | { readonly kind: "failed"; readonly message: string } | { readonly kind: "left" };

/** Starts the pilot and shows what it tells, until it ends or is left alone by a second Ctrl-C. */
export async function superviseRun(request: RunRequest, { onTold, say }: Supervision): Promise<Ended> {
  const child = fork(join(__dirname, "process.ts"), [], {
    detached: true,
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  child.send(request);
  return new Promise((resolve) => {
    let ended: Ended | undefined;
    child.on("message", (message) => {
      const told = message as Told;
      onTold(told);
      if (told.kind === "outcome") ended = told.outcome;
      if (told.kind === "failed") ended = { kind: "failed", message: told.message };
    });
    child.once("exit", (code, signal) => {
      forget();
      resolve(
        ended ?? { kind: "failed", message: `the pilot's process ended: ${signal ?? `exit code ${code ?? "none"}`}` },
      );
    });
    const forget = onSignals(child, request, say, () => resolve({ kind: "left" }));
  });
}

function onSignals(child: ChildProcess, request: RunRequest, say: Supervision["say"], leave: () => void): () => void {
  let asked = false;
  const onSignal = (): void => {
    if (!asked) {
      asked = true;
      say("Ending: the step at hand is finished first. Again Ctrl-C stops watching and lets it run.");
      if (child.connected) child.send("end");
      return;
    }
    say(`No longer watching. Process ${child.pid ?? "?"} finishes the step at hand and ends.`);
    say(`Where it stands:  npm run pilot -- status --stack ${request.stack}`);
    say(`Back to A:        npm run rollback -- --stack ${request.stack}`);
    if (child.connected) child.disconnect();
    child.unref();
    leave();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
}
