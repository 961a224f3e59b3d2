import * as remote from "@pulumi/command/remote";
import * as pulumi from "@pulumi/pulumi";
import { SECRET_VARIABLES } from "../migration/gateRequest";
import { canonicalJson } from "../migration/record";
import { type Settings } from "../migration/settings";
import { operation, OPERATIONS } from "./proof";
import { type CommandSecrets, databaseBSecrets } from "./secrets";

export interface DatabaseCopyArgs {
  readonly settings: Settings;
  readonly source: Extract<Settings["databaseB"]["source"], { kind: "dump" }>;
  /** Address of database B where the program makes the server. */
  readonly server: pulumi.Output<ServerOfB> | undefined;
  readonly secrets: CommandSecrets;
  /** Holds a copy that would be made at another stage than `restore`. */
  readonly inTime: pulumi.ResourceHook;
}

/** Database B as the operations are told it. */
export interface ServerOfB {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly sslMode: string;
}

const GIBIBYTE = 1024 ** 3;
/** How often a bastion that does not answer is dialled. */
const DIALS = 5;

/**
 * Database A copied into database B by `pg_dump` and `pg_restore` (`operations/copy`), on the machine that runs Pulumi or on a
 * bastion. Once, at `restore`; a failure leaves B empty, and the next update begins anew.
 */
export class DatabaseCopy extends pulumi.ComponentResource {
  readonly done: pulumi.Resource;
  /** What the copy printed: tables, bytes, digest of the dump. Not secret. */
  readonly summary: pulumi.Output<string>;

  constructor(name: string, args: DatabaseCopyArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DatabaseCopy", name, {}, options);
    const { settings, source, server, secrets } = args;
    const { databaseB, stage, stack } = settings;
    const { bastion } = source;
    const fixed = {
      stack,
      copy: databaseB.copy,
      major: Number.parseInt(databaseB.engineVersion, 10),
      jobs: source.jobs,
      folder: source.folder,
      // On a server of the program's own the roles that A's grants name are made; a given one's belong to its owner.
      createRoles: server !== undefined,
      limitHours: databaseB.restoreHours,
      ...(databaseB.allocatedStorageGiB === undefined || server === undefined
        ? {}
        : { storageBytes: databaseB.allocatedStorageGiB * GIBIBYTE }),
    };
    const request = server === undefined ? fixed : server.apply((address) => ({ ...fixed, databaseB: address }));
    const commandOptions = {
      parent: this,
      customTimeouts: { create: `${databaseB.restoreHours}h`, update: `${databaseB.restoreHours}h` },
      hooks: { beforeCreate: [args.inTime] },
      // Later B differs for good reasons, and nothing in the settings may bring the copy back.
      ...(stage === "restore" ? {} : { ignoreChanges: ["stdin", "environment", ...(bastion ? ["connection"] : [])] }),
    };
    const needed = { databaseADsn: secrets.databaseADsn, ...databaseBSecrets(secrets) };
    const copied =
      bastion === undefined
        ? operation(name, { name: "copyDatabase", request, secrets: needed, showsProgress: true }, commandOptions)
        : remoteCopy(name, { bastion, settings, request, secrets: needed }, commandOptions);
    this.done = copied;
    this.summary = copied.stdout;
    this.registerOutputs({ summary: this.summary });
  }
}

interface RemoteCopyArgs {
  readonly bastion: NonNullable<DatabaseCopyArgs["source"]["bastion"]>;
  readonly settings: Settings;
  readonly request: unknown;
  readonly secrets: Pick<CommandSecrets, "databaseADsn" | "databaseBPassword" | "databaseBDsn">;
}

/** SSH servers take no environment variables that they were not told of: the secrets come on standard input. */
function remoteCopy(name: string, args: RemoteCopyArgs, options: pulumi.CustomResourceOptions): remote.Command {
  const { bastion, settings, request, secrets } = args;
  const line = `cd ${bastion.projectFolder} && ${OPERATIONS}/copyDatabase.ts`;
  const stdin = pulumi
    .all([pulumi.output(request), secrets.databaseADsn, secrets.databaseBPassword, secrets.databaseBDsn])
    .apply(([asked, databaseA, password, dsn]) =>
      canonicalJson({
        request: asked,
        secrets: {
          [SECRET_VARIABLES.databaseA]: databaseA,
          ...(password === undefined ? {} : { [SECRET_VARIABLES.databaseBPassword]: password }),
          ...(dsn === undefined ? {} : { [SECRET_VARIABLES.databaseBDsn]: dsn }),
        },
      }),
    );
  const { host, port, user, hostKey } = bastion;
  const privateKey = pulumi.secret(settings.bastionPrivateKey ?? "");
  return new remote.Command(
    name,
    {
      connection: { host, port, user, hostKey, privateKey, dialErrorLimit: DIALS },
      create: line,
      update: line,
      stdin: pulumi.secret(stdin),
      logging: remote.Logging.Stderr,
      addPreviousOutputInEnv: false,
    },
    options,
  );
}
