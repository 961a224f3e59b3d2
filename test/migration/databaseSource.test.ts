import assert from "node:assert/strict";
import { type Changes, outcomeOf, PROJECT, SECRET_KEYS } from "./stackConfig";

const KEY = "arn:aws:kms:eu-central-1:444455556666:key/11111111-2222-3333-4444-555555555555";
const SHARED = "arn:aws:rds:eu-central-1:999900001111:snapshot:from-elsewhere";
const DSN = "postgres://owner:pw@db.example.com/gateway";
const PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nmade up\n-----END OPENSSH PRIVATE KEY-----";
const BASTION = {
  host: "bastion.example.com",
  user: "migration",
  hostKey: "ssh-ed25519 AAAA",
  projectFolder: "/opt/api7",
};
const SECRETS = [...SECRET_KEYS, `${PROJECT}:databaseBDsn`, `${PROJECT}:bastionPrivateKey`];

const snapshot = (more: Changes = {}): Changes => ({ "databaseB.source": { kind: "snapshot", ...more } });
const dump = (more: Changes = {}): Changes => ({
  "databaseB.source": { kind: "dump", ...more },
  "databaseB.allocatedStorageGiB": 20,
});

describe("settings: source of database B", () => {
  const holds: readonly (readonly [string, Changes])[] = [
    ["nothing said: a snapshot that the program takes", {}],
    ["a snapshot that is copied with a key", snapshot({ kmsKeyArn: KEY })],
    ["a snapshot of this account, by name", snapshot({ snapshotIdentifier: "nightly-7" })],
    ["a shared snapshot with a key", snapshot({ snapshotIdentifier: SHARED, kmsKeyArn: KEY })],
    ["a dump into a new instance", dump()],
    [
      "a dump of an A that is no RDS instance",
      { ...dump({ folder: "dumps" }), "clusterA.databaseIdentifier": undefined },
    ],
    ["a dump into a given database", { "databaseB.source": { kind: "dump", target: "given" }, databaseBDsn: DSN }],
    ["a dump on a bastion", { ...dump({ bastion: BASTION }), bastionPrivateKey: PRIVATE_KEY }],
  ];
  for (const [what, changes] of holds) {
    it(`takes ${what}`, () => {
      const outcome = outcomeOf("prod", changes, SECRETS);
      assert.deepEqual(outcome.kind === "settings" ? [] : outcome.findings, []);
    });
  }

  const refused: readonly (readonly [string, Changes, readonly (readonly [string, RegExp, RegExp])[]])[] = [
    [
      "a kind that there is not",
      { "databaseB.source": { kind: "copy" } },
      [["databaseB.source.kind", /snapshot or dump/, /databaseB\.source/]],
    ],
    [
      "a shared snapshot without a key",
      snapshot({ snapshotIdentifier: SHARED }),
      [["databaseB.source.kmsKeyArn", /has to be copied/, /config set --path.*databaseB\.source\.kmsKeyArn/]],
    ],
    [
      "a snapshot of another Region than the key's",
      snapshot({ snapshotIdentifier: SHARED.replace("eu-central-1", "us-east-1"), kmsKeyArn: KEY }),
      [
        [
          "databaseB.source.snapshotIdentifier",
          /eu-central-1/,
          /aws rds copy-db-snapshot --region eu-central-1 --source-region us-east-1/,
        ],
      ],
    ],
    [
      "a snapshot of no RDS instance",
      { "clusterA.databaseIdentifier": undefined },
      [["clusterA.databaseIdentifier", /snapshot is taken of/, /clusterA\.databaseIdentifier/]],
    ],
    [
      "an A of which no safety copy would stay",
      { ...dump(), "clusterA.databaseIdentifier": undefined },
      [["databaseB.source.folder", /only safety copy/, /databaseB\.source\.folder/]],
    ],
    [
      "a new instance without a size",
      { "databaseB.source": { kind: "dump" } },
      [["databaseB.allocatedStorageGiB", /20 to 65536 GiB/, /databaseB\.allocatedStorageGiB/]],
    ],
    [
      "a given database without its connection string",
      { "databaseB.source": { kind: "dump", target: "given" } },
      [["databaseBDsn", /connection string/, /config set --secret databaseBDsn/]],
    ],
    [
      "a connection string that nobody uses",
      { ...dump(), databaseBDsn: DSN },
      [["databaseBDsn", /belongs to target given/, /config rm databaseBDsn/]],
    ],
    [
      "a bastion without a key",
      dump({ bastion: BASTION }),
      [["bastionPrivateKey", /private key/, /config set --secret bastionPrivateKey/]],
    ],
    [
      "a folder on the bastion that a shell would read otherwise",
      { ...dump({ bastion: { ...BASTION, projectFolder: "/opt/$(id)" } }), bastionPrivateKey: PRIVATE_KEY },
      [["databaseB.source.bastion.projectFolder", /absolute path/, /projectFolder/]],
    ],
    [
      "a key that nobody uses",
      { bastionPrivateKey: PRIVATE_KEY },
      [["bastionPrivateKey", /belongs to a bastion/, /config rm bastionPrivateKey/]],
    ],
    [
      "an application user with a dump",
      { ...dump(), "databaseB.applicationUser": "gateway" },
      [["databaseB.applicationUser", /belongs to the one user/, /config rm --path databaseB\.applicationUser/]],
    ],
    ["too many jobs", dump({ jobs: 40 }), [["databaseB.source.jobs", /1 to 16/, /databaseB\.source\.jobs/]]],
  ];
  for (const [what, changes, expected] of refused) {
    it(`refuses ${what}`, () => {
      const outcome = outcomeOf("prod", changes, SECRETS);
      const findings = outcome.kind === "refused" ? outcome.findings : [];
      assert.deepEqual(
        findings.map(({ path }) => path),
        expected.map(([path]) => path),
      );
      for (const [index, [, wanted, remedy]] of expected.entries()) {
        assert.match(findings[index]?.expected ?? "", wanted);
        assert.match(findings[index]?.remedy ?? "", remedy);
      }
      assert.doesNotMatch(JSON.stringify(findings), /owner:pw|made up/, "no secret is shown");
    });
  }

  it("refuses both secrets in plain text", () => {
    const changes = {
      "databaseB.source": { kind: "dump", target: "given", bastion: BASTION },
      databaseBDsn: DSN,
      bastionPrivateKey: PRIVATE_KEY,
    };
    const outcome = outcomeOf("prod", changes);
    const findings = outcome.kind === "refused" ? outcome.findings : [];
    assert.deepEqual(
      findings.map(({ path, read }) => [path, read]),
      [
        ["databaseBDsn", "plain text"],
        ["bastionPrivateKey", "plain text"],
      ],
    );
  });
});
