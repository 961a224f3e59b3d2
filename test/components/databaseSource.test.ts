import assert from "node:assert/strict";
import { DatabaseB } from "../../components/databaseB";
import program from "../../index";
import { describeFindings } from "../../migration/settings";
import { type Changes, configOf, outcomeOf, PROJECT, SECRET_KEYS } from "../migration/stackConfig";
import { record, type Recording, SECRET, the } from "./recorder";

const INSTANCE = "aws:rds/instance:Instance";
const SNAPSHOT = "aws:rds/snapshot:Snapshot";
const COPY = "aws:rds/snapshotCopy:SnapshotCopy";
const COMMAND = "command:local:Command";
const REMOTE = "command:remote:Command";
const KEY = "arn:aws:kms:eu-central-1:444455556666:key/11111111-2222-3333-4444-555555555555";
const DSN = "postgresql://owner:p%40ss@db.example.com:6432/gateway?sslmode=verify-full";
const PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nmade up\n-----END OPENSSH PRIVATE KEY-----\n";

const SECRETS_OF_SOURCES = [...SECRET_KEYS, `${PROJECT}:databaseBDsn`, `${PROJECT}:bastionPrivateKey`];

/** Database B alone, from the production stack's settings with changes. */
function databaseOf(changes: Changes, secrets: Readonly<Record<string, string>> = {}): Promise<Recording> {
  const outcome = outcomeOf("prod", { stage: "restore", ...changes }, SECRETS_OF_SOURCES);
  if (outcome.kind !== "settings") throw new Error(describeFindings(outcome.findings));
  const { settings } = outcome;
  return record(() => {
    const own =
      settings.databaseBDsn === undefined
        ? { databaseBPassword: "p@ss/w:rd" }
        : { databaseBDsn: settings.databaseBDsn };
    const place = { securityGroupId: "sg-1", subnetGroupName: "subnets", parameterGroupName: "parameters" };
    const database = new DatabaseB("database-b", {
      settings,
      // A database that was there has a place already.
      network: settings.databaseBDsn === undefined ? place : undefined,
      secrets: { databaseADsn: "dsn-a", controlPlaneToken: "token", ...own, ...secrets },
    });
    return { dsn: database.dsn, identifier: database.identifier ?? "none", copied: database.copied };
  });
}

const types = ({ resources }: Recording): readonly string[] => resources.map(({ type }) => type);
const requestOf = (recording: Recording, type: string, name: string): Record<string, unknown> =>
  JSON.parse(String(the(recording, type, name).inputs["stdin"])) as Record<string, unknown>;

