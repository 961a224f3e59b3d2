import type { DBSubnetGroup } from "@aws-sdk/client-rds";
import { AwsError, validationError } from "../errors";
import { type Tags } from "../tags";
import { describeSubnets } from "./describe";
import { parameterGroupNameFault, subnetGroupNameFault } from "./limits";
import { refuse } from "./modify";
import { parameterKind } from "./parameters";
import { type Parameter, type ParameterGroup, type SubnetGroup } from "./records";
import { type RdsState } from "./state";

type Named = { readonly name: string };

/** RDS's actions on subnet and parameter groups. Nothing but the plugin calls them, so they have their own inputs. */
export type GroupActions = {
  CreateDBSubnetGroup(input: Omit<SubnetGroup, "vpcId">): void;
  DescribeDBSubnetGroups(input: Named): { readonly group: SubnetGroup; readonly api: DBSubnetGroup };
  ModifyDBSubnetGroup(input: Omit<SubnetGroup, "vpcId" | "tags">): void;
  DeleteDBSubnetGroup(input: Named): void;
  CreateDBParameterGroup(input: Omit<ParameterGroup, "parameters">): void;
  DescribeDBParameters(input: Named): ParameterGroup;
  /** Sets these parameters; others stay. */
  ModifyDBParameterGroup(input: Named & { readonly parameters: readonly Parameter[] }): void;
  /** Takes these parameters away. */
  ResetDBParameterGroup(input: Named & { readonly names: readonly string[] }): void;
  DeleteDBParameterGroup(input: Named): void;
  /** Sets all tags of an instance, snapshot, subnet group or parameter group at once. */
  AddTagsToResource(input: { readonly arn: string; readonly tags: Tags }): void;
};

export function groupActions(state: RdsState): GroupActions {
  const { network } = state.options;
  return {
    CreateDBSubnetGroup(input) {
      refuse(subnetGroupNameFault(input.name));
      if (state.subnetGroups.has(input.name)) {
        throw new AwsError("DBSubnetGroupAlreadyExists", `The DB subnet group '${input.name}' already exists.`);
      }
      state.subnetGroups.set(input.name, { ...input, vpcId: coveredVpc(state, input.subnetIds) });
    },

    DescribeDBSubnetGroups({ name }) {
      const group = state.subnetGroup(name);
      return { group, api: describeSubnets(state, group) ?? {} };
    },

    ModifyDBSubnetGroup({ name, description, subnetIds }) {
      const before = state.subnetGroup(name);
      for (const { identifier, subnetGroupName, zone } of state.instances.values()) {
        const zones = subnetIds.map((id) => network.subnets.get(id)?.zone);
        if (subnetGroupName !== name || zones.includes(zone)) continue;
        throw new AwsError("SubnetAlreadyInUse", `The subnet in zone ${zone} is in use by DB instance ${identifier}.`);
      }
      state.subnetGroups.set(name, { ...before, description, subnetIds, vpcId: coveredVpc(state, subnetIds) });
    },

    DeleteDBSubnetGroup({ name }) {
      state.subnetGroup(name);
      const user = [...state.instances.values()].find(({ subnetGroupName }) => subnetGroupName === name);
      if (user !== undefined) {
        throw new AwsError(
          "InvalidDBSubnetGroupStateFault",
          `Cannot delete the subnet group '${name}' because at least one database instance: ${user.identifier} is still using it.`,
        );
      }
      state.subnetGroups.delete(name);
    },

    CreateDBParameterGroup(input) {
      refuse(parameterGroupNameFault(input.name));
      if (!/^postgres\d+$/.test(input.family)) {
        throw new AwsError(
          "InvalidParameterValue",
          `ParameterGroupFamily ${input.family} is not a valid parameter group family`,
        );
      }
      if (state.parameterGroups.has(input.name)) {
        throw new AwsError("DBParameterGroupAlreadyExists", `Parameter group ${input.name} already exists`);
      }
      state.parameterGroups.set(input.name, { ...input, parameters: [] });
    },

    DescribeDBParameters: ({ name }) => state.parameterGroup(name),

    ModifyDBParameterGroup({ name, parameters }) {
      const before = state.parameterGroup(name);
      parameters.forEach(checkParameter);
      const changed = new Set(parameters.map((parameter) => parameter.name));
      const kept = before.parameters.filter((parameter) => !changed.has(parameter.name));
      state.parameterGroups.set(name, { ...before, parameters: [...kept, ...parameters] });
      restartNeeded(state, name);
    },

    ResetDBParameterGroup({ name, names }) {
      const before = state.parameterGroup(name);
      const parameters = before.parameters.filter((parameter) => !names.includes(parameter.name));
      state.parameterGroups.set(name, { ...before, parameters });
      restartNeeded(state, name);
    },

    DeleteDBParameterGroup({ name }) {
      state.parameterGroup(name);
      const user = [...state.instances.values()].find(({ settings }) => settings.DBParameterGroupName === name);
      if (user !== undefined) {
        throw new AwsError(
          "InvalidDBParameterGroupState",
          `One or more database instances are still members of this parameter group ${name} (${user.identifier}), so the group cannot be deleted`,
        );
      }
      state.parameterGroups.delete(name);
    },

    AddTagsToResource({ arn, tags }) {
      const [kind = "", name = ""] = arn.split(":").slice(5);
      if (kind === "db") state.edit(state.instance(name).resourceId, { tags });
      else if (kind === "snapshot") state.editSnapshot(state.snapshot(name).identifier, { tags });
      else if (kind === "subgrp") state.subnetGroups.set(name, { ...state.subnetGroup(name), tags });
      else if (kind === "pg") state.parameterGroups.set(name, { ...state.parameterGroup(name), tags });
      else throw validationError(`Invalid resource name: ${arn}`);
    },
  };
}

/** The one VPC of subnets in at least two zones. */
function coveredVpc(state: RdsState, subnetIds: readonly string[]): string {
  const subnets = subnetIds.map((id) => {
    const subnet = state.options.network.subnets.get(id);
    if (subnet === undefined) throw new AwsError("InvalidSubnet", `Subnet IDs are invalid: ${id}`);
    return subnet;
  });
  const zones = new Set(subnets.map(({ zone }) => zone));
  const [vpcId = "", ...others] = new Set(subnets.map((subnet) => subnet.vpcId));
  if (others.length > 0) throw new AwsError("InvalidSubnet", "The subnets are not all in the same VPC.");
  if (zones.size < 2) {
    throw new AwsError(
      "DBSubnetGroupDoesNotCoverEnoughAZs",
      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. " +
        `Current AZ coverage: ${[...zones].join(", ")}. Add subnets to cover at least 2 AZs.`,
    );
  }
  return vpcId;
}

function checkParameter({ name, applyMethod }: Parameter): void {
  const kind = parameterKind(name);
  if (kind === undefined) throw new AwsError("InvalidParameterValue", `Could not find parameter with name: ${name}`);
  if (kind === "static" && applyMethod === "immediate") {
    throw new AwsError(
      "InvalidParameterCombination",
      `cannot use immediate apply method for static parameter (${name})`,
    );
  }
}

/** Changed values of a group in use wait for a restart, as far as the local cloud is concerned. */
function restartNeeded(state: RdsState, group: string): void {
  for (const { resourceId, settings } of state.instances.values()) {
    if (settings.DBParameterGroupName === group) state.edit(resourceId, { parameterApplyStatus: "pending-reboot" });
  }
}
