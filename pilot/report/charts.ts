import * as vega from "vega";
import * as vegaLite from "vega-lite";
import { type Chart } from "./document";
import { errorPercent } from "../figures";
import { thinned } from "./thin";
import { timeText } from "./words";
import { type Point, type Stay, type Story } from "./story";

/**
 * The pictures. A is a dashed line with squares, B a solid one with circles, and the ordered weight a thick step: they are
 * told apart on a black-and-white printer too.
 */

/** What the chart shows, ISO times. */
interface Range {
  readonly begin: string;
  readonly end: string;
  /** Until when the migration goes on beyond it, if it does. */
  readonly shortened?: string | undefined;
}

/** Points that a line has at most: more cannot be told apart on a page. */
const POINTS = 90;
const WIDTH = 900;
/** Room at the right of the last step, so that its label is readable: a share of the whole. */
const ROOM = 0.03;

const A = "A";
const B = "B";
const SIDES = {
  color: { domain: [A, B], range: ["#57606a", "#0b4fb3"] },
  dash: {
    domain: [A, B],
    range: [
      [5, 4],
      [1, 0],
    ],
  },
  shape: { domain: [A, B], range: ["square", "circle"] },
};

/** Weights, measured share, errors and latency over the time in which traffic moved. Undefined before it does. */
export async function timelineChart(story: Story): Promise<Chart | undefined> {
  const range = movingTime(story);
  if (range === undefined) return undefined;
  const { begin, end } = range;
  const stays = story.stays.filter(({ entry, until }) => entry.at < end && (until ?? end) > begin);
  const points = thinned(
    story.points.filter(({ at }) => at >= begin && at <= end),
    POINTS,
  );
  const format = timeFormat(Date.parse(end) - Date.parse(begin));
  const x = {
    field: "at",
    type: "temporal",
    title: null,
    scale: { type: "utc", domain: [begin, end] },
    axis: { labelExpr: `utcFormat(datum.value, '${format}')`, labelOverlap: true, tickCount: 12 },
  } as const;
  const panels = [
    weightPanel(stays, points, x, { begin, end }),
    ...sidePanels(stays, points, x),
    ...(points.some(({ verdict }) => verdict !== undefined) ? [verdictPanel(points, x)] : []),
  ];
  const spec: vegaLite.TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    background: "white",
    padding: 6,
    spacing: 14,
    config: {
      font: "DejaVu Sans, Verdana, sans-serif",
      axis: {
        labelFontSize: 11,
        titleFontSize: 11,
        titleFontWeight: "normal",
        gridColor: "#e6e8eb",
        labelColor: "#000",
      },
      legend: { labelFontSize: 11, titleFontSize: 11, symbolSize: 90, symbolStrokeWidth: 1.6 },
      view: { stroke: "#8c959f" },
    },
    vconcat: panels,
    resolve: { scale: { color: "independent", shape: "independent", strokeDash: "independent" } },
  } as vegaLite.TopLevelSpec;
  return {
    kind: "chart",
    id: "timeline",
    title: "Weights, measured share, errors and latency over time",
    svg: await svgOf(spec),
    caption: captionOf(points, range),
  };
}

function captionOf(points: readonly Point[], { begin, end, shortened }: Range): string {
  const panels = [
    "B's weight as ordered (thick line)",
    ...(points.some(({ shareB }) => shareB !== undefined) ? ["B's measured share (circles), in percent"] : []),
    ...(points.some(({ a, b }) => errorPercent(a) !== undefined || errorPercent(b) !== undefined)
      ? ["errors in percent of the requests"]
      : []),
    ...(points.some(({ a, b }) => (a?.p95Ms ?? b?.p95Ms) !== undefined) ? ["95th percentile of the latency"] : []),
    ...(points.some(({ verdict }) => verdict !== undefined) ? ["the judge's verdicts"] : []),
  ];
  return [
    `${timeText(begin)} to ${timeText(end)} UTC. From above: ${panels.join("; ")}.`,
    ...(panels.length > 2 ? ["A is dashed with squares, B solid with circles."] : []),
    ...(shortened === undefined
      ? []
      : [`What follows until ${timeText(shortened)} UTC is left out: the weights do not move any more.`]),
  ].join(" ");
}

type X = Readonly<Record<string, unknown>>;

function weightPanel(
  stays: readonly Stay[],
  points: readonly Point[],
  x: X,
  { begin, end }: { begin: string; end: string },
): object {
  const steps = stays.flatMap(({ entry, until }) => [
    { at: latest(entry.at, begin), weight: entry.weightB },
    { at: until === undefined || until > end ? end : until, weight: entry.weightB },
  ]);
  const marks = spread(
    stays
      .filter(({ entry }) => entry.at >= begin)
      .map(({ entry }) => ({ at: entry.at, stage: entry.stage, weight: entry.weightB })),
    begin,
    end,
  );
  const shares = points.flatMap(({ at, shareB }) => (shareB === undefined ? [] : [{ at, share: shareB }]));
  return {
    width: WIDTH,
    height: 190,
    layer: [
      {
        data: { values: marks },
        mark: { type: "rule", color: "#8c959f", strokeDash: [2, 3] },
        encoding: { x },
      },
      {
        data: { values: steps },
        mark: { type: "line", strokeWidth: 2.6, color: "#000", interpolate: "step-after" },
        encoding: { x, y: { field: "weight", type: "quantitative", title: "B, percent", scale: { domain: [0, 100] } } },
      },
      {
        data: { values: shares },
        mark: { type: "point", shape: "circle", size: 26, color: "#0b4fb3", filled: false, strokeWidth: 1.2 },
        encoding: { x, y: { field: "share", type: "quantitative" } },
      },
      {
        data: { values: marks },
        mark: {
          type: "text",
          angle: 300,
          align: "left",
          baseline: "middle",
          dx: 4,
          dy: -4,
          fontSize: 10.5,
          color: "#000",
          clip: false,
        },
        encoding: { x: { ...x, field: "labelAt" }, y: { value: 0 }, text: { field: "stage" } },
      },
    ],
  };
}

