import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { type Calendar, describeMoment, openingAt } from "../../migration/windows";
import { DEFAULT_TIME_ZONE } from "../../migration/settings/calendarSchema";
import { type Outcome } from "../gateInput";
import { BadInput, parseCalendar, parseGateRequest } from "../request";
import { checkWindow } from "../window";
import { answer } from "./answer";
import { readStdin } from "./input";

export interface WindowOptions {
  readonly stack?: string | undefined;
  /** The moment asked for. Default: now. */
  readonly at?: Date | undefined;
  readonly json?: boolean | undefined;
}

/**
 * `check -- window`: whether a move up may be made now, or at a moment to plan for. The calendar comes from a stack's
 * file, or from a gate request on standard input.
 */
export async function windowCommand(options: WindowOptions): Promise<Outcome> {
  const calendar =
    options.stack === undefined
      ? parseGateRequest(await readStdin()).calendar
      : await calendarOfStack(process.cwd(), options.stack);
  const at = options.at ?? new Date();
  const opening = openingAt(calendar, at);
  const until = opening.open ? opening.until : undefined;
  const summary = {
    open: opening.open,
    at: at.toISOString(),
    why: opening.why,
    ...(until && { until: until.toISOString(), untilLocal: describeMoment(until, zoneOf(calendar)) }),
  };
  return answer(checkWindow(calendar, at, "a move up"), summary, options);
}

/** @throws BadInput when there is no such stack file, or its calendar has a finding */
async function calendarOfStack(folder: string, stack: string): Promise<Calendar> {
  const project = (await yamlOf(join(folder, "Pulumi.yaml")))["name"];
  const file = join(folder, `Pulumi.${stack.split("/").at(-1) ?? stack}.yaml`);
  const config = (await yamlOf(file))["config"];
  const values = typeof config === "object" && config !== null ? (config as Readonly<Record<string, unknown>>) : {};
  const setting = (key: string): unknown => values[`${String(project)}:${key}`];
  return parseCalendar({ windows: setting("windows"), blackouts: setting("blackouts") }, file);
}

async function yamlOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = parseYaml(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new BadInput(
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}. ` +
        "Expected: the file of a stack (--stack NAME), in the project's folder.",
    );
  }
  throw new BadInput(`${path} is no mapping. Expected: the file of a stack, with its settings under config.`);
}

function zoneOf(calendar: Calendar): string {
  return calendar.windows?.timeZone ?? DEFAULT_TIME_ZONE;
}
