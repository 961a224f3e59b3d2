import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import * as pulumi from "@pulumi/pulumi";
import { type Settings } from "../migration/settings";
import { type Host } from "./host";

export type Chart = Settings["charts"]["controlPlane"];

/**
 * Hooks of a release: the archive must be the pinned one whenever something is made from it, in preview too. They run
 * only when the release changes, so a missing archive never holds the way back.
 */
export function pinnedChart(name: string, chart: Chart, host: Host): pulumi.ResourceHookBinding {
  const hook = new pulumi.ResourceHook(`${name}-pinned-chart`, () => verifyChart(chart, host.projectFolder), {
    onDryRun: true,
  });
  return { beforeCreate: [hook], beforeUpdate: [hook] };
}

/** @throws when the archive cannot be read or has another digest than the settings say */
export async function verifyChart(chart: Chart, projectFolder: string): Promise<void> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(resolve(projectFolder, chart.file)), hash);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The chart ${chart.file} cannot be read: ${why}. Pull version ${chart.version} into that file.`);
  }
  const digest = hash.digest("hex");
  if (digest === chart.sha256) return;
  throw new Error(
    `The chart ${chart.file} has SHA-256 ${digest}, the settings pin ${chart.sha256} for version ${chart.version}.\n` +
      "Pull the archive anew, and change the pin only if the publisher's digest is the new one.",
  );
}
