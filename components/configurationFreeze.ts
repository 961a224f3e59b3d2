import { ListenerRule } from "@pulumi/aws/lb";
import { Snapshot } from "@pulumi/aws/rds";
import { DeploymentPatch } from "@pulumi/kubernetes/apps/v1";
import { HorizontalPodAutoscalerPatch } from "@pulumi/kubernetes/autoscaling/v2";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { WRITING_METHODS } from "../migration/methods";
import { refusingPriority } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { proof } from "./proof";
import { type CommandSecrets } from "./secrets";

export interface ConfigurationFreezeArgs {
  readonly settings: Settings;
  /** Cluster A's API server. */
  readonly provider: kubernetes.Provider;
  readonly secrets: CommandSecrets;
}

/** What a method that writes is answered with. */
const REFUSAL = {
  type: "fixed-response",
  fixedResponse: {
    statusCode: "503",
    contentType: "application/json",
    messageBody: JSON.stringify({
      error_msg: "API7 is being migrated: its configuration is frozen, reading goes on.",
    }),
  },
};

/**
 * What the program does to A, which is somebody else's: patches with `patchForce`, and rules on its admin entry.
 *
 * Every patch is `retainOnDelete`: letting one go would set the field to the API's default, one replica, and not to the
 * size before (facts/pulumi.md 7). Opening A again therefore means patching the recorded sizes back.
 */
export class ConfigurationFreeze extends pulumi.ComponentResource {
  private readonly args: ConfigurationFreezeArgs;

  constructor(name: string, args: ConfigurationFreezeArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:ConfigurationFreeze", name, {}, options);
    this.args = args;
    const { settings } = args;
    const { databaseADsn, controlPlaneToken } = args.secrets;
    const { clusterA, gatewayGroups, stage } = settings;
    const { clusterA: state } = shapeOf(stage);
    const { mode } = clusterA.freeze;
    // An emergency change lets people in again: the same resources, as they are when A is open.
    const letIn = state === "frozen" && settings.emergencyChange !== undefined;

    const dashboards = mode === "scale-dashboard" || state === "stopped";
    const patches: pulumi.Resource[] = [];
    const before: pulumi.Resource[] = [];
    if (state === "stopped" && clusterA.databaseIdentifier !== undefined) {
      // Taken while A is whole: what was A stays readable whatever happens to its instance.
      before.push(
        new Snapshot(
          `${name}-final`,
          {
            dbInstanceIdentifier: clusterA.databaseIdentifier,
            dbSnapshotIdentifier: `api7-${settings.stack}-a-final`,
            tags: settings.tags,
          },
          { parent: this, retainOnDelete: true, customTimeouts: { create: "4h" } },
        ),
      );
    }
    // At `abandon` only what the freeze had scaled is brought back.
    if (dashboards && (state !== "open" || mode === "scale-dashboard")) {
      const size = (recorded: number): number => (state === "open" || letIn ? recorded : 0);
      patches.push(
        this.replicas(name, `${clusterA.controlPlane}-dashboard`, size(clusterA.replicas.dashboard), before),
      );
      if (clusterA.replicas.developerPortal > 0) {
        const portal = size(clusterA.replicas.developerPortal);
        patches.push(this.replicas(name, `${clusterA.controlPlane}-developer-portal`, portal, before));
      }
    }
    if (state === "stopped") {
      patches.push(this.replicas(name, `${clusterA.controlPlane}-dp-manager`, 0, before));
      for (const group of gatewayGroups) patches.push(this.replicas(name, group.clusterA.deployment, 0, before));
    }
    for (const { clusterA: gateways } of gatewayGroups) {
      if (gateways.autoscaler === undefined) continue;
      // Frozen: never below the recorded size, so that a rollback finds A whole. Open again: its own minimum.
      const minimum = state === "open" ? gateways.autoscaler.minimum : gateways.replicas;
      patches.push(this.minimum(name, gateways.autoscaler.name, minimum, before));
    }
    if (state !== "open") {
      if (clusterA.freeze.mode === "writes-only") {
        patches.push(...this.refuseWrites(name, clusterA.freeze, letIn, before));
      }
      proof(
        `${name}-held`,
        {
          name: "freeze",
          request: scopeOf(settings),
          secrets: { databaseADsn, controlPlaneToken },
        },
        {
          parent: this,
          dependsOn: [...patches, ...before],
          // The proof belongs to the moment of the freeze; the gate looks at it again at every later stage.
          ...(stage === "freeze" ? {} : { ignoreChanges: ["stdin", "environment"] }),
        },
      );
    }
    this.registerOutputs();
  }

  private replicas(
    name: string,
    deployment: string,
    replicas: number,
    dependsOn: readonly pulumi.Resource[],
  ): DeploymentPatch {
    return new DeploymentPatch(
      `${name}-${deployment}`,
      { metadata: this.metadata(deployment), spec: { replicas } },
      this.patchOptions(dependsOn),
    );
  }

  private minimum(
    name: string,
    autoscaler: string,
    minReplicas: number,
    dependsOn: readonly pulumi.Resource[],
  ): HorizontalPodAutoscalerPatch {
    return new HorizontalPodAutoscalerPatch(
      `${name}-${autoscaler}`,
      { metadata: this.metadata(autoscaler), spec: { minReplicas } },
      this.patchOptions(dependsOn),
    );
  }

  private metadata(name: string): { name: string; namespace: string; annotations: Record<string, string> } {
    // Helm owns the field; without force the patch fails with a conflict.
    return { name, namespace: this.args.settings.clusterA.namespace, annotations: { "pulumi.com/patchForce": "true" } };
  }

  private patchOptions(dependsOn: readonly pulumi.Resource[]): pulumi.CustomResourceOptions {
    return { parent: this, provider: this.args.provider, dependsOn: [...dependsOn], retainOnDelete: true };
  }

  /**
   * Signing in is a POST too, so it goes through by a rule of its own, asked first.
   * @param letIn while an emergency change is open the second rule lets writes through: who may write is A's own affair then
   */
  private refuseWrites(
    name: string,
    freeze: Extract<Settings["clusterA"]["freeze"], { mode: "writes-only" }>,
    letIn: boolean,
    dependsOn: readonly pulumi.Resource[],
  ): readonly ListenerRule[] {
    const hosts = freeze.hosts.length === 0 ? [] : [{ hostHeader: { values: [...freeze.hosts] } }];
    const shared = { listenerArn: freeze.listenerArn, tags: this.args.settings.tags };
    const options = { parent: this, dependsOn: [...dependsOn] };
    const login = new ListenerRule(
      `${name}-login`,
      {
        ...shared,
        priority: freeze.priority,
        conditions: [...hosts, { pathPattern: { values: [...freeze.loginPaths] } }],
        actions: [{ type: "forward", targetGroupArn: freeze.targetGroupArn }],
      },
      options,
    );
    const refuse = new ListenerRule(
      `${name}-writes`,
      {
        ...shared,
        priority: refusingPriority(freeze.priority),
        conditions: [...hosts, { httpRequestMethod: { values: [...WRITING_METHODS] } }],
        actions: [letIn ? { type: "forward", targetGroupArn: freeze.targetGroupArn } : REFUSAL],
      },
      { ...options, dependsOn: [login, ...dependsOn] },
    );
    return [login, refuse];
  }
}
