import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type Pod } from "./pod";

/**
 * The addresses of a name as seen from this cluster: an IP address is itself; every other name is looked up in the
 * cluster's table of Services. The computer's own DNS is not asked: a rehearsal reaches nothing outside.
 * @throws Error when the cluster knows no ready address for the name.
 */
export function resolveName(pod: Pod, name: string): readonly string[] {
  if (isIP(name) !== 0) return [name];
  const table = JSON.parse(readFileSync(pod.hostsFile, "utf8")) as Readonly<
    Record<string, readonly string[] | undefined>
  >;
  const addresses = table[name] ?? [];
  if (addresses.length === 0)
    throw new Error(`failed to parse domain: ${name}, error: no such host in cluster ${pod.cluster}`);
  return addresses;
}
