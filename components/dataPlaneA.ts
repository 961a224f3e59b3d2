import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Settings } from "../migration/settings";
import { targetGroupBinding } from "./dataPlane";
import { type TrafficSplit } from "./trafficSplit";

export interface DataPlaneAArgs {
  readonly settings: Settings;
  readonly split: TrafficSplit;
  /** Cluster A's API server. */
  readonly provider: kubernetes.Provider;
}

/**
 * Puts A's gateways into the target groups that the program made for them. Never into a group of A's own: a second
 * binding would deregister the targets of the first (facts/aws.md 1).
 */
export class DataPlaneA extends pulumi.ComponentResource {
  constructor(name: string, args: DataPlaneAArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DataPlaneA", name, {}, options);
    const { settings, split, provider } = args;
    for (const group of settings.gatewayGroups) {
      const { ownsGroupA, targetGroupA } = split.of(group);
      if (!ownsGroupA) continue;
      const { deployment, service } = group.clusterA;
      const bindingName = `api7-migration-${settings.stack}-${group.name}`;
      new CustomResource(
        `${name}-${group.name}-targets`,
        targetGroupBinding(bindingName, settings.clusterA.namespace, service ?? `${deployment}-gateway`, targetGroupA),
        { parent: this, provider },
      );
    }
    this.registerOutputs();
  }
}
