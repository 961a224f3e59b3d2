import { createHmac, randomBytes } from "node:crypto";

/**
 * Group stickiness: the cookie `AWSALBTG` (and `AWSALBTGCORS` for cross-origin requests) names the target group of the
 * first answer. It is honoured as long as the matched rule has stickiness on and still lists the group, and it outranks
 * the group's weight, even weight 0 (facts/aws.md 1). Its content is opaque and cannot be forged.
 */
export class Stickiness {
  readonly #secret = randomBytes(32);

  /** The group that the request's cookie names, if it is one of `arns` and the cookie has not expired. */
  groupOf(cookieHeader: string | undefined, arns: readonly string[], nowMs: number): string | undefined {
    const value =
      cookieHeader === undefined ? undefined : /(?:^|;\s*)AWSALBTG(?:CORS)?=([^;\s]+)/.exec(cookieHeader)?.[1];
    if (value === undefined) {
      return undefined;
    }
    const expires = value.slice(0, value.indexOf("."));
    return parseInt(expires, 36) > nowMs ? arns.find((arn) => this.#value(arn, expires) === value) : undefined;
  }

  /** The `Set-Cookie` values that bind a client to a group. */
  cookies(arn: string, durationSeconds: number, nowMs: number): readonly [string, string] {
    const expiresMs = nowMs + durationSeconds * 1000;
    const value = this.#value(arn, expiresMs.toString(36));
    const attributes = `Expires=${new Date(expiresMs).toUTCString()}; Path=/`;
    return [`AWSALBTG=${value}; ${attributes}`, `AWSALBTGCORS=${value}; ${attributes}; SameSite=None`];
  }

  #value(arn: string, expires: string): string {
    return `${expires}.${createHmac("sha256", this.#secret).update(`${expires} ${arn}`).digest("base64url")}`;
  }
}
