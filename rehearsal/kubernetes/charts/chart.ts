import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { CHARTS, isChartName, type KnownChart } from "./catalogue";
import { unpack } from "./tarball";
import { isMap } from "./values";

/** The head of a chart: what its `Chart.yaml` says. */
export interface ChartMetadata {
  readonly name: string;
  readonly version: string;
  readonly appVersion: string;
}

/** Text of `Chart.yaml` in an archive or a folder. */
async function readChartYaml(path: string): Promise<string> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch {
    // Helm's own words for a chart that is neither a file nor in a repository.
    throw new Error(`path "${path}" not found`);
  }
  if (isFolder) {
    return readFile(join(path, "Chart.yaml"), "utf8").catch(() => {
      throw new Error(`Chart.yaml file is missing in ${path}`);
    });
  }
  const archive = await readFile(path);
  let files;
  try {
    files = unpack(archive);
  } catch (error) {
    throw new Error(`${path} does not appear to be a gzipped archive: ${error instanceof Error ? error.message : ""}`);
  }
  const found = files.find((file) => /^[^/]+\/Chart\.yaml$/.test(file.path));
  if (found === undefined) {
    throw new Error(`Chart.yaml file is missing in ${path}`);
  }
  return found.content.toString("utf8");
}

/**
 * Opens a chart, a `.tgz` or a folder.
 * @throws Error when it is not there or is no chart
 */
export async function readChart(path: string): Promise<ChartMetadata> {
  const yaml = parse(await readChartYaml(path)) as unknown;
  const { name, version, appVersion } = isMap(yaml) ? yaml : {};
  if (typeof name !== "string" || typeof version !== "string") {
    throw new Error(`Chart.yaml in ${path} lacks name or version`);
  }
  return { name, version, appVersion: typeof appVersion === "string" ? appVersion : "" };
}

/** What the stand-in knows of a chart. @throws Error for charts and versions that it does not know */
export function knownChart({ name, version }: ChartMetadata): KnownChart {
  const known = isChartName(name) ? CHARTS[name] : undefined;
  if (known?.version !== version) {
    const all = Object.values(CHARTS).map((chart) => `${chart.name} ${chart.version}`);
    throw new Error(
      `The rehearsal's stand-in knows what the charts ${all.join(" and ")} do, not ${name} ${version}. ` +
        `Rehearse with those versions, or with a real cluster.`,
    );
  }
  return known;
}
