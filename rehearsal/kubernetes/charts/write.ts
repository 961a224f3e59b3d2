import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
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

/** What Helm itself renders; the stand-in provider makes the same objects by its own code (`render.ts`). */
const TEMPLATES = join(__dirname, "templates");

async function filesOf({ name, version, appVersion, description, valuePaths }: KnownChart): Promise<ArchivedFile[]> {
  const metadata = { apiVersion: "v2", name, description, type: "application", version, appVersion };
  const notes =
    "This chart stands for the official one of the same name and version in rehearsals: it has its values and the objects\n" +
    "that the migration needs, without the built-in database and monitoring.\n";
  // Sorted: the same bytes on every machine.
  const templates = (await readdir(join(TEMPLATES, name))).sort();
  return [
    { path: `${name}/Chart.yaml`, content: Buffer.from(stringify(metadata)) },
    { path: `${name}/values.yaml`, content: Buffer.from(stringify(defaultsOf(valuePaths), { lineWidth: 0 })) },
    { path: `${name}/templates/NOTES.txt`, content: Buffer.from(notes) },
    ...(await Promise.all(
      templates.map(async (file) => ({
        path: `${name}/templates/${file}`,
        content: await readFile(join(TEMPLATES, name, file)),
      })),
    )),
  ];
}

async function writeChart(folder: string, chart: KnownChart): Promise<WrittenChart> {
  const file = join(folder, `${chart.name}-${chart.version}.tgz`);
  const archive = pack(await filesOf(chart));
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
