import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SCHEMA } from "../../migration/settings/schema";
import { canRollBack, legalNext, shapeOf, trafficShare, wayUp, type Stage } from "../../migration/stages";

/** Pictures of the documentation: text in DOT, drawn by Graphviz (as WebAssembly), for light and dark pages. */

const ARCHITECTURE_SOURCE = "docs/pictures/architecture.dot";
export const ARCHITECTURE = "docs/pictures/architecture.svg";
export const STAGES = "docs/pictures/stages.svg";

/** Every colour that a picture may have, and what stands for it on dark pages. */
export const COLOURS: Readonly<Record<string, string>> = {
  "#ffffff": "#0d1117",
  "#f6f8fa": "#161b22",
  "#8c959f": "#6e7681",
  "#59636e": "#9da7b1",
  "#1f2328": "#e6edf3",
  // Cluster A.
  "#ddf4ff": "#0c2d5e",
  "#0969da": "#58a6ff",
  // Cluster B.
  "#fff1e5": "#5a2a0c",
  "#bc4c00": "#f0883e",
};

/** Path from the project folder -> SVG. */
export async function pictures(root: string): Promise<Readonly<Record<string, string>>> {
  const { Graphviz } = await import("@hpcc-js/wasm-graphviz");
  const graphviz = await Graphviz.load();
  const drawn = (dot: string, title: string, engine: "dot" | "neato"): string =>
    forBothPages(graphviz.layout(dot, "svg", engine), title);
  return {
    [ARCHITECTURE]: drawn(
      readFileSync(join(root, ARCHITECTURE_SOURCE), "utf8"),
      "A load balancer splits the requests between the gateways of cluster A and of cluster B",
      "dot",
    ),
    [STAGES]: drawn(
      stagesDot(SCHEMA.trafficSteps.parse(undefined)),
      "The stages of a migration and the ways back",
      "neato",
    ),
  };
}

/** A title for whoever cannot see it, and the other colours where the reader's page is dark. */
function forBothPages(svg: string, title: string): string {
  const unknown = [...svg.matchAll(/(?:fill|stroke)="(?!none|transparent)([^"]+)"/g)].filter(
    ([, colour = ""]) => !(colour in COLOURS),
  );
  if (unknown.length > 0)
    throw new Error(`colours without a dark one: ${unknown.map(([, colour]) => colour).join(", ")}`);
  const rules = Object.entries(COLOURS).flatMap(([light, dark]) => [
    `[fill="${light}"]{fill:${dark}}`,
    `[stroke="${light}"]{stroke:${dark}}`,
  ]);
  const style = `<style>@media (prefers-color-scheme: dark){${rules.join("")}}</style>`;
  // Graphviz measures this font; Verdana is as wide, where there is no DejaVu.
  const fonts = svg.replaceAll('font-family="DejaVu Sans"', 'font-family="Verdana,DejaVu Sans,sans-serif"');
  const body = fonts.slice(fonts.indexOf("<svg")).replace(/<!--[^]*?-->\n?/g, "");
  const end = body.indexOf(">") + 1;
  const open = body.slice(0, end).replace("<svg", `<svg role="img" aria-label="${title}"`);
  return `${open}\n<title>${title}</title>\n${style}${body.slice(end)}`;
}

const WHAT: Readonly<Record<string, string>> = {
  prepare: "target groups, rules, alarms",
  freeze: "A is closed to writes",
  restore: "database B, proved row by row",
  start: "B runs and is healthy",
  complete: "B is where one configures",
  decommission: "A is scaled to zero",
};

/** Distance of two stages, and the place of the columns, in points. */
const STEP = 44;
const BAR = 96;
const COLUMN = { abandon: -285, rollback: 290 } as const;

/**
 * The stage table from top to bottom, with the weights as bars, and the ways back beside the stages that they lead from.
 * Places are given, since their order is what the picture tells.
 */
