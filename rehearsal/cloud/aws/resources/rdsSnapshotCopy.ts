import { tagEntries } from "../tags";
import { doing, existing, finishing, type Handler, ProviderError, type Services, statusOf } from "./handler";
import { INPUTS } from "./inputs";
import { snapshotHandler } from "./rdsOther";

/** `aws.rds.SnapshotCopy`: a snapshot like any other once it is there. Only its tags can change. */
export function snapshotCopyHandler(services: Services): Handler {
  const { rds, rdsState } = services;
  const snapshots = snapshotHandler(services);
  const read: Handler["read"] = async (id) => {
    const look = await snapshots.read(id);
    if (look === undefined) return undefined;
    const { dbSnapshotIdentifier, tags, region } = look.inputs;
    const { kmsKeyId, ...computed } = look.computed;
    return { inputs: { targetDbSnapshotIdentifier: dbSnapshotIdentifier, kmsKeyId, tags, region }, computed };
  };

  return {
    async create(props) {
      const inputs = INPUTS["rds/snapshotCopy"].parse(props);
      const { targetDbSnapshotIdentifier: id } = inputs;
      const what = `creating RDS DB Snapshot Copy (${id})`;
      await doing(what, async () =>
        Promise.resolve(
          rds.CopyDBSnapshot({
            SourceDBSnapshotIdentifier: inputs.sourceDbSnapshotIdentifier,
            TargetDBSnapshotIdentifier: id,
            KmsKeyId: inputs.kmsKeyId,
            CopyTags: inputs.copyTags,
            Tags: tagEntries(inputs.tags),
          }),
        ),
      );
      return finishing(
        id,
        () => read(id),
        async () => {
          await rdsState.settled(id);
          const status = statusOf(await read(id));
          if (status === "available") return;
          throw new ProviderError(
            `${what}: waiting for completion: unexpected state '${status}', wanted target 'available'`,
          );
        },
      );
    },

    read,

    async update(id, props) {
      const { tags } = INPUTS["rds/snapshotCopy"].parse(props);
      await snapshots.update(id, { dbInstanceIdentifier: "", dbSnapshotIdentifier: id, tags });
      return existing(id, () => read(id));
    },

    delete: (id, state) => snapshots.delete(id, state),
  };
}
