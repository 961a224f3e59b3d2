import { run } from "../../engine/run";

/**
 * Addresses of the pods of both clusters. The default tier takes them from loopback; a real API server refuses loopback
 * addresses in EndpointSlices and in its proxy. These are from 198.18.0.0/15, which is set apart for tests of networks
 * (RFC 2544): a local route makes the kernel take every one of them for its own, without an interface of their own.
 */
export interface PodNetworks {
  /** First three numbers of cluster A's pods, as `198.18.12`; the one after the last is its node's. */
  readonly a: string;
  readonly b: string;
  release(): Promise<void>;
}

const SECONDS = 20;
/** Host number of the node in its pods' network. */
export const NODE_HOST = 255;

/**
 * Makes the run's pod addresses usable on this machine.
 * @param network the /16 of loopback that the run owns, as `127.12`
 * @throws Error with the command to run when this user may not
 */
export async function claimPodNetworks(network: string): Promise<PodNetworks> {
  const octet = network.split(".")[1] ?? "";
  const networks = { a: `198.18.${octet}`, b: `198.19.${octet}` };
  const all = [networks.a, networks.b];
  if (process.platform !== "linux") {
    throw new Error(
      `--kubernetes real needs Linux (this is ${process.platform}): run it in a Linux machine or container.`,
    );
  }
  const added: string[] = [];
  const release = async (): Promise<void> => {
    for (const one of added) await route(["del", "local", `${one}.0/24`, "dev", "lo"]);
  };
  for (const one of all) {
    // As connections to loopback have it, the caller's address is 127.0.0.1. A route that a killed run left is as good.
    const failure = await route(["replace", "local", `${one}.0/24`, "dev", "lo", "src", "127.0.0.1"]);
    if (failure !== undefined) {
      await release();
      const commands = all.map((net) => `ip route replace local ${net}.0/24 dev lo src 127.0.0.1`).join(" && ");
      throw new Error(
        `The addresses of the pods cannot be made local to this machine: ${failure}.\n` +
          `Run the rehearsal as root, or allow \`sudo -n ip\`; \`ip\` comes with the package iproute2. By hand: ${commands}`,
      );
    }
    added.push(one);
  }
  return { ...networks, release };
}

/** `ip route`, by sudo where this user may not; answers why it failed. */
async function route(args: readonly string[]): Promise<string | undefined> {
  const options = { env: process.env, limitSeconds: SECONDS };
  const direct = await run("ip", ["route", ...args], options);
  if (direct.failure === undefined) return undefined;
  const asRoot = await run("sudo", ["-n", "ip", "route", ...args], options);
  return asRoot.failure === undefined ? undefined : `\`ip route\` ${direct.failure}: ${direct.lastLines.join(" ")}`;
}
