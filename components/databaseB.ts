import { Instance, ParameterGroup, Snapshot, SubnetGroup } from "@pulumi/aws/rds";
import type * as command from "@pulumi/command/local";
import * as pulumi from "@pulumi/pulumi";
import { databaseBIdentifier, snapshotIdentifier } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf, type Stage } from "../migration/stages";
import { POSTGRES_PORT } from "./network";
import { proof } from "./proof";
import { type CommandSecrets } from "./secrets";

export interface DatabaseBArgs {
  readonly settings: Settings;
  readonly securityGroupId: pulumi.Input<string>;
  /** `databaseBPassword` is what the master user gets after the restore. */
  readonly secrets: CommandSecrets;
}

const RSA_CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1";

/**
 * Database B: a snapshot of A, the instance restored from it, and the proof that both are equal.
 *
 * The proof is of the moment before control plane B first starts: from then on B is written to, so it is never repeated.
 */
export class DatabaseB extends pulumi.ComponentResource {
  /** Connection string of the control plane, `postgres://` as API7 wants it. Secret. */
  readonly dsn: pulumi.Output<string>;
  readonly identifier: string;
  /** What must hold before anything may write to B. */
  readonly proved: command.Command;

  constructor(name: string, args: DatabaseBArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DatabaseB", name, {}, options);
    const { settings } = args;
    const { databaseADsn, databaseBPassword } = args.secrets;
    const { databaseB, clusterA, network, tags, stage } = settings;
    const { protectB: protect } = shapeOf(stage);
    const child = { parent: this };
    const large = `${databaseB.restoreHours}h`;
    this.identifier = databaseBIdentifier(settings);

    const snapshot = new Snapshot(
      `${name}-source`,
      { dbInstanceIdentifier: clusterA.databaseIdentifier, dbSnapshotIdentifier: snapshotIdentifier(settings), tags },
      {
        ...child,
        // The safety copy outlives the stack.
        retainOnDelete: true,
        customTimeouts: { create: large },
        hooks: { beforeCreate: [copyHook(`${name}-copy-in-time`, stage)] },
      },
    );
    const subnets = new SubnetGroup(name, { subnetIds: [...network.databaseSubnetIds], tags }, { ...child, protect });
    const parameters = new ParameterGroup(
      name,
      {
        family: databaseB.parameterGroupFamily,
        // Static parameters take effect with the restart that the restore ends with.
        parameters: Object.entries(databaseB.parameters)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => ({ name: key, value, applyMethod: "pending-reboot" })),
        tags,
      },
      { ...child, protect },
    );
    const instance = new Instance(
      name,
      {
        identifier: this.identifier,
        // A plain name, so that a preview never shows it as unknown: an unknown one would read as a replacement.
        snapshotIdentifier: snapshotIdentifier(settings),
        // Nothing comes from the snapshot but data and master user: whatever is not said here falls back to a default.
        engine: "postgres",
        engineVersion: databaseB.engineVersion,
        instanceClass: databaseB.instanceClass,
        storageType: databaseB.storageType,
        storageEncrypted: true,
        port: POSTGRES_PORT,
        dbSubnetGroupName: subnets.name,
        vpcSecurityGroupIds: [args.securityGroupId],
        parameterGroupName: parameters.name,
        publiclyAccessible: false,
        multiAz: databaseB.multiAz,
        caCertIdentifier: RSA_CERTIFICATE_AUTHORITY,
        autoMinorVersionUpgrade: false,
        allowMajorVersionUpgrade: false,
        copyTagsToSnapshot: true,
        enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
        maintenanceWindow: databaseB.maintenanceWindow,
        backupWindow: databaseB.backupWindow,
        // A restore takes no password; it is changed right afterwards.
        password: databaseBPassword,
        applyImmediately: true,
        // With backups on, the restored instance would stay in `backing-up` for hours before it counts as there.
        backupRetentionPeriod: stage === "restore" ? 0 : databaseB.backupRetentionDays,
        deleteAutomatedBackups: false,
        deletionProtection: protect,
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: `${this.identifier}-final`,
        tags,
      },
      {
        ...child,
        protect,
        dependsOn: [snapshot],
        customTimeouts: { create: large, update: large, delete: large },
      },
    );
    this.proved = proof(
      `${name}-equal`,
      { name: "copy", request: scopeOf(settings), secrets: { databaseADsn, databaseBPassword } },
      {
        parent: this,
        dependsOn: [instance],
        // Taken at `restore`. Later B differs for good reasons, and other settings must not bring the proof back.
        ...(stage === "restore" ? {} : { ignoreChanges: ["stdin", "environment"] }),
      },
    );
    this.dsn = pulumi.secret(
      pulumi.all([databaseBPassword, instance.address]).apply(([password, address]) => {
        const user = `${encodeURIComponent(databaseB.username)}:${encodeURIComponent(password)}`;
        const target = `${address}:${POSTGRES_PORT}/${encodeURIComponent(databaseB.database)}`;
        return `postgres://${user}@${target}?sslmode=${databaseB.sslMode}`;
      }),
    );
    this.registerOutputs({ identifier: this.identifier });
  }
}

/** @throws when a copy of A would be taken at another stage than `restore` */
export function judgeNewCopy(stage: Stage): void {
  if (stage === "restore") return;
  throw new Error(
    `A new copy of database A was asked for at ${stage}. databaseB.copy may be raised at freeze, and takes effect at restore.\n` +
      "Give it its former value: pulumi config set --path databaseB.copy NUMBER",
  );
}

function copyHook(name: string, stage: Stage): pulumi.ResourceHook {
  return new pulumi.ResourceHook(name, () => judgeNewCopy(stage), { onDryRun: true });
}
