import { z } from "zod";
import { arn, form, group, oneOf, text, whole } from "./fields";

/** Where the data of database B comes from. */

const kmsKeyArn = arn("kms", "key/");

const snapshot = group(
  {
    /** A snapshot of database A, by RDS: byte by byte, with roles and passwords (the passwords are changed afterwards). */
    kind: z.literal("snapshot"),
    /**
     * Snapshot that is there already: its name in this account, or the ARN of one that another account shared with this
     * one, in this Region. Default: the program takes one of A at `restore`. **Changing it replaces database B.**
     */
    snapshotIdentifier: form(
      /^(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:snapshot:)?[a-zA-Z](-?[a-zA-Z0-9])*$/,
      "a snapshot's name, or arn:aws:rds:REGION:ACCOUNT:snapshot:NAME",
    ).optional(),
    /**
     * KMS key of this account and Region. Given, the snapshot is copied with it before the restore: a shared snapshot has
     * to be (facts/aws.md 4), and one of an unencrypted database A becomes encrypted by it. The copy takes minutes of the
     * freeze. Default: no copy, which needs an encrypted snapshot of this account. **Changing it replaces database B.**
     */
    kmsKeyArn: kmsKeyArn.optional(),
  },
  "kind, snapshotIdentifier and kmsKeyArn",
);

const dump = group(
  {
    /** `pg_dump` and `pg_restore`: from any PostgreSQL to any other of the same major version. */
    kind: z.literal("dump"),
    /** `rds`: into a new RDS instance that the program makes. `given`: into the one of the secret `databaseBDsn`. */
    target: oneOf(["rds", "given"]).default("rds"),
    /** Tables at a time; each is a connection to A, and then to B. 1-16, default 4. Streamed, rows take one connection. */
    jobs: whole(1, 16, "jobs").default(4),
    /**
     * Folder of the dump on the machine that copies; the dump stays there as the safety copy of A, readable by its owner
     * only. Default: none, the rows are streamed from A to B.
     */
    folder: text("a folder").optional(),
    /** KMS key of the new instance's storage. Default: the account's own for RDS. **Changing it replaces database B.** */
    kmsKeyArn: kmsKeyArn.optional(),
    /**
     * Machine that copies, reached by SSH with the secret `bastionPrivateKey`; it has Node, PostgreSQL's client programs
     * and this project with its packages. Default: the machine that runs Pulumi.
     */
    bastion: group(
      {
        host: text("a host name or address"),
        port: whole(1, 65_535, "a port").default(22),
        user: text("a user's name"),
        /** Public key of the host, as in `known_hosts` (`ssh-keyscan`): nobody else is given the passwords. */
        hostKey: form(/^\S+ \S+$/, "a host's public key such as ssh-ed25519 AAAA..."),
        /** Folder of this project there. */
        projectFolder: form(/^\/[\w./-]*$/, "an absolute path of letters, digits, . _ / and -"),
      },
      "host, user, hostKey and projectFolder",
    ).optional(),
  },
  "kind, target, jobs, folder, kmsKeyArn and bastion",
);

export const databaseSource = z
  .discriminatedUnion("kind", [snapshot, dump], { error: () => "an object whose kind is snapshot or dump" })
  .prefault({ kind: "snapshot" });

/**
 * Secret. Connection string of a database that is there already, to be filled by a dump: of a user who owns it. Empty, or
 * not there yet for a user who may create it. Control plane B uses it as it is.
 */
export const databaseBDsn = form(
  /^postgres(ql)?:\/\/[^@\s]+@[^@\s]+\/\S+$/,
  "a connection string postgres://USER:PASSWORD@HOST/DATABASE",
).optional();

/** Secret. Private key for the bastion, PEM or OpenSSH. */
export const bastionPrivateKey = form(/^-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key").optional();
