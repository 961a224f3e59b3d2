import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type RenderedFile } from "../../kubernetes/rendered";

/** What a process knows of the pod it runs in; the runner gives it in environment variables. */
export interface Pod {
  readonly name: string;
  readonly ip: string;
  readonly namespace: string;
  readonly cluster: "a" | "b";
  /** Below it are the mounted files, at their paths in the container. */
  readonly root: string;
  /** JSON file of the names that this cluster's DNS would answer. */
  readonly hostsFile: string;
  /** Waits are divided by it. */
  readonly pace: number;
}

/** @throws Error naming the first variable that is missing or wrong. */
export function readPod(environment: Readonly<Record<string, string | undefined>> = process.env): Pod {
  const need = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === "") throw new Error(`The environment variable ${name} is missing.`);
    return value;
  };
  const cluster = need("REHEARSAL_CLUSTER");
  if (cluster !== "a" && cluster !== "b") throw new Error(`REHEARSAL_CLUSTER is ${cluster}, expected a or b.`);
  const pace = Number(need("REHEARSAL_PACE"));
  if (!(pace >= 1)) throw new Error(`REHEARSAL_PACE is ${need("REHEARSAL_PACE")}, expected a number of at least 1.`);
  return {
    name: need("POD_NAME"),
    ip: need("POD_IP"),
    namespace: need("POD_NAMESPACE"),
    cluster,
    root: need("REHEARSAL_ROOT"),
    hostsFile: need("REHEARSAL_HOSTS"),
    pace,
  };
}

/** Reads a mounted file. */
export function readMounted(pod: Pod, path: string): string {
  return readFileSync(join(pod.root, path), "utf8");
}

/** The config file that the chart rendered for this process; its type is the one that belongs to `file`. */
export function readConfiguration(pod: Pod, file: RenderedFile): unknown {
  return parse(readMounted(pod, file.file));
}

/**
 * Where a listener of the config file is opened: all addresses of a pod are its one loopback address here. Undefined for
 * the pod's own loopback: nobody outside of a pod could reach it, so it is not opened at all.
 */
export function listenAddress(pod: Pod, host: string): string | undefined {
  if (host === "127.0.0.1" || host === "localhost" || host === "::1") return undefined;
  return pod.ip;
}

/** A wait of the product, shortened by the pace, but not below `minimumMs`. */
export function paced(pod: Pod, ms: number, minimumMs: number): number {
  return Math.max(minimumMs, ms / pod.pace);
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of a duration as Go and nginx write it: `500ms`, `75s`, `5m`, `1h`; a bare number is seconds. */
export function durationMs(text: string | number): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(text));
  if (!found) throw new Error(`"${text}" is not a duration such as 30s, 5m or 1h.`);
  return Number(found[1]) * UNIT_MS[(found[2] ?? "s") as keyof typeof UNIT_MS];
}
