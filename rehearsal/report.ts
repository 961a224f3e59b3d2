import { composeReport } from "../pilot/report/compose";
import { heading, table, text, type Block } from "../pilot/report/document";
import { readSources } from "../pilot/report/sources";
import { type Point } from "../pilot/report/story";
import { msText, percentText } from "../pilot/report/words";
import { writeDocument } from "../pilot/report/write";
import { type LoadSecond, type LoadSnapshot } from "./cloud/traffic";
import { type Rehearsal } from "./rehearsal";
import { rollbackText, secondsText, type Summary } from "./summary";

/**
 * The report of a rehearsal: the one that `pilot report` makes of any stack, with what only a rehearsal knows beside it,
 * since it counts every request. Returns the paths, HTML first.
 *
 * @param record folder of the record: the stack's own, or its copy
 */
export async function writeReport(
  folder: string,
  summary: Summary,
  rehearsal: Pick<Rehearsal, "weightChanges">,
  load: LoadSnapshot,
  record: string,
): Promise<readonly string[]> {
  const { totals, ok, scenario } = summary;
  const document = await composeReport({
    stack: "rehearsal",
    sources: await readSources(record),
    measured: pointsOf(load.perSecond, rehearsal.weightChanges),
    more: measuredSection(summary, load),
    headline: {
      title: `Rehearsal “${scenario}”`,
      lead: `${ok ? "Every step held." : "A step did not hold."} ${totals.requests.toLocaleString("en")} requests, ${totals.failed} failed.`,
      tone: ok ? "good" : "bad",
    },
    at: new Date(),
  });
  return writeDocument(folder, "report", document);
}

/** Seconds of the load that make one point of the chart. */
const POINT_SECONDS = 3;

/** Answers of A and B as the clients counted them; failures are known as a whole only, and stand in the tables. */
function pointsOf(
  perSecond: readonly LoadSecond[],
  changes: readonly { readonly stage: string; readonly at: Date }[],
): readonly Point[] {
  const points: Point[] = [];
  for (let from = 0; from < perSecond.length; from += POINT_SECONDS) {
    const group = perSecond.slice(from, from + POINT_SECONDS);
    const at = group[0]?.at ?? "";
    const [a, b] = (["a", "b"] as const).map((side) => group.reduce((sum, second) => sum + second[side], 0));
    const last = changes.findLast((change) => change.at.toISOString() <= at);
    if (last === undefined || a === undefined || b === undefined || a + b === 0) continue;
    points.push({ at, stage: last.stage, weightB: weightOf(last.stage), shareB: (100 * b) / (a + b) });
  }
  return points;
}

function weightOf(stage: string): number {
  return Number(/^traffic-(\d+)$/.exec(stage)?.[1] ?? (stage === "complete" || stage === "decommission" ? 100 : 0));
}

function measuredSection({ stages, rollback, database }: Summary, load: LoadSnapshot): readonly Block[] {
  return [
    heading("What was measured"),
    table(
      ["=stage", "#weight B", "#measured B", "#requests", "#failed", "#preview", "#update", "gate"],
      stages.map((stage) => [
        stage.stage,
        `${stage.weightB} %`,
        percentText(stage.shareB),
        stage.requests.toLocaleString("en"),
        String(stage.failed),
        secondsText(stage.previewSeconds),
        secondsText(stage.updateSeconds),
        stage.verdict,
      ]),
    ),
    ...(rollback === null ? [] : [text(`${sentence(rollbackText(rollback))}.`)]),
    ...(database === null
      ? []
      : [
          text(
            `Database: ${database.tables} tables with ${database.rows.toLocaleString("en")} rows were compared row by row in ${database.seconds} s: ${database.equal ? "equal" : "not equal"}.`,
          ),
        ]),
    text("Latency of plain requests that were answered well:"),
    table(
      ["=cluster", "#median", "#p95", "#p99", "#longest"],
      (["a", "b"] as const).map((cluster) => {
        const { p50, p95, p99, max } = load.latencyMs[cluster];
        return [cluster.toUpperCase(), msText(p50), msText(p95), msText(p99), msText(max)];
      }),
    ),
    ...(load.failures.length === 0
      ? []
      : [
          text(`Of ${load.failed} failed requests the first ${load.failures.length}:`),
          table(
            ["=when (UTC)", "request", "=cluster", "why"],
            load.failures.map(({ at, method, host, path, cluster, reason }) => [
              at.slice(11, 23),
              `${method} ${host}${path}`,
              cluster,
              reason,
            ]),
          ),
        ]),
  ];
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
