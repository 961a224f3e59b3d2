import { Instance } from "@pulumi/aws/rds";
import type * as command from "@pulumi/command/local";
import * as pulumi from "@pulumi/pulumi";
import { databaseBIdentifier, databaseBInstance } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf, type Stage } from "../migration/stages";
import { DatabaseCopy, type ServerOfB } from "./databaseCopy";
import { snapshotSource, type SnapshotSource } from "./databaseSnapshot";
import { type DatabaseNetwork, POSTGRES_PORT } from "./network";
import { operation, proof } from "./proof";
import { type CommandSecrets, databaseBSecrets } from "./secrets";

export interface DatabaseBArgs {
  readonly settings: Settings;
  /** Of the new instance; undefined where database B is there already. */
  readonly network:
    Inputs<Pick<DatabaseNetwork, "securityGroupId" | "subnetGroupName" | "parameterGroupName">> | undefined;
  /** `databaseBPassword` is what the master user gets after the restore. */
  readonly secrets: CommandSecrets;
}

type Inputs<T> = { readonly [K in keyof T]: pulumi.Input<string> };

const RSA_CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1";

/**
 * Database B: the instance, A's data in it (by a snapshot or by a dump), what follows a restore (passwords, sequences,
 * statistics), and the proof that both databases are equal.
 *
 * The proof is of the moment before control plane B first starts: from then on B is written to, so it is never repeated.
 * It reads every row, which also brings every block of a restored instance to its disk (facts/aws.md 4).
 */
export class DatabaseB extends pulumi.ComponentResource {
  /** Connection string of the control plane, `postgres://` as API7 wants it. Secret. */
  readonly dsn: pulumi.Output<string>;
  /** RDS identifier; undefined where database B was there already. */
  readonly identifier: string | undefined;
  /** What must hold before anything may write to B. */
  readonly proved: command.Command;
  /** What a copy by a dump printed; undefined with a snapshot. */
  readonly copied: pulumi.Output<string> | undefined;

  constructor(name: string, args: DatabaseBArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DatabaseB", name, {}, options);
    const { settings, secrets } = args;
    const { databaseB, stage } = settings;
    const { source } = databaseB;
    const child = { parent: this };
    this.identifier = databaseBInstance(settings);
    const inTime = copyHook(`${name}-copy-in-time`, stage);

    const snapshot = source.kind === "snapshot" ? snapshotSource(name, { settings, source, inTime }, this) : undefined;
    const instance = args.network === undefined ? undefined : this.instance(name, args, args.network, snapshot);
    const server = instance?.address.apply((host) => serverOf(settings, host));
    const filled: pulumi.Resource[] = instance === undefined ? [] : [instance];
    const copy =
      source.kind === "dump"
        ? new DatabaseCopy(`${name}-copied`, { settings, source, server, secrets, inTime }, child)
        : undefined;
    if (copy !== undefined) filled.push(copy.done);
    this.copied = copy?.summary;

    // Once, at `restore`. Later B differs for good reasons, and other settings must not bring any of it back.
    const once = stage === "restore" ? {} : { ignoreChanges: ["stdin", "environment"] };
    const { databaseADsn, databaseBApplicationPassword: applicationPassword } = secrets;
    const both = { databaseADsn, ...databaseBSecrets(secrets) };
    const fixed = {
      copy: databaseB.copy,
      ...(applicationPassword === undefined ? {} : { applicationUser: databaseB.applicationUser }),
    };
    const finished = operation(
      `${name}-finished`,
      {
        name: "finishRestore",
        request: server === undefined ? fixed : server.apply((address) => ({ ...fixed, databaseB: address })),
        secrets: {
          ...both,
          ...(applicationPassword === undefined ? {} : { databaseBApplicationPassword: applicationPassword }),
        },
      },
      { ...child, dependsOn: filled, hooks: { beforeCreate: [inTime] }, ...once },
    );
    this.proved = proof(
      `${name}-equal`,
      { name: "copy", request: scopeOf(settings), secrets: both },
      { ...child, dependsOn: [...filled, finished], ...once },
    );
    this.dsn = pulumi.secret(server === undefined ? givenDsn(settings) : ownDsn(settings, secrets, server));
    this.registerOutputs({ identifier: this.identifier });
  }

  private instance(
    name: string,
    args: DatabaseBArgs,
    network: NonNullable<DatabaseBArgs["network"]>,
    snapshot: SnapshotSource | undefined,
  ): Instance {
    const { settings } = args;
    const { databaseB, tags, stage } = settings;
    const { protectB: protect } = shapeOf(stage);
    const { source } = databaseB;
    const child = { parent: this };
    const large = `${databaseB.restoreHours}h`;
    const identifier = databaseBIdentifier(settings);

    return new Instance(
      name,
      {
        identifier,
        // A restored instance has its snapshot's user, database, storage and encryption. The database of a new one is
        // made by the copy, with A's encoding and collation: RDS would choose its own.
        ...(snapshot === undefined ? { username: databaseB.username } : { snapshotIdentifier: snapshot.identifier }),
        ...(databaseB.allocatedStorageGiB === undefined ? {} : { allocatedStorage: databaseB.allocatedStorageGiB }),
        ...(source.kmsKeyArn === undefined ? {} : { kmsKeyId: source.kmsKeyArn }),
        // Nothing else comes from the snapshot: whatever is not said here falls back to a default.
        engine: "postgres",
        engineVersion: databaseB.engineVersion,
        instanceClass: databaseB.instanceClass,
        storageType: databaseB.storageType,
        ...(databaseB.iops === undefined ? {} : { iops: databaseB.iops }),
        // True of every source: an unencrypted snapshot is copied with a key first, which the gate sees to.
        storageEncrypted: true,
        port: POSTGRES_PORT,
        dbSubnetGroupName: network.subnetGroupName,
        vpcSecurityGroupIds: [network.securityGroupId],
        parameterGroupName: network.parameterGroupName,
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
        ...(args.secrets.databaseBPassword === undefined ? {} : { password: args.secrets.databaseBPassword }),
        applyImmediately: true,
        // With backups on, the restored instance would stay in `backing-up` for hours before it counts as there.
        backupRetentionPeriod: stage === "restore" ? 0 : databaseB.backupRetentionDays,
        deleteAutomatedBackups: false,
        deletionProtection: protect,
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: `${identifier}-final`,
        tags,
      },
      {
        ...child,
        protect,
        dependsOn: [...(snapshot?.dependsOn ?? [])],
        customTimeouts: { create: large, update: large, delete: large },
      },
    );
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

function serverOf({ databaseB }: Settings, host: string): ServerOfB {
  const { database, username, sslMode } = databaseB;
  return { host, port: POSTGRES_PORT, database, username, sslMode };
}

function ownDsn(settings: Settings, secrets: CommandSecrets, server: pulumi.Output<ServerOfB>): pulumi.Output<string> {
  const { username, applicationUser = username, database, sslMode } = settings.databaseB;
  const secret = secrets.databaseBApplicationPassword ?? secrets.databaseBPassword ?? "";
  return pulumi.all([secret, server]).apply(([password, { host }]) => {
    const user = `${encodeURIComponent(applicationUser)}:${encodeURIComponent(password)}`;
    return `postgres://${user}@${host}:${POSTGRES_PORT}/${encodeURIComponent(database)}?sslmode=${sslMode}`;
  });
}

function givenDsn({ databaseBDsn = "" }: Settings): string {
  return databaseBDsn.replace(/^postgresql:/, "postgres:");
}