export function stagesDot(steps: readonly number[]): string {
  const path = wayUp(steps);
  const up = path.slice(1).map((to, index) => `"${path[index] ?? ""}":s -> "${to}":n`);
  const at = (stage: Stage): number => -STEP * path.indexOf(stage);
  const cards = path.map((stage) => `"${stage}" [pos="0,${at(stage)}!", label=<${card(stage)}>]`);
  const ways = [
    {
      to: "abandon",
      text: "A is opened,<BR/>B given up",
      from: path.filter((one) => legalNext(one, steps).includes("abandon")),
    },
    {
      to: "rollback",
      text: "every request<BR/>to A at once;<BR/>waits for<BR/>no check.<BR/><BR/>From here to<BR/>start, once it is<BR/>acknowledged",
      from: path.filter(canRollBack),
    },
  ] as const;
  const beside = ways.map(({ to, text, from }) => {
    const [first = "start", last = "start"] = [from[0], from.at(-1)];
    const middle = (at(first) + at(last)) / 2;
    return `"${to}" [pos="${COLUMN[to]},${middle}!", label=<${tall(to, text, from.length)}>]`;
  });
  const back = ways.flatMap(({ to, from }) =>
    from.map((stage, index) => {
      const [tail, head] = to === "abandon" ? ["w", "e"] : ["e", "w"];
      return `"${stage}":${tail} -> "${to}":"${head}${index}":${head}`;
    }),
  );
  return `digraph stages {
  graph [layout=neato, inputscale=72, splines=line, bgcolor="#ffffff", pad=0.2]
  node [shape=plain, fontname="DejaVu Sans", fontsize=12, fontcolor="#1f2328"]
  edge [color="#59636e", arrowsize=0.6]
  ${[...cards, ...beside, ...up, ...back].join("\n  ")}
}`;
}

/** Name, weights as a bar, and what happens. */
function card(stage: Stage): string {
  const { weightB } = shapeOf(stage);
  const widthB = Math.round((BAR * weightB) / 100);
  const part = (width: number, colour: string): string =>
    width === 0 ? "" : `<TD FIXEDSIZE="TRUE" WIDTH="${width}" HEIGHT="9" BGCOLOR="${colour}"></TD>`;
  const parts = `${part(BAR - widthB, "#0969da")}${part(widthB, "#bc4c00")}`;
  const bar = `<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>${parts}</TR></TABLE>`;
  const share = trafficShare(stage);
  const what = share === undefined ? (WHAT[stage] ?? "") : `A ${100 - share} %, B ${share} %`;
  const cell = (width: number, content: string): string =>
    `<TD FIXEDSIZE="TRUE" WIDTH="${width}" HEIGHT="24" ALIGN="LEFT" BALIGN="LEFT">${content}</TD>`;
  return (
    `<TABLE BORDER="1" COLOR="#8c959f" BGCOLOR="#f6f8fa" STYLE="ROUNDED" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3">` +
    `<TR>${cell(108, `<B>${stage}</B>`)}${cell(BAR + 10, bar)}` +
    `${cell(196, `<FONT POINT-SIZE="11" COLOR="#59636e">${what}</FONT>`)}</TR></TABLE>`
  );
}

/** A way back, as tall as the stages that it leads from, with a port for each. */
function tall(name: string, text: string, rows: number): string {
  const height = STEP * rows;
  const column = (side: "e" | "w"): string => {
    const port = (index: number): string =>
      `<TR><TD PORT="${side}${index}" FIXEDSIZE="TRUE" WIDTH="1" HEIGHT="${STEP}"></TD></TR>`;
    const ports = Array.from({ length: rows }, (_, index) => port(index)).join("");
    return `<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">${ports}</TABLE>`;
  };
  return (
    `<TABLE BORDER="1" COLOR="#0969da" BGCOLOR="#ddf4ff" STYLE="ROUNDED" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">` +
    `<TR><TD>${column("w")}</TD><TD WIDTH="104" HEIGHT="${height}"><B>${name}</B><BR/><FONT POINT-SIZE="11" COLOR="#59636e">${text}</FONT></TD>` +
    `<TD>${column("e")}</TD></TR></TABLE>`
  );
}
