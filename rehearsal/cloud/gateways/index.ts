import { createHash } from "node:crypto";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { pathToFileURL } from "node:url";
import { PROBE_NAME } from "../../../checks/clients/probeFormat";

/** The processes of API7 and their images: repository, the tag's form, and the folder of the stand-in. */
const STAND_INS = [
  { repository: "api7/api7-ee-3-integrated", tag: /^v(3\.9\.\d+)$/, folder: "dashboard" },
  { repository: "api7/api7-ee-dp-manager", tag: /^v(3\.9\.\d+)$/, folder: "dpManager" },
  { repository: "api7/api7-ee-developer-portal", tag: /^v(3\.9\.\d+)$/, folder: "portal" },
  { repository: "api7/api7-ee-3-gateway", tag: /^(3\.9\.\d+)$/, folder: "gateway" },
] as const;

/** What the gateway's image runs when a container's command is the probe's (checks/clients/probePod.ts). */
const PROBE_FOLDER = "probe";

/** Bundled programs by folder, once `prepareGateways` has run. */
const bundles = new Map<string, string>();

/**
 * The command that runs an image's stand-in, as argument list. Undefined for an image that does not exist: another
 * repository, or a tag of the wrong form. Tags of the control plane begin with "v", the gateway's do not (facts/api7.md 1.2 and 1.4).
 */
export function podCommand(
  image: string,
  _component?: string,
  own?: { readonly command: readonly string[]; readonly args: readonly string[] },
): string[] | undefined {
  const [repository, tag = ""] = splitImage(image);
  const standIn = STAND_INS.find((candidate) => candidate.repository === repository);
  const version = standIn?.tag.exec(tag)?.[1];
  if (!standIn || version === undefined) return undefined;
  const isProbe = own?.command.at(-1) === PROBE_NAME && standIn.folder === "gateway";
  // Other commands than the image's own have no stand-in. The DP Manager's chart gives it its own (`api7-ee-dp-manager`).
  const isOwn = own?.command[0]?.endsWith(repository.split("/").at(-1) ?? "") === true;
  if (own !== undefined && !isProbe && !isOwn) return undefined;
  const folder = isProbe ? PROBE_FOLDER : standIn.folder;
  const bundle = bundles.get(folder);
  const program = bundle === undefined ? ["--import", tsxLoader(), sourceOf(folder)] : [bundle];
  return [process.execPath, ...program, "--version", version, ...(isProbe ? own.args : [])];
}

/**
 * Bundles the stand-ins into one file each, so that a pod starts in the time of plain Node. Files are named by content:
 * what was bundled before is used again.
 */
export async function prepareGateways(cacheFolder: string): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const folders = [...STAND_INS.map(({ folder }) => folder), PROBE_FOLDER];
  const result = await build({
    entryPoints: Object.fromEntries(folders.map((folder) => [folder, sourceOf(folder)])),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["pg-native", "pg-cloudflare"],
    outdir: cacheFolder,
    write: false,
    logLevel: "silent",
  });
  const existing = new Set(await readdir(cacheFolder));
  for (const folder of folders) {
    const output = result.outputFiles.find(({ path }) => path.endsWith(`${folder}.js`));
    if (!output) throw new Error(`esbuild wrote no bundle for ${folder}.`);
    const digest = createHash("sha256").update(output.contents).digest("hex").slice(0, 16);
    const name = `${folder}-${digest}.cjs`;
    const path = join(cacheFolder, name);
    if (!existing.has(name)) await writeWhole(path, output.contents);
    bundles.set(folder, path);
  }
}

/** By renaming: another process may be about to run the file. */
async function writeWhole(path: string, contents: Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, contents);
  await rename(partial, path);
}

/** Repository without registry, and tag without digest. */
function splitImage(image: string): readonly [string, string | undefined] {
  const [name = ""] = image.split("@");
  const colon = name.lastIndexOf(":");
  const path = colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
  const tag = colon > name.lastIndexOf("/") ? name.slice(colon + 1) : undefined;
  return [path.split("/").slice(-2).join("/"), tag];
}

function sourceOf(folder: string): string {
  return join(__dirname, folder, "main.ts");
}

function tsxLoader(): string {
  return pathToFileURL(require.resolve("tsx")).href;
}
