import { spawn } from "node:child_process";
import { join } from "node:path";
import { canonicalJson, renderRecord, type MigrationRecord } from "../migration/record";
import { gateRequestOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { type Stage } from "../migration/stages";
import { type GateLook } from "../checks/look";
import { type GateAnswer } from "./decide";
import { figuresIn, type Figures } from "./figures";

/** What `check -- gate --look` needs beside the request. */
export interface GateAccess {
  /** The folder that the gate's command runs in: the project's. */
  readonly folder: string;
  /** The gate's own environment, from the stack's state: it carries the secrets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** A traffic gate ends within 30 s; a proof of databases may take minutes. */
const LIMIT_MS = 45 * 60_000;
const SCRIPT = join(__dirname, "..", "checks", "cli.ts");

/**
 * What the gate would say now to the move to a stage. Records nothing. What could not be asked is `unknown`: never a pass.
 */
export async function askGate(
  settings: Settings,
  stage: Stage,
  record: MigrationRecord,
  access: GateAccess,
): Promise<GateAnswer> {
  const { code, stdout, stderr } = await run(
    canonicalJson(gateRequestOf({ ...settings, stage })),
    record.entries.length === 0 && record.folded === undefined ? "" : renderRecord(record),
    access,
  );
  const look = parse(stdout);
  if (look === undefined) {
    const findings = stderr.split("\n").filter((line) => line.trim() !== "");
    const said = findings.length > 0 ? findings : [`the gate ended with ${String(code)} and said nothing`];
    // A move that is not legal is answered on standard error alone.
    return {
      verdict: code === 1 ? "fails" : "unknown",
      checks: [{ name: "gate", verdict: "unknown", findings: said }],
    };
  }
  const opensAt = dateIn(look, "window", "next");
  const soakedAt = dateIn(look, "soak", "earliest");
  const judge = evidence(look, "judge", "judge");
  const figures = figuresOf(look);
  return {
    verdict: look.verdict,
    checks: look.results.map(({ check, verdict, findings }) => ({
      name: check,
      verdict,
      findings: findings.map(({ subject, seen, expected }) => `${subject}: ${seen}; expected ${expected}`),
    })),
    ...(judge === "go" || judge === "hold" || judge === "back" ? { judge } : {}),
    ...(figures === undefined ? {} : { figures }),
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(soakedAt === undefined ? {} : { soakedAt }),
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(request: string, record: string, access: GateAccess): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, "gate", "--look"], {
    cwd: access.folder,
    env: { ...process.env, ...access.environment, PULUMI_COMMAND_STDOUT: record },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    ...(access.signal === undefined ? {} : { signal: access.signal }),
  });
  const texts = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
  // A gate that ends before it read its request says so by its exit code.
  child.stdin.on("error", () => undefined);
  child.stdin.end(request);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, ...texts };
}

function parse(stdout: string): GateLook | undefined {
  try {
    const look: unknown = JSON.parse(stdout);
    return typeof look === "object" && look !== null && "verdict" in look ? (look as GateLook) : undefined;
  } catch {
    return undefined;
  }
}

function evidence({ results }: GateLook, check: string, key: string): unknown {
  return results.find((result) => result.check === check)?.evidence[key];
}

/** What the checks `judge` and `split` measured, as one. */
function figuresOf(look: GateLook): Figures | undefined {
  const figures = evidence(look, "judge", "figures");
  const needed = evidence(look, "judge", "stillNeeded");
  const share = evidence(look, "split", "share");
  return figuresIn({
    ...(typeof figures === "object" ? figures : {}),
    ...(typeof share === "number" ? { shareB: 100 * share } : {}),
    ...(typeof needed === "object" ? { toGo: neededText(needed) } : {}),
  });
}

/** `1,200 requests on B, 12 min` */
function neededText(needed: unknown): string | undefined {
  const { requestsB, minutes } = (needed ?? {}) as Readonly<Record<string, unknown>>;
  const parts = [
    typeof requestsB === "number" && requestsB > 0 ? `${Math.ceil(requestsB).toLocaleString("en")} requests on B` : "",
    typeof minutes === "number" && minutes > 0 ? `about ${Math.ceil(minutes)} min` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? undefined : parts.join(", ");
}

function dateIn(look: GateLook, check: string, key: string): Date | undefined {
  const text = evidence(look, check, key);
  if (typeof text !== "string") return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
