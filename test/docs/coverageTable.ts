import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { SCENARIOS } from "../../rehearsal/scenarios";
import { ROOT } from "./pages";

/** docs/coverage.md as the test reads it: which promise is shown where. */

/** What the migration asks for: every id, in the order of the table. */
export const PROMISES: Readonly<Record<string, readonly string[]>> = {
  Before: ["P1", "P2", "P3", "P4", "P5", "P6"],
  "Step 1": ["S1"],
  "Step 2": ["S2a", "S2b"],
  "Step 3": ["S3a", "S3b", "S3c"],
  "Step 4": ["S4a", "S4b", "S4c"],
  "Step 5": ["S5a", "S5b"],
  Considerations: ["C1", "C2", "C3", "C4", "C5"],
  Practice: ["B1", "B2", "B3", "B4", "B5"],
  Shape: ["D1", "D2", "D3", "D4"],
};

export interface World {
  readonly exists: (path: string) => boolean;
  readonly scenarios: ReadonlySet<string>;
}

export const PROJECT: World = {
  exists: (path) => existsSync(join(ROOT, path)),
  scenarios: new Set(SCENARIOS.map(({ name }) => name)),
};

interface Row {
  readonly id: string;
  readonly promise: string;
  /** The files that do it. */
  readonly built: string;
  readonly shown: string;
}

function rowsOf(page: string): readonly Row[] {
  return [...page.matchAll(/^\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)\|$/gm)]
    .map(([, ...cells]) => {
      const [id = "", promise = "", built = "", shown = ""] = cells.map((cell) => cell.trim());
      return { id, promise, built, shown };
    })
    .filter(({ id }) => /^[A-Z]\d[a-z]?$/.test(id));
}

/** Everything that is wrong with the table; nothing when every promise is shown by what is there. */
export function problemsOf(page: string, world: World): readonly string[] {
  const rows = rowsOf(page);
  const ids = rows.map(({ id }) => id);
  const wanted = Object.values(PROMISES).flat();
  const missing = wanted.filter((id) => !ids.includes(id)).map((id) => `${id}: no row`);
  const odd = ids.filter((id) => !wanted.includes(id)).map((id) => `${id}: no such promise`);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id}: two rows`);
  const order = wanted.filter((id) => ids.includes(id));
  const moved = order.join() === ids.filter((id) => wanted.includes(id)).join() ? [] : ["the rows are not in order"];
  return [...missing, ...odd, ...twice, ...moved, ...rows.flatMap((row) => problemsOfRow(row, world))];
}

function problemsOfRow({ id, promise, built, shown }: Row, world: World): readonly string[] {
  const problems: string[] = [];
  if (promise === "") problems.push(`${id}: it does not say what is promised`);
  const places = codeIn(built);
  if (places.length === 0) problems.push(`${id}: it does not say where it is built`);
  for (const place of places) if (!world.exists(place)) problems.push(`${id}: there is no ${place}`);
  const [files, scenarios] = [filesIn(shown), scenariosIn(shown)];
  for (const file of files) if (!world.exists(file)) problems.push(`${id}: there is no ${file}`);
  for (const name of scenarios) if (!world.scenarios.has(name)) problems.push(`${id}: there is no scenario ${name}`);
  const isOpen = /\bnot yet\b/i.test(shown);
  if (files.length + scenarios.length === 0 && !isOpen) problems.push(`${id}: no file and no scenario shows it`);
  return problems;
}

/** Files and folders that a cell names. A name alone is in the folder of the one named before it. */
function filesIn(cell: string): readonly string[] {
  let folder = "";
  return codeIn(cell).flatMap((text) => {
    if (/\s/.test(text)) return [];
    if (text.includes("/") && !text.startsWith("@")) {
      folder = dirname(text);
      return [text];
    }
    if (!/\.(m?ts|md|json|ya?ml)$/.test(text)) return [];
    if (text.endsWith(".yml")) return [join(".github/workflows", text)];
    return [text.endsWith(".test.ts") ? join(folder, text) : text];
  });
}

/** Names behind _rehearsal_, up to the first thing that is none. */
function scenariosIn(cell: string): readonly string[] {
  return [...cell.matchAll(/_rehearsal_((?:,? `[a-z0-9-]+`(?: \([^)]*\))?)+)/g)].flatMap(([, list = ""]) =>
    codeIn(list.replace(/\([^)]*\)/g, "")),
  );
}

function codeIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, content = ""]) => content);
}
