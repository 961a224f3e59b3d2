import { Listener } from "@pulumi/aws/lb";
import * as pulumi from "@pulumi/pulumi";
import { bareCall } from "../migration/bareCall";
import { settled } from "./outputs";
import { type StageGate } from "./stageGate";
import { type TrafficSplit } from "./trafficSplit";

/** How to get all requests back to A, by Pulumi and without it. */
export interface WayBack {
  /** URNs for `pulumi up --skip-preview --refresh --target ...`: every resource that carries weights, and the gate. */
  readonly targets: pulumi.Output<string[]>;
  /** Complete AWS CLI calls, one for each resource that carries weights. */
  readonly calls: pulumi.Output<string[]>;
}

export function wayBack(split: TrafficSplit, gate: StageGate, region: string): WayBack {
  const carriers = split.groups.map(({ carrier }) => carrier);
  return {
    targets: pulumi.all([...carriers.map(({ urn }) => urn), gate.command.urn]),
    calls: pulumi.all(
      split.groups.map(({ carrier, targetGroupA, targetGroupB }) =>
        pulumi.all([carrier.arn, targetGroupA, targetGroupB]).apply(([arn, a, b]) => {
          const kind = Listener.isInstance(carrier) ? "listener" : "rule";
          return bareCall({ kind, arn, region, targetGroupA: a, targetGroupB: b });
        }),
      ),
    ),
  };
}

/** Resolves when the engine has taken these resources, in preview as in an update. */
export async function registered(resources: readonly pulumi.Resource[]): Promise<void> {
  await Promise.all(resources.map(({ urn }) => settled(urn)));
}