describe("database B from a snapshot", () => {
  it("with a key is restored from an encrypted copy of the snapshot, by names that previews know", async () => {
    const recording = await databaseOf({ "databaseB.source": { kind: "snapshot", kmsKeyArn: KEY } });
    const copy = the(recording, COPY, "database-b-source-copy");
    assert.deepEqual(copy.inputs, {
      sourceDbSnapshotIdentifier: "api7-prod-a-1",
      targetDbSnapshotIdentifier: "api7-prod-a-1-copy",
      kmsKeyId: KEY,
      copyTags: false,
      tags: { project: "api7-migration", environment: "prod", owner: "platform" },
    });
    assert.deepEqual(copy.options.dependsOn, ["Snapshot database-b-source"]);
    assert.equal(copy.options.retainOnDelete, true);
    assert.deepEqual(copy.options.hooks, { beforeCreate: ["database-b-copy-in-time"] });
    const { inputs, options } = the(recording, INSTANCE, "database-b");
    assert.deepEqual(
      [inputs["snapshotIdentifier"], inputs["storageEncrypted"], inputs["kmsKeyId"]],
      ["api7-prod-a-1-copy", true, KEY],
    );
    assert.ok(options.dependsOn.includes("SnapshotCopy database-b-source-copy"));
  });

  it("that is given is taken as it is, or copied when another account shared it", async () => {
    const own = await databaseOf({ "databaseB.source": { kind: "snapshot", snapshotIdentifier: "nightly-7" } });
    assert.equal(the(own, INSTANCE, "database-b").inputs["snapshotIdentifier"], "nightly-7");
    assert.ok(!types(own).includes(SNAPSHOT) && !types(own).includes(COPY));
    const arn = "arn:aws:rds:eu-central-1:999900001111:snapshot:from-elsewhere";
    const shared = await databaseOf({
      "databaseB.source": { kind: "snapshot", snapshotIdentifier: arn, kmsKeyArn: KEY },
    });
    assert.equal(the(shared, COPY, "database-b-source-copy").inputs["sourceDbSnapshotIdentifier"], arn);
    assert.equal(the(shared, INSTANCE, "database-b").inputs["snapshotIdentifier"], "api7-prod-a-1-copy");
    assert.ok(!types(shared).includes(SNAPSHOT));
  });

  it("is finished before it is proved: passwords of master and application, once, at restore", async () => {
    const changes = { "databaseB.applicationUser": "gateway" };
    const secrets = { databaseBApplicationPassword: "app@pw" };
    const recording = await databaseOf(changes, secrets);
    const finished = the(recording, COMMAND, "database-b-finished");
    assert.equal(finished.inputs["create"], "node --import tsx operations/finishRestore.ts");
    assert.deepEqual(requestOf(recording, COMMAND, "database-b-finished"), {
      applicationUser: "gateway",
      copy: 1,
      databaseB: {
        database: "api7ee",
        host: "[database-b.address]",
        port: 5432,
        sslMode: "require",
        username: "api7ee",
      },
    });
    assert.deepEqual(finished.inputs["environment"], {
      MIGRATION_DATABASE_A_DSN: { [SECRET]: "dsn-a" },
      MIGRATION_DATABASE_B_PASSWORD: { [SECRET]: "p@ss/w:rd" },
      MIGRATION_DATABASE_B_APPLICATION_PASSWORD: { [SECRET]: "app@pw" },
    });
    assert.deepEqual(finished.options.dependsOn, ["Instance database-b"]);
    assert.match(
      String(recording.outputs["dsn"]),
      /^postgres:\/\/gateway:app%40pw@\[database-b\.address\]:5432\/api7ee/,
    );
    const later = the(await databaseOf({ ...changes, stage: "traffic-5" }, secrets), COMMAND, "database-b-finished");
    assert.deepEqual(later.options.ignoreChanges, ["stdin", "environment"]);
  });
});

