import * as vega from "vega";
import * as vegaLite from "vega-lite";
import { curveOf, JUDGINGS } from "./figures";
import { type Outcome } from "./simulate";

/** Share of the migrations that were stopped within so many minutes, one panel a scenario, one line a way to judge. */
export async function powerPlot(
  panels: readonly {
    readonly title: string;
    readonly outcomes: readonly Outcome[];
    readonly peerRuns: number;
    readonly minutes: number;
  }[],
): Promise<string> {
  const charts = panels.map(({ title, outcomes, peerRuns, minutes }) => {
    const values = JUDGINGS.flatMap((judging) => [
      { judging, minutes: 0, stopped: 0 },
      ...curveOf(outcomes, judging, peerRuns)
        .filter((point) => point.minutes <= minutes)
        .map((point) => ({ judging, minutes: point.minutes, stopped: point.share * 100 })),
    ]);
    const ends = JUDGINGS.map((judging) => {
      const last = values.filter((value) => value.judging === judging).at(-1);
      return { judging, minutes, stopped: last?.stopped ?? 0 };
    });
    return {
      title: { text: title, fontSize: 12, anchor: "start" as const },
      width: 300,
      height: 220,
      data: { values: [...values, ...ends] },
      mark: { type: "line" as const, interpolate: "step-after" as const, strokeWidth: 2 },
      encoding: {
        x: {
          field: "minutes",
          type: "quantitative" as const,
          title: "minutes since the warm-up",
          scale: { domain: [0, minutes] },
        },
        y: {
          field: "stopped",
          type: "quantitative" as const,
          title: "stopped, % of migrations",
          scale: { domain: [0, 100] },
        },
        color: {
          field: "judging",
          type: "nominal" as const,
          title: null,
          scale: { domain: [...JUDGINGS], range: ["#1f6feb", "#cf222e", "#e3b341", "#8250df"] },
        },
        strokeDash: {
          field: "judging",
          type: "nominal" as const,
          title: null,
          scale: {
            domain: [...JUDGINGS],
            range: [
              [1, 0],
              [6, 3],
              [3, 3],
              [8, 2, 2, 2],
            ],
          },
        },
      },
    };
  });
  const spec: vegaLite.TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    background: "white",
    columns: 2,
    concat: charts,
  };
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
