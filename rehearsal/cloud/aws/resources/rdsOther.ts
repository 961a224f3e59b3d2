import { tagEntries, tagsOf } from "../tags";
import {
  doing,
  existing,
  finishing,
  type Handler,
  type Look,
  ProviderError,
  type Services,
  statusOf,
  unlessGone,
} from "./handler";
import { INPUTS } from "./inputs";

/** `aws.rds.Snapshot`: waits until the copy is there. Only its tags can change. */
export function snapshotHandler({ account, rds, rdsState }: Services): Handler {
  const look = async (id: string): Promise<Look | undefined> => {
    const described = await unlessGone(["DBSnapshotNotFound"], () =>
      rds.DescribeDBSnapshots({ DBSnapshotIdentifier: id }),
    );
    const snapshot = described?.DBSnapshots?.[0];
    if (snapshot === undefined) return undefined;
    return {
      inputs: {
        dbInstanceIdentifier: snapshot.DBInstanceIdentifier,
        dbSnapshotIdentifier: snapshot.DBSnapshotIdentifier,
        tags: tagsOf(snapshot.TagList),
        region: account.region,
      },
      computed: {
        allocatedStorage: snapshot.AllocatedStorage,
        availabilityZone: snapshot.AvailabilityZone,
        dbSnapshotArn: snapshot.DBSnapshotArn,
        encrypted: snapshot.Encrypted,
        engine: snapshot.Engine,
        engineVersion: snapshot.EngineVersion,
        iops: snapshot.Iops ?? 0,
        kmsKeyId: snapshot.KmsKeyId ?? "",
        licenseModel: snapshot.LicenseModel,
        optionGroupName: snapshot.OptionGroupName,
        port: snapshot.Port,
        snapshotType: snapshot.SnapshotType,
        sourceDbSnapshotIdentifier: "",
        sourceRegion: "",
        status: snapshot.Status,
        storageType: snapshot.StorageType,
        vpcId: snapshot.VpcId,
      },
    };
  };

  return {
    async create(props) {
      const inputs = INPUTS["rds/snapshot"].parse(props);
      const { dbSnapshotIdentifier: id, dbInstanceIdentifier } = inputs;
      const what = `creating AWS DB Snapshot (${dbInstanceIdentifier})`;
      await doing(what, () =>
        rds.CreateDBSnapshot({
          DBInstanceIdentifier: dbInstanceIdentifier,
          DBSnapshotIdentifier: id,
          Tags: tagEntries(inputs.tags),
        }),
      );
      return finishing(
        id,
        () => look(id),
        async () => {
          await rdsState.settled(id);
          const status = statusOf(await look(id));
          if (status === "available") return;
          throw new ProviderError(
            `${what}: waiting for completion: unexpected state '${status}', wanted target 'available'`,
          );
        },
      );
    },

    read: look,

    async update(id, props) {
      const { tags } = INPUTS["rds/snapshot"].parse(props);
      const arn = account.rdsArn("snapshot", id);
      await doing(`updating RDS DB Snapshot (${arn}) tags`, () => rds.AddTagsToResource({ arn, tags }));
      return existing(id, () => look(id));
    },

    async delete(id) {
      await doing(`deleting RDS DB Snapshot (${id})`, () =>
        unlessGone(["DBSnapshotNotFound"], () => rds.DeleteDBSnapshot({ DBSnapshotIdentifier: id })),
      );
    },
  };
}

/** `aws.rds.SubnetGroup`. */
export function subnetGroupHandler({ account, rds }: Services): Handler {
  const look = async (name: string): Promise<Look | undefined> => {
    const described = await unlessGone(["DBSubnetGroupNotFoundFault"], () => rds.DescribeDBSubnetGroups({ name }));
    if (described === undefined) return undefined;
    const { group, api } = described;
    const { description, subnetIds, tags } = group;
    return {
      inputs: { name, description, subnetIds, tags, region: account.region },
      computed: { arn: api.DBSubnetGroupArn, supportedNetworkTypes: api.SupportedNetworkTypes, vpcId: api.VpcId },
    };
  };

  return {
    async create(props) {
      const { name, description, subnetIds, tags } = INPUTS["rds/subnetGroup"].parse(props);
      await doing(`creating RDS DB Subnet Group (${name})`, () =>
        rds.CreateDBSubnetGroup({ name, description, subnetIds, tags }),
      );
      return { id: name, ...(await existing(name, () => look(name))) };
    },

    read: look,

    async update(name, props) {
      const { description, subnetIds, tags } = INPUTS["rds/subnetGroup"].parse(props);
      const arn = account.rdsArn("subgrp", name);
      await doing(`updating RDS DB Subnet Group (${name})`, async () => {
        await rds.ModifyDBSubnetGroup({ name, description, subnetIds });
        await rds.AddTagsToResource({ arn, tags });
      });
      return existing(name, () => look(name));
    },

    async delete(name) {
      await doing(`deleting RDS Subnet Group (${name})`, () =>
        unlessGone(["DBSubnetGroupNotFoundFault"], () => rds.DeleteDBSubnetGroup({ name })),
      );
    },
  };
}

/** `aws.rds.ParameterGroup`. Its values are kept and shown; the local servers do not take them. */
export function parameterGroupHandler({ account, rds }: Services): Handler {
  const look = async (name: string): Promise<Look | undefined> => {
    const group = await unlessGone(["DBParameterGroupNotFound"], () => rds.DescribeDBParameters({ name }));
    if (group === undefined) return undefined;
    const { description, family, parameters, tags } = group;
    return {
      inputs: { name, description, family, parameters, tags, region: account.region },
      computed: { arn: account.rdsArn("pg", name) },
    };
  };
  const setParameters = async (name: string, props: Readonly<Record<string, unknown>>): Promise<void> => {
    const { parameters = [] } = INPUTS["rds/parameterGroup"].parse(props);
    await doing(`modifying RDS DB Parameter Group (${name})`, async () => {
      const before = await rds.DescribeDBParameters({ name });
      const names = parameters.map((parameter) => parameter.name);
      const gone = before.parameters.map((parameter) => parameter.name).filter((known) => !names.includes(known));
      if (names.length > 0) {
        await rds.ModifyDBParameterGroup({
          name,
          parameters: parameters.map((parameter) => ({
            name: parameter.name,
            value: parameter.value,
            applyMethod: parameter.applyMethod === "pending-reboot" ? "pending-reboot" : "immediate",
          })),
        });
      }
      if (gone.length > 0) await rds.ResetDBParameterGroup({ name, names: gone });
    });
  };

  return {
    async create(props) {
      const { name, description, family, tags } = INPUTS["rds/parameterGroup"].parse(props);
      await doing(`creating RDS DB Parameter Group (${name})`, () =>
        rds.CreateDBParameterGroup({ name, description, family, tags }),
      );
      return finishing(
        name,
        () => look(name),
        () => setParameters(name, props),
      );
    },

    read: look,

    async update(name, props) {
      const { tags } = INPUTS["rds/parameterGroup"].parse(props);
      await setParameters(name, props);
      const arn = account.rdsArn("pg", name);
      await doing(`updating tags for ${arn}`, () => rds.AddTagsToResource({ arn, tags }));
      return existing(name, () => look(name));
    },

    async delete(name, state) {
      if (state["skipDestroy"] === true) return;
      await doing(`deleting RDS DB Parameter Group (${name})`, () =>
        unlessGone(["DBParameterGroupNotFound"], () => rds.DeleteDBParameterGroup({ name })),
      );
    },
  };
}
