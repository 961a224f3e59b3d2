import { type z } from "zod";
import { setCommand } from "./commands";
import { type Finding, readText } from "./findings";
import { type SCHEMA } from "./schema";

/** What no single field of database B's source can tell. */

type Parsed = {
  readonly [K in "databaseB" | "databaseBDsn" | "bastionPrivateKey" | "clusterA"]?: z.output<(typeof SCHEMA)[K]>;
};

/** Every rule about the source that the settings break. */
export function databaseSourceFindings(parsed: Parsed): readonly Finding[] {
  const { databaseB } = parsed;
  if (databaseB === undefined) return [];
  const { source } = databaseB;
  if (source.kind === "snapshot") {
    return [
      ...snapshotFindings(source),
      ...unused("databaseBDsn", parsed.databaseBDsn, "a dump into a given database"),
      ...unused("bastionPrivateKey", parsed.bastionPrivateKey, "a bastion"),
      ...needed(
        ["clusterA", "databaseIdentifier"],
        parsed.clusterA,
        parsed.clusterA?.databaseIdentifier,
        "the RDS instance that the snapshot is taken of",
      ),
    ];
  }
  const given = source.target === "given";
  return [
    ...(given
      ? needed(["databaseBDsn"], true, parsed.databaseBDsn, "the connection string of the database to fill", true)
      : [
          ...unused("databaseBDsn", parsed.databaseBDsn, "target given"),
          ...needed(
            ["databaseB", "allocatedStorageGiB"],
            true,
            databaseB.allocatedStorageGiB,
            "the size of the new instance's storage, 20 to 65536 GiB",
          ),
        ]),
    ...(parsed.clusterA !== undefined && parsed.clusterA.databaseIdentifier === undefined
      ? needed(
          ["databaseB", "source", "folder"],
          true,
          source.folder,
          "a folder: the dump that stays in it is the only safety copy of an A that is no RDS instance",
        )
      : []),
    ...(source.bastion === undefined
      ? unused("bastionPrivateKey", parsed.bastionPrivateKey, "a bastion")
      : needed(["bastionPrivateKey"], true, parsed.bastionPrivateKey, "the private key for the bastion", true)),
    ...(databaseB.applicationUser !== undefined && databaseB.applicationUser !== databaseB.username
      ? [
          {
            path: "databaseB.applicationUser",
            read: readText(databaseB.applicationUser),
            expected: "nothing: what a dump fills belongs to the one user that restores it",
            remedy: "pulumi config rm --path databaseB.applicationUser",
          },
        ]
      : []),
  ];
}

type Snapshot = Extract<NonNullable<Parsed["databaseB"]>["source"], { kind: "snapshot" }>;

function snapshotFindings({ snapshotIdentifier, kmsKeyArn }: Snapshot): readonly Finding[] {
  if (snapshotIdentifier?.startsWith("arn:") !== true) return [];
  const path = "databaseB.source.kmsKeyArn";
  if (kmsKeyArn === undefined) {
    return [
      {
        path,
        read: "nothing",
        expected: "a key of this account: a snapshot of another account has to be copied before it can be restored",
        remedy: setCommand(path.split(".")),
      },
    ];
  }
  const [snapshotRegion, keyRegion] = [snapshotIdentifier, kmsKeyArn].map((name) => name.split(":")[3]);
  if (snapshotRegion === keyRegion) return [];
  return [
    {
      path: "databaseB.source.snapshotIdentifier",
      read: readText(snapshotIdentifier),
      expected: `a snapshot of the key's Region, ${keyRegion ?? ""}`,
      remedy:
        `aws rds copy-db-snapshot --region ${keyRegion ?? ""} --source-region ${snapshotRegion ?? ""} ` +
        `--source-db-snapshot-identifier ${snapshotIdentifier} --target-db-snapshot-identifier NAME --kms-key-id ${kmsKeyArn}, ` +
        "then pulumi config set --path databaseB.source.snapshotIdentifier NAME",
    },
  ];
}

function needed(
  path: readonly string[],
  holder: unknown,
  value: unknown,
  expected: string,
  secret = false,
): readonly Finding[] {
  if (holder === undefined || value !== undefined) return [];
  return [{ path: path.join("."), read: "nothing", expected, remedy: setCommand(path, undefined, { secret }) }];
}

function unused(path: string, value: unknown, what: string): readonly Finding[] {
  if (value === undefined) return [];
  return [{ path, read: "a secret", expected: `nothing: it belongs to ${what}`, remedy: `pulumi config rm ${path}` }];
}
