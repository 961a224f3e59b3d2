export type Level = "debug" | "info" | "warn" | "error";

/** Writes one line a message to standard output or error; the runner keeps them as the pod's log. */
export interface Log {
  (level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The control plane's form: one JSON object a line. */
export function jsonLog(component: string): Log {
  return (level, message, fields) => {
    process.stdout.write(
      `${JSON.stringify({ level, ts: new Date().toISOString(), component, msg: message, ...fields })}\n`,
    );
  };
}

/** The gateway's form: nginx's error log. */
export function nginxLog(): Log {
  return (level, message) => {
    const time = new Date().toISOString().slice(0, 19).replaceAll("-", "/").replace("T", " ");
    process.stderr.write(`${time} [${level}] ${process.pid}#0: *1 [lua] ${message}\n`);
  };
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