function sidePanels(stays: readonly Stay[], points: readonly Point[], x: X): readonly object[] {
  const both = (value: (side: Point["a"]) => number | undefined): readonly object[] =>
    points.flatMap((point) =>
      (
        [
          [A, point.a],
          [B, point.b],
        ] as const
      ).flatMap(([side, figures]) => {
        const found = value(figures);
        return found === undefined ? [] : [{ at: point.at, stay: stayAt(stays, point.at), side, value: found }];
      }),
    );
  return [
    { title: "errors, percent", values: both(errorPercent), least: 1 },
    { title: "p95, ms", values: both((side) => side?.p95Ms), least: 10 },
  ].flatMap(({ title, values, least }) => (values.length === 0 ? [] : [sidePanel(title, values, least, x)]));
}

/** @param least the axis goes at least so high: noise about zero shall not look like a mountain */
function sidePanel(title: string, values: readonly object[], least: number, x: X): object {
  const highest = Math.max(least, ...values.map((row) => (row as { value: number }).value)) * 1.05;
  return {
    width: WIDTH,
    height: 130,
    data: { values },
    mark: { type: "line", point: { size: 22, filled: false, strokeWidth: 1 }, strokeWidth: 1.6, clip: true },
    encoding: {
      x,
      y: {
        field: "value",
        type: "quantitative",
        title,
        scale: { domain: [0, highest], nice: true },
        axis: { tickCount: 4 },
      },
      color: { field: "side", type: "nominal", scale: SIDES.color, title: null, legend: { orient: "right" } },
      strokeDash: { field: "side", type: "nominal", scale: SIDES.dash, title: null },
      shape: { field: "side", type: "nominal", scale: SIDES.shape, title: null },
      // A line does not go on over a time without requests on B.
      detail: { field: "stay", type: "nominal" },
    },
  };
}

const VERDICTS = { domain: ["go", "hold", "back"], range: ["circle", "square", "triangle-down"] };

function verdictPanel(points: readonly Point[], x: X): object {
  const values = points.flatMap(({ at, verdict }) => (verdict === undefined ? [] : [{ at, verdict }]));
  return {
    width: WIDTH,
    height: 54,
    data: { values },
    mark: { type: "point", size: 50, filled: true, clip: true },
    encoding: {
      x,
      y: {
        field: "verdict",
        type: "nominal",
        title: "verdict",
        sort: VERDICTS.domain,
        scale: { domain: VERDICTS.domain },
        axis: { grid: true },
      },
      shape: { field: "verdict", type: "nominal", scale: VERDICTS, legend: null },
      color: {
        field: "verdict",
        type: "nominal",
        scale: { domain: VERDICTS.domain, range: ["#116329", "#57606a", "#a40e26"] },
        legend: null,
      },
    },
  };
}

/** From the first stage with traffic to the last change of a weight, and as long again at most: a soak of days says nothing more. */
export function movingTime({ stays, points }: Pick<Story, "stays" | "points">): Range | undefined {
  const moving = stays.findIndex(({ entry }) => entry.weightB > 0);
  if (moving < 0) return undefined;
  const first = stays[moving];
  const last = stays.findLast(({ entry }, index) => entry.weightB !== stays[index - 1]?.entry.weightB) ?? first;
  if (first === undefined || last === undefined) return undefined;
  const begin = Date.parse(first.entry.at);
  const change = Date.parse(last.entry.at);
  const known = Math.max(
    ...[stays.at(-1)?.entry.at, points.at(-1)?.at].flatMap((at) => (at === undefined ? [] : [Date.parse(at)])),
  );
  const span = Math.max(change - begin, 60_000);
  const end = Math.min(Math.max(known, change + span * 0.15), change + span * 0.35);
  const lead = (end - begin) * ROOM;
  return {
    begin: new Date(begin - lead).toISOString(),
    end: new Date(end + lead).toISOString(),
    ...(known > end ? { shortened: new Date(known).toISOString() } : {}),
  };
}

/** Labels of stages that follow at once stand beside each other, not on each other. */
function spread<T extends { readonly at: string }>(
  marks: readonly T[],
  begin: string,
  end: string,
): readonly (T & { labelAt: string })[] {
  const gap = ((Date.parse(end) - Date.parse(begin)) * 15) / WIDTH;
  let free = -Infinity;
  return marks.map((mark) => {
    const at = Math.max(Date.parse(mark.at), free);
    free = at + gap;
    return { ...mark, labelAt: new Date(at).toISOString() };
  });
}

function stayAt(stays: readonly Stay[], at: string): number {
  return stays.findLastIndex(({ entry }) => entry.at <= at);
}

function latest(a: string, b: string): string {
  return a > b ? a : b;
}

/** The day too where it can change, and seconds where minutes say nothing. */
function timeFormat(spanMs: number): string {
  if (spanMs > 20 * 3_600_000) return "%d %b %H:%M";
  return spanMs < 20 * 60_000 ? "%H:%M:%S" : "%H:%M";
}

/** Draws without a browser. Times are written in UTC, wherever this runs. */
async function svgOf(spec: vegaLite.TopLevelSpec): Promise<string> {
  const compiled = vegaLite.compile(spec, { logger: vega.logger(vega.Error) }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logLevel: vega.Error });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
