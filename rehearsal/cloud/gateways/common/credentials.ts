import { createHash, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

/** How a secret is kept: salted and hashed, so that a copy of the database accepts it and nobody can read it. */
export interface Hashed {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const PASSWORD_ITERATIONS = 10_000;

/** A new API token as API7 writes it: prefix `a7ee-` (facts/api7.md 2.1). */
export function newToken(prefix = "a7ee"): string {
  return `${prefix}-${randomBytes(24).toString("base64url")}`;
}

/** Tokens are long and random: one round is enough, and they are checked on every call. */
export function hashToken(token: string, salt: Buffer = randomBytes(16)): Hashed {
  return { salt, hash: createHash("sha256").update(salt).update(token).digest() };
}

export function hashPassword(password: string, salt: Buffer = randomBytes(16)): Hashed {
  return { salt, hash: pbkdf2Sync(password, salt, PASSWORD_ITERATIONS, 32, "sha256") };
}

export function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
