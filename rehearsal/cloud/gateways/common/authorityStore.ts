import { type Pool } from "pg";
import { expiryOf, newAuthority, seal, unseal, type KeyPair } from "./authority";
import { type Log } from "./log";

async function readAuthority(pool: Pool): Promise<KeyPair | undefined> {
  const found = await pool.query<{ certificate: string; private_key: string }>(
    "select certificate, private_key from dataplane_certificate where type = 'Root'",
  );
  const row = found.rows[0];
  return row ? { certificate: row.certificate, privateKey: unseal(row.private_key) } : undefined;
}

/**
 * The authority that signs the certificates between control plane and data planes. It is made at the first start, when
 * the database has none (facts/api7.md 2.2): a control plane on a restored database has the old cluster's, one on an
 * empty database its own. When two start at the same time, the first one's is used.
 */
export async function ensureAuthority(pool: Pool, log: Log): Promise<KeyPair> {
  const existing = await readAuthority(pool);
  if (existing) return existing;
  const made = await newAuthority();
  await pool.query(
    `insert into dataplane_certificate (id, certificate, private_key, expiry, type) values ('root', $1, $2, $3, 'Root') on conflict do nothing`,
    [made.certificate, seal(made.privateKey), expiryOf(made.certificate)],
  );
  const stored = await readAuthority(pool);
  if (!stored) throw new Error("The authority was written to dataplane_certificate but cannot be read back.");
  log(
    "info",
    stored.certificate === made.certificate ? "created a new CA certificate" : "using the CA of another instance",
  );
  return stored;
}
