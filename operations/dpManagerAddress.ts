import { z } from "zod";
import { type ClusterAccess } from "../migration/gateRequest";
import { CLUSTER, parse } from "../checks/request";
import { CouldNotLook } from "../checks/result";
import { openControlPlaneB } from "./controlPlaneB";

/**
 * Puts B's own address into Gateway Settings > Deployment of control plane B. The restored setting names A
 * (facts/api7.md 4.6), and whoever adds a gateway by the dashboard's script would connect it there.
 */

export interface DpManagerAddressRequest {
  readonly cluster: ClusterAccess;
  /** The only DP Manager address of B. */
  readonly address: string;
}

/** What is printed. */
export interface WrittenAddress {
  readonly dpManagerAddress: readonly string[];
  /** What was there before. */
  readonly before: readonly string[];
  readonly changed: boolean;
}

const REQUEST: z.ZodType<DpManagerAddressRequest> = z.strictObject({
  cluster: CLUSTER,
  address: z.url({ protocol: /^https$/ }),
});

/** @throws BadInput */
export function parseDpManagerAddressRequest(text: string): DpManagerAddressRequest {
  return parse(REQUEST, text, "{cluster, address}");
}

/**
 * Writes only what differs, and reads it back.
 * @throws CouldNotLook when control plane B refuses, keeps another address, or another setting changed with it
 */
export async function writeDpManagerAddress(
  { cluster, address }: DpManagerAddressRequest,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<WrittenAddress> {
  const { controlPlane } = await openControlPlaneB(cluster, environment, signal);
  const { dpManagerAddress: before, key, others } = await controlPlane.deploymentSettings();
  const isRight = (addresses: readonly string[]): boolean => addresses.length === 1 && addresses[0] === address;
  if (isRight(before)) return { dpManagerAddress: before, before, changed: false };
  await controlPlane.setDpManagerAddress(key, [address]);
  const after = await controlPlane.deploymentSettings();
  const subject = "control plane B, Gateway Settings > Deployment";
  if (!isRight(after.dpManagerAddress)) {
    throw new CouldNotLook(
      subject,
      `${key} is ${JSON.stringify(after.dpManagerAddress)} after ${address} was written`,
      "see who else writes it, then run pulumi up again",
    );
  }
  const names = new Set([...Object.keys(others), ...Object.keys(after.others)]);
  const touched = [...names].filter((name) => others[name] !== after.others[name]);
  if (touched.length > 0) {
    throw new CouldNotLook(
      subject,
      `${touched.join(", ")} changed together with ${key}`,
      "compare these settings with A's, put them back in B's dashboard, then run pulumi up again",
    );
  }
  return { dpManagerAddress: after.dpManagerAddress, before, changed: true };
}
