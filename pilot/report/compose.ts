import { type Settings } from "../../migration/settings";
import { type WeightCarrier } from "../stackState";
import { timelineChart } from "./charts";
import { deviationsOf } from "./deviations";
import { heading, list, table, text, type Block, type ReportDocument } from "./document";
import { rollbackPlan } from "./rollbackPlan";
import {
  actionsSection,
  checksSection,
  deviationsSection,
  integritySection,
  proofsSection,
  rollbacksSection,
  stagesSection,
} from "./sections";
import { type ReportSources } from "./sources";
import { storyOf, totalsOf, type Point, type Story } from "./story";
import { countText, durationText, percentText, secondsBetween, timeText } from "./words";

export interface ReportInput {
  readonly stack: string;
  readonly sources: ReportSources;
  /** For the rollback plan; undefined: the settings are not to be had, and the plan is left out with a word. */
  readonly settings?: Settings | undefined;
  readonly carriers?: readonly WeightCarrier[] | undefined;
  /** Figures from elsewhere, beside those of the events: a rehearsal counts every request. */
  readonly measured?: readonly Point[] | undefined;
  /** Sections of whoever asks for the report, after the timeline. */
  readonly more?: readonly Block[] | undefined;
  /** Instead of the title, lead and tone that the record gives. */
  readonly headline?: Pick<ReportDocument, "title" | "lead" | "tone"> | undefined;
  /** When it was made. */
  readonly at: Date;
}

/** The report of a migration, as blocks. */
export async function composeReport(input: ReportInput): Promise<ReportDocument> {
  const { stack, sources, settings, carriers = [], measured = [], more = [], headline, at } = input;
  const story = storyOf(sources, measured);
  const chart = await timelineChart(story);
  const blocks: readonly Block[] = [
    ...summarySection(story),
    ...(chart === undefined ? [] : [heading("Timeline"), chart]),
    ...more,
    ...(sources.entries.length === 0 ? [] : stagesSection(story)),
    ...deviationsSection(story),
    ...rollbacksSection(story),
    ...proofsSection(story),
    ...checksSection(story),
    ...actionsSection(story),
    ...integritySection(story),
    ...(settings === undefined
      ? [
          heading("Rollback plan"),
          text(`The settings were not read here: npm run pilot -- report --plan --stack ${stack}`),
        ]
      : rollbackPlan(settings, carriers)),
    text(`Made ${timeText(at.toISOString())} UTC from the record, its evidence files and the pilot's events.`),
  ];
  return { ...(headline ?? headlineOf(stack, story)), blocks };
}

/** The plan alone, before anything is done. */
export function composePlan(settings: Settings, carriers: readonly WeightCarrier[], at: Date): ReportDocument {
  return {
    title: `Rollback plan: ${settings.stack}`,
    lead: `For the settings as of ${timeText(at.toISOString())} UTC. Make it anew when they change: npm run pilot -- report --plan --stack ${settings.stack}`,
    tone: "open",
    blocks: rollbackPlan(settings, carriers),
  };
}

function headlineOf(stack: string, story: Story): Pick<ReportDocument, "title" | "lead" | "tone"> {
  const { sources } = story;
  const last = sources.entries.at(-1);
  const title = `Migration report: ${stack}`;
  if (last === undefined) return { title, lead: "Nothing is recorded yet.", tone: "open" };
  const deviations = deviationsOf(story).length;
  const rest = [
    deviations === 0 ? "nothing deviated from the plan" : `${deviations} deviations from the plan`,
    ...(sources.problems.length === 0 ? [] : [`${sources.problems.length} things about the record itself to look at`]),
  ].join("; ");
  const done = last.stage === "complete" || last.stage === "decommission";
  const tone = sources.problems.length > 0 || last.stage === "rollback" ? "bad" : done ? "good" : "open";
  const where = {
    good: `B has every request; the record stands at ${last.stage}`,
    open: `The migration stands at ${last.stage}: B has ${last.weightB} % of the requests`,
    bad: `The record stands at ${last.stage}: B has ${last.weightB} % of the requests`,
  }[tone];
  return { title, lead: `${where} since ${timeText(last.at)} UTC; ${rest}.`, tone };
}

function summarySection(story: Story): readonly Block[] {
  const { sources, stays } = story;
  const { entries } = sources;
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return [];
  const shares = stays.flatMap(({ points }) => points);
  const [a, b] = [totalsOf(shares, "a"), totalsOf(shares, "b")];
  const people = [...new Set(entries.map(({ by }) => by))];
  const rows = [
    ["from", `${timeText(first.at)} UTC`],
    ["to", `${timeText(last.at)} UTC, ${durationText(secondsBetween(first.at, last.at))} later`],
    ["entries of the record", countText(entries.length)],
    ["rollbacks", countText(entries.filter(({ kind }) => kind === "rollback").length)],
    ["program", [...new Set(entries.map(({ commit }) => commit))].join(", ")],
    ...(a === undefined && b === undefined
      ? []
      : [
          [
            "requests measured, A / B",
            `${countText(a?.requests)} / ${countText(b?.requests)}; errors ${percentText(a?.errorPercent, 3)} / ${percentText(b?.errorPercent, 3)}`,
          ],
        ]),
  ];
  return [table(["=", ""], rows), text("Made by:"), list(people)];
}
