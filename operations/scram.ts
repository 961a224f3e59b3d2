import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

const ITERATIONS = 4096;

/**
 * What PostgreSQL stores for a password (SCRAM-SHA-256), computed here so that the password itself never travels in a
 * statement, where a server's log could show it.
 * @throws Error for characters outside printable ASCII: those would need SASLprep, and RDS refuses them as well.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    throw new Error(
      "The password is empty or holds characters outside printable ASCII; RDS accepts printable ASCII only.",
    );
  }
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const key = (label: string): Buffer => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(key("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${key("Server Key").toString("base64")}`;
}
