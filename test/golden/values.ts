import { stringify } from "yaml";
import { the } from "../components/recorder";
import { settingsOf } from "../migration/stackConfig";
import { readable, recordStage, type StackName } from "./golden";

/** What both charts are given, for people who know their values: one YAML file for each release of a stack. */

const RELEASE = "kubernetes:helm.sh/v3:Release";

/** File names and texts. No stage changes them; that is a test of the components. */
export async function valueFilesOf(stack: StackName): Promise<Readonly<Record<string, string>>> {
  const recording = await recordStage(stack, "start");
  if (recording.error !== undefined) throw recording.error;
  const settings = settingsOf(stack, { stage: "start" });
  const releases = [
    {
      file: "values-controlPlane",
      release: "control-plane-b",
      chart: "api7ee3",
      version: settings.charts.controlPlane,
    },
    ...settings.gatewayGroups.map(({ name }) => ({
      file: `values-dataPlane-${name}`,
      release: `data-plane-b-${name}`,
      chart: "gateway",
      version: settings.charts.dataPlane,
    })),
  ];
  return Object.fromEntries(
    releases.map(({ file, release, chart, version }) => {
      const { values } = the(recording, RELEASE, release).inputs as { readonly values: unknown };
      const head = `# Values of ${release}: chart ${chart} ${version.version}. Every path: components/valuePaths.ts\n`;
      return [`${file}.yaml`, head + stringify(unfolded(readable(values, {})), { lineWidth: 120 })] as const;
    }),
  );
}

/** A secret object shows its shape, its secret texts stay hidden. */
function unfolded(value: unknown): unknown {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  const [first] = entries;
  return entries.length === 1 && first?.[0] === "[secret]" ? first[1] : value;
}
