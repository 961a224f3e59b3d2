import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as vega from "vega";
import * as vegaLite from "vega-lite";
import { type LoadSecond, type LoadSnapshot } from "./cloud/traffic";
import { type Rehearsal } from "./rehearsal";
import { rollbackText, secondsText, type StageSummary, type Summary } from "./summary";

/** Writes `report.html`, one file that needs nothing else, and returns its path. */
export async function writeReport(
  folder: string,
  summary: Summary,
  rehearsal: Pick<Rehearsal, "weightChanges">,
  load: LoadSnapshot,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const chart = await trafficChart(load.perSecond, rehearsal.weightChanges);
  const latency = (["a", "b"] as const)
    .map((cluster) => {
      const { p50, p95, p99, max } = load.latencyMs[cluster];
      return row([cluster.toUpperCase(), ms(p50), ms(p95), ms(p99), ms(max)]);
    })
    .join("\n");
  const path = join(folder, "report.html");
  await writeFile(
    path,
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Rehearsal: ${escape(summary.scenario)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
  h1 { margin-bottom: 0; }
  .verdict { font-size: 1.2rem; margin: .2rem 0 1.5rem; color: ${summary.ok ? "#116329" : "#a40e26"}; }
  table { border-collapse: collapse; margin: .5rem 0 2rem; }
  th, td { padding: .3rem .9rem; border-bottom: 1px solid #d8dee4; text-align: right; }
  th:first-child, td:first-child { text-align: left; }
  svg { max-width: 100%; height: auto; }
</style>
<h1>Rehearsal “${escape(summary.scenario)}”</h1>
<p class="verdict">${summary.ok ? "Every step held." : "A step did not hold."}
  ${summary.totals.requests.toLocaleString("en")} requests, ${summary.totals.failed} failed.</p>
<h2>Who answered, second by second</h2>
${chart}
<h2>Stages</h2>
<table>
${row(["stage", "weight B", "measured share B", "requests", "failed", "preview", "update", "gate"], "th")}
${summary.stages.map(stageRow).join("\n")}
</table>
${rollbackSection(summary)}
${databaseText(summary)}
<h2>Latency of plain requests that were answered well</h2>
<table>
${row(["cluster", "median", "p95", "p99", "longest"], "th")}
${latency}
</table>
</html>
`,
  );
  return path;
}

/** Answers a second by cluster, with a line at each change of the weights. */
async function trafficChart(
  perSecond: readonly LoadSecond[],
  changes: readonly { readonly stage: string; readonly at: Date }[],
): Promise<string> {
  const answers = perSecond.flatMap(({ at, a, b }) => [
    { at, cluster: "A", answers: a },
    { at, cluster: "B", answers: b },
  ]);
  const marks = changes.map(({ stage, at }) => ({ stage, at: at.toISOString() }));
  const spec: vegaLite.TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    width: 960,
    height: 280,
    background: "white",
    layer: [
      {
        data: { values: answers },
        mark: { type: "area", interpolate: "step-after", opacity: 0.85 },
        encoding: {
          x: { field: "at", type: "temporal", title: null },
          y: { field: "answers", type: "quantitative", stack: true, title: "answers per second" },
          color: {
            field: "cluster",
            type: "nominal",
            scale: { domain: ["A", "B"], range: ["#8c959f", "#1f6feb"] },
            title: "cluster",
          },
        },
      },
      {
        data: { values: marks },
        mark: { type: "rule", strokeDash: [4, 3], color: "#57606a" },
        encoding: { x: { field: "at", type: "temporal" } },
      },
      {
        data: { values: marks },
        mark: { type: "text", angle: 270, align: "right", dx: -4, dy: -6, fontSize: 10, color: "#1b1f24" },
        encoding: { x: { field: "at", type: "temporal" }, y: { value: 0 }, text: { field: "stage" } },
      },
    ],
  };
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

function stageRow(stage: StageSummary): string {
  return row([
    stage.stage,
    `${stage.weightB} %`,
    `${stage.shareB.toFixed(2)} %`,
    stage.requests.toLocaleString("en"),
    String(stage.failed),
    secondsText(stage.previewSeconds),
    `${stage.updateSeconds.toFixed(1)} s`,
    stage.verdict,
  ]);
}

function rollbackSection({ rollback }: Summary): string {
  return rollback === null ? "" : `<h2>Rollback</h2>\n<p>${escape(rollbackText(rollback))}.</p>`;
}

function databaseText({ database }: Summary): string {
  if (database === null) return "";
  return `<h2>Database</h2>
<p>${database.tables} tables with ${database.rows.toLocaleString("en")} rows were compared row by row in
${database.seconds} s: ${database.equal ? "equal" : "not equal"}.</p>`;
}

function row(cells: readonly string[], tag: "td" | "th" = "td"): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
