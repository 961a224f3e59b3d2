import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { CHARTS, type ChartName, type KnownChart } from "./catalogue";
import { pack, type ArchivedFile } from "./tarball";
import { defaultsOf } from "./values";

/** A chart archive on disk. */
export interface WrittenChart {
  /** Path of the `.tgz`. */
  readonly file: string;
  readonly version: string;
  readonly appVersion: string;
  /** Of the archive, in hexadecimal. */
  readonly sha256: string;
}

function filesOf({ name, version, appVersion, description, valuePaths }: KnownChart): readonly ArchivedFile[] {
  const metadata = { apiVersion: "v2", name, description, type: "application", version, appVersion };
  const notes =
    "This archive stands for the official chart of the same name and version: it has its values and nothing to render.\n" +
    "Only the rehearsal's stand-in provider makes something of it. Do not install it in a cluster.\n";
  return [
    { path: `${name}/Chart.yaml`, content: Buffer.from(stringify(metadata)) },
    { path: `${name}/values.yaml`, content: Buffer.from(stringify(defaultsOf(valuePaths), { lineWidth: 0 })) },
    { path: `${name}/templates/NOTES.txt`, content: Buffer.from(notes) },
  ];
}

async function writeChart(folder: string, chart: KnownChart): Promise<WrittenChart> {
  const file = join(folder, `${chart.name}-${chart.version}.tgz`);
  const archive = pack(filesOf(chart));
  await writeFile(file, archive);
  const sha256 = createHash("sha256").update(archive).digest("hex");
  return { file, version: chart.version, appVersion: chart.appVersion, sha256 };
}

/**
 * Writes both charts as `<name>-<version>.tgz`, under the official names, versions and value paths. The same bytes on
 * every machine, so that a pinned digest holds.
 */
export async function writeCharts(folder: string): Promise<Record<ChartName, WrittenChart>> {
  await mkdir(folder, { recursive: true });
  return {
    api7ee3: await writeChart(folder, CHARTS.api7ee3),
    gateway: await writeChart(folder, CHARTS.gateway),
  };
}
