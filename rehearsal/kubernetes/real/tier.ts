import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Report } from "../../engine";
import { claimPodNetworks, type PodNetworks } from "./podNetworks";
import { type ProgramName } from "./parts";
import { ensurePrograms, type Programs } from "./programs";

/** Everything that a run of the real tier needs before its clouds start. */
export interface Tier {
  readonly programs: Programs;
  readonly podNetworks: PodNetworks;
}

/**
 * Gets programs and addresses of the real tier ready.
 * @param network the /16 of loopback that the run owns
 * @param only the programs that are needed; default: all
 * @throws Error naming what is missing and what mends it
 */
export async function openTier(network: string, report: Report, only?: readonly ProgramName[]): Promise<Tier> {
  const programs = await ensurePrograms({ report, ...(only === undefined ? {} : { only }) });
  return { programs, podNetworks: await claimPodNetworks(network) };
}

/**
 * Puts the real provider in the place of the stand-in plugin.
 * @param pathFolder the folder on the engine's `PATH` where the plugins are
 */
export async function useRealProvider(pathFolder: string, { programs }: Tier): Promise<void> {
  const launcher = join(pathFolder, "pulumi-resource-kubernetes");
  const provider = programs["pulumi-resource-kubernetes"].replaceAll("'", `'\\''`);
  // An engine may be starting this very file: never write into it, put another in its place.
  await writeFile(`${launcher}.real`, `#!/bin/sh\nexec '${provider}' "$@"\n`, { mode: 0o755 });
  await rename(`${launcher}.real`, launcher);
}
