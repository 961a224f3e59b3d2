import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BENCHMARKS } from "../../bench/registry";
import { SCENARIOS } from "../../rehearsal/scenarios";
import { CHECK, commandsIn, helpOf, PILOT } from "../../tools/docs/commands";
import { settingsOfSources } from "../../tools/docs/generated";
import { type Described } from "../../tools/docs/settings";
import { pathText } from "../../tools/docs/stackFile";
import { ROOT } from "./pages";

/** Whether what the documentation tells people to type exists. */

export interface Known {
  readonly scripts: ReadonlySet<string>;
  /** Names of the commands of `check` and `pilot`, of scenarios and benchmarks, by npm script. */
  readonly names: Readonly<Record<string, ReadonlySet<string>>>;
  /** Long options by npm script. */
  readonly options: Readonly<Record<string, ReadonlySet<string>>>;
  /** Paths of settings, list entries as `[0]`; true where any key may stand below. */
  readonly settings: ReadonlyMap<string, boolean>;
}

/** Sources in which the options of a script are declared. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  rehearse: ["rehearsal/main.ts"],
  check: ["checks/cli.ts"],
  bench: ["bench/main.ts"],
  pilot: ["pilot/main.ts"],
  rollback: ["pilot/rollbackMain.ts"],
};

export async function knownCommands(): Promise<Known> {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const [check, pilot] = await Promise.all([helpOf(ROOT, CHECK), helpOf(ROOT, PILOT)]);
  const aliases = [...check.matchAll(/^ {2}[\w-]+\|([\w-]+)/gm)].map(([, alias = ""]) => alias);
  return {
    scripts: new Set(Object.keys(manifest.scripts)),
    names: {
      check: new Set([...commandsIn(check).map(({ name }) => name), ...aliases]),
      pilot: new Set(commandsIn(pilot).map(({ name }) => name)),
      rehearse: new Set(["all", ...SCENARIOS.map(({ name }) => name)]),
      bench: new Set(BENCHMARKS.map(({ name }) => name)),
    },
    options: Object.fromEntries(Object.entries(SOURCES).map(([script, files]) => [script, optionsOf(files)])),
    settings: new Map(everything(settingsOfSources(ROOT))),
  };
}

function optionsOf(files: readonly string[]): ReadonlySet<string> {
  const texts = files.map((file) => readFileSync(join(ROOT, file), "utf8"));
  // `.option("--stack <name>"` of commander, or `stack: { type:` of node's own reader.
  const found = texts.flatMap((text) => [
    ...[...text.matchAll(/["'`](?:-\w, )?(--[a-z][a-z-]*)/g)].map(([, option = ""]) => option),
    ...[...text.matchAll(/^\s*"?([a-z][a-z-]*)"?: \{ type: "(?:string|boolean)"/gm)].map(
      ([, name = ""]) => `--${name}`,
    ),
  ]);
  return new Set([...found, "--help"]);
}

function everything(entries: readonly Described[]): readonly (readonly [string, boolean])[] {
  return entries.flatMap((entry) => [
    [pathText(entry.path), entry.allowed.includes("object of")] as const,
    ...everything(entry.children),
  ]);
}

/** What is wrong with one line of code of the documentation. */
export function unknownIn(line: string, known: Known): readonly string[] {
  return line.split(/ *(?:&&|\|\||;|\|) */).flatMap((command) => {
    const words = command
      .replace(/^(\$ )?([A-Z_]+=\S+ )*(export |nice -n \d+ )?/, "")
      .split(/\s+/)
      .filter((word) => word !== "");
    switch (words[0]) {
      case "npm":
        return npmWords(words.slice(1), known);
      case "npx":
        return binary(words.slice(1));
      case "check":
      case "pilot":
      case "bench":
      case "rehearse":
        return words[1] === "--" ? scriptWords(words[0], words.slice(2), known) : [];
      case "node":
        return words
          .filter((word) => /^[\w./-]+\.m?ts$/.test(word) && !existsSync(join(ROOT, word)))
          .map((word) => `there is no ${word}`);
      case "bash":
        return /\.sh$/.test(words[1] ?? "") && !existsSync(join(ROOT, words[1] ?? ""))
          ? [`there is no ${words[1]}`]
          : [];
      case "pulumi":
        return words[1] === "config" && (words[2] === "set" || words[2] === "rm") ? configKey(command, known) : [];
      default:
        return [];
    }
  });
}

function npmWords(words: readonly string[], known: Known): readonly string[] {
  const [verb, ...rest] = words;
  if (verb === "test") return known.scripts.has("test") ? [] : ["package.json has no test"];
  if (verb !== "run") return [];
  const named = rest.filter((word) => word !== "--silent");
  const script = named[0] ?? "";
  if (script === "...") return [];
  if (!known.scripts.has(script)) return [`package.json has no script ${script}`];
  return named[1] === "--" ? scriptWords(script, named.slice(2), known) : [];
}

/** Words behind `--` of an npm script. */
function scriptWords(script: string, words: readonly string[], known: Known): readonly string[] {
  const wrong: string[] = [];
  const options = known.options[script];
  for (const word of words) {
    const option = /^\[?(--[a-z][a-z-]*)/.exec(word)?.[1];
    if (option !== undefined && options !== undefined && !options.has(option)) wrong.push(`${script} has no ${option}`);
  }
  const scenario = words[words.indexOf("--scenario") + 1] ?? "";
  const name = script === "rehearse" ? (words.includes("--scenario") ? scenario : "") : (words[0] ?? "");
  const names = known.names[script];
  // NAME stands for any of them, status|plan for several.
  for (const one of name.split(/[|/]/)) {
    const isName = /^[a-z][a-z-]*$/.test(one);
    if (isName && names !== undefined && !names.has(one)) wrong.push(`${script} knows no ${one}`);
  }
  return wrong;
}

function binary(words: readonly string[]): readonly string[] {
  const [name = ""] = words.filter((word) => !word.startsWith("-"));
  return existsSync(join(ROOT, "node_modules/.bin", name)) ? [] : [`npx ${name}: no dependency brings it`];
}

/** Options of `pulumi config set` and `rm` that take a word. */
const WITH_VALUE = new Set(["--stack", "--type", "--config-file"]);

function configKey(command: string, known: Known): readonly string[] {
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? "",
  );
  const at = words.findIndex(
    (word, index) => index > 2 && !word.startsWith("--") && !WITH_VALUE.has(words[index - 1] ?? ""),
  );
  const key = words[at] ?? "";
  if (key === "KEY" || key === "..." || key === "") return [];
  return isSetting(key, known) ? [] : [`there is no setting ${key}`];
}

/** `aws:region`, `databaseB.copy`, `tags.team`, `api7-migration:stage` */
export function isSetting(key: string, { settings }: Known): boolean {
  if (/^(aws|pulumi):/.test(key)) return true;
  const path = key.replace(/^api7-migration:/, "").replace(/\[(\d+|N)\]/g, "[0]");
  if (settings.has(path) || settings.has(path.replace(/\[0\]$/, ""))) return true;
  const above = path.replace(/(\.[^.]+|\["[^"]*"\])$/, "");
  return above !== path && settings.get(above) === true;
}