describe("database B from a dump", function () {
  this.timeout(60_000);
  const dump = (changes: Record<string, unknown> = {}): Changes => ({
    "databaseB.source": { kind: "dump", ...changes },
    "databaseB.allocatedStorageGiB": 50,
  });

  it("is a new, empty instance with everything said, filled by the copy, finished and proved in this order", async () => {
    const recording = await databaseOf(dump({ folder: "dumps", jobs: 6, kmsKeyArn: KEY }));
    const { inputs } = the(recording, INSTANCE, "database-b");
    assert.deepEqual(
      {
        username: inputs["username"],
        password: inputs["password"],
        allocatedStorage: inputs["allocatedStorage"],
        storageEncrypted: inputs["storageEncrypted"],
        kmsKeyId: inputs["kmsKeyId"],
        backupRetentionPeriod: inputs["backupRetentionPeriod"],
      },
      {
        username: "api7ee",
        password: { [SECRET]: "p@ss/w:rd" },
        allocatedStorage: 50,
        storageEncrypted: true,
        kmsKeyId: KEY,
        backupRetentionPeriod: 0,
      },
    );
    // Its database is made with A's collation by the copy; RDS would choose its own.
    assert.ok(!("dbName" in inputs) && !("snapshotIdentifier" in inputs));
    assert.ok(!types(recording).includes(SNAPSHOT));

    const copied = the(recording, COMMAND, "database-b-copied");
    assert.deepEqual(requestOf(recording, COMMAND, "database-b-copied"), {
      stack: "prod",
      copy: 1,
      databaseB: {
        database: "api7ee",
        host: "[database-b.address]",
        port: 5432,
        sslMode: "require",
        username: "api7ee",
      },
      major: 15,
      jobs: 6,
      folder: "dumps",
      createRoles: true,
      limitHours: 4,
      storageBytes: 50 * 1024 ** 3,
    });
    assert.equal(copied.inputs["logging"], "stderr", "progress is shown");
    assert.equal(copied.inputs["addPreviousOutputInEnv"], false);
    assert.deepEqual(copied.inputs["environment"], {
      MIGRATION_DATABASE_A_DSN: { [SECRET]: "dsn-a" },
      MIGRATION_DATABASE_B_PASSWORD: { [SECRET]: "p@ss/w:rd" },
    });
    assert.deepEqual(copied.options.customTimeouts, { create: "4h", update: "4h" });
    assert.deepEqual(copied.options.hooks, { beforeCreate: ["database-b-copy-in-time"] });
    assert.deepEqual(copied.options.dependsOn, ["Instance database-b"]);
    assert.ok(the(recording, COMMAND, "database-b-finished").options.dependsOn.includes("Command database-b-copied"));
    assert.ok(the(recording, COMMAND, "database-b-equal").options.dependsOn.includes("Command database-b-finished"));
    assert.equal(recording.outputs["copied"], "[database-b-copied.stdout]");
    const later = the(await databaseOf({ ...dump(), stage: "start" }), COMMAND, "database-b-copied");
    assert.deepEqual(later.options.ignoreChanges, ["stdin", "environment"]);
  });

  it("into a database that is given makes nothing on AWS for it, and uses its connection string", async () => {
    const changes = {
      "databaseB.source": { kind: "dump", target: "given", folder: "dumps" },
      databaseBDsn: DSN,
      stage: "start",
      "clusterA.databaseIdentifier": undefined,
    };
    const recording = await record(program, {
      stack: "prod",
      config: configOf("prod", changes),
      secretKeys: SECRETS_OF_SOURCES,
      outputsOf: (type, name) => (type === COMMAND && name === "gate" ? { stdout: "" } : {}),
    });
    assert.equal(recording.error, undefined);
    assert.deepEqual(
      types(recording).filter((type) => type.startsWith("aws:rds/")),
      [],
    );
    assert.ok(!types(recording).includes("random:index/randomPassword:RandomPassword"));
    const copied = the(recording, COMMAND, "database-b-copied");
    assert.deepEqual(copied.inputs["environment"], {
      MIGRATION_DATABASE_A_DSN: { [SECRET]: "postgres://reader:made-up-password-a@database-a:5432/api7ee" },
      MIGRATION_DATABASE_B_DSN: { [SECRET]: DSN },
    });
    const request = requestOf(recording, COMMAND, "database-b-copied");
    assert.deepEqual(
      [request["createRoles"], "databaseB" in request, "storageBytes" in request],
      [false, false, false],
    );
    const gate = the(recording, COMMAND, "gate");
    assert.deepEqual((gate.inputs["environment"] as Record<string, unknown>)["MIGRATION_DATABASE_B_DSN"], {
      [SECRET]: DSN,
    });
    const alone = await databaseOf({ ...changes, stage: "restore" });
    assert.equal(alone.outputs["dsn"], DSN.replace("postgresql:", "postgres:"), "the scheme that API7 takes");
  });

  it("on a bastion goes by SSH, with the secrets on standard input and the host's key checked", async () => {
    const bastion = {
      host: "bastion.example.com",
      user: "migration",
      hostKey: "ssh-ed25519 AAAAC3made-up",
      projectFolder: "/opt/api7-migration",
    };
    const recording = await databaseOf({ ...dump({ bastion }), bastionPrivateKey: PRIVATE_KEY });
    const copied = the(recording, REMOTE, "database-b-copied");
    assert.equal(copied.inputs["create"], "cd /opt/api7-migration && node --import tsx operations/copyDatabase.ts");
    assert.equal(copied.inputs["update"], copied.inputs["create"]);
    assert.ok(!("environment" in copied.inputs), "SSH servers take no variables");
    const connection = (copied.inputs["connection"] as Record<string, Record<string, unknown>>)[SECRET];
    assert.ok(connection !== undefined, "the connection is secret");
    assert.equal(connection["privateKey"], PRIVATE_KEY);
    assert.deepEqual(
      [connection["host"], connection["port"], connection["user"], connection["hostKey"]],
      ["bastion.example.com", 22, "migration", "ssh-ed25519 AAAAC3made-up"],
    );
    const stdin = (copied.inputs["stdin"] as Record<string, string>)[SECRET];
    assert.ok(stdin !== undefined, "standard input is secret");
    const { secrets, request } = JSON.parse(stdin) as { secrets: unknown; request: Record<string, unknown> };
    assert.deepEqual(secrets, { MIGRATION_DATABASE_A_DSN: "dsn-a", MIGRATION_DATABASE_B_PASSWORD: "p@ss/w:rd" });
    assert.equal(request["jobs"], 4);
    const later = await databaseOf({ ...dump({ bastion }), bastionPrivateKey: PRIVATE_KEY, stage: "start" });
    assert.deepEqual(the(later, REMOTE, "database-b-copied").options.ignoreChanges, [
      "stdin",
      "environment",
      "connection",
    ]);
  });
});
