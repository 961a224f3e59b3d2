import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type PilotEvent } from "../pilot/events";
import { type Told } from "../pilot/supervised";
import { type Rehearsal } from "./rehearsal";

/** `npm run pilot -- ... --stack NAME --json` as an operator starts it: a process of its own on the stack's project folder. */
export class PilotProcess {
  readonly events: PilotEvent[] = [];
  /** What it wrote on standard error. */
  said = "";
  private readonly listeners: ((event: PilotEvent) => void)[] = [];

  private constructor(private readonly child: ChildProcess) {}

  static start(rehearsal: Rehearsal, args: readonly string[]): PilotProcess {
    const child = spawnPilot(rehearsal, [...args, "--json"]);
    const pilot = new PilotProcess(child);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (pilot.said += text));
    if (child.stdout === null) throw new Error("the pilot's process has no standard output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const told = JSON.parse(line) as Told;
      if (told.kind !== "event") return;
      pilot.events.push(told.event);
      for (const listener of pilot.listeners) listener(told.event);
    });
    return pilot;
  }

  /** One command to its end, with all that it wrote, as people read it. */
  static async text(rehearsal: Rehearsal, args: readonly string[]): Promise<{ code: number; output: string }> {
    const child = spawnPilot(rehearsal, args);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? -1, output };
  }

  onEvent(listener: (event: PilotEvent) => void): void {
    this.listeners.push(listener);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Exit code; -1 when it was killed. */
  async ended(): Promise<number> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    if (this.child.signalCode !== null) return -1;
    const [code] = (await once(this.child, "exit")) as [number | null];
    return code ?? -1;
  }
}

function spawnPilot({ stack }: Rehearsal, args: readonly string[]): ChildProcess {
  const { path, environment } = stack.access;
  const main = join(__dirname, "..", "pilot", "main.ts");
  const PATH = [dirname(path), environment["PATH"] ?? process.env["PATH"] ?? ""].join(delimiter);
  const child = spawn(
    process.execPath,
    ["--import", "tsx", main, ...args, "--stack", stack.name, "--cwd", stack.folder],
    { env: { ...process.env, ...environment, PATH }, stdio: ["ignore", "pipe", "pipe"] },
  );
  // A rehearsal that ends early leaves no pilot behind: without its watcher the pilot's own process ends.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  return child;
}
