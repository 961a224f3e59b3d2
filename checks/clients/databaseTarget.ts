import { readFileSync } from "node:fs";
import { type ClientConfig } from "pg";
import { CouldNotLook } from "../result";

/** One database and how to log in. Holds a password: never printed, never part of evidence. */
export interface DatabaseTarget {
  /** For messages: `database A`. */
  readonly label: string;
  readonly config: ClientConfig;
}

const MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof MODES)[number];

/**
 * Reads a libpq connection string: `postgres://user:password@host:port/database?sslmode=require`, or `key=value` pairs.
 * `sslmode` means what it means to libpq, where `require` encrypts without verifying and `verify-full` verifies;
 * `prefer` and `allow` encrypt as `require` does, and without any `sslmode` nothing is encrypted. The CA comes from `sslrootcert`, else PGSSLROOTCERT, else the system.
 * @throws CouldNotLook when it cannot be read; the text never repeats the string
 */
export function targetFromDsn(
  label: string,
  dsn: string,
  environment: NodeJS.ProcessEnv = process.env,
): DatabaseTarget {
  const text = dsn.trim();
  if (text === "") throw unreadable(label, "it is empty");
  if (/^postgres(ql)?:\/\//.test(text)) return { label, config: fromUrl(label, text, environment) };
  // The form of `pg` for a socket folder; there is no TLS on a socket.
  if (text.startsWith("socket:")) return { label, config: { connectionString: text } };
  const pairs = readPairs(text);
  if (!pairs) throw unreadable(label, "it is neither a postgres:// address nor key=value pairs");
  const port = pairs.get("port");
  return {
    label,
    config: {
      host: pairs.get("hostaddr") ?? pairs.get("host"),
      ...(port !== undefined && { port: Number(port) }),
      database: pairs.get("dbname"),
      user: pairs.get("user"),
      password: pairs.get("password"),
      ssl: sslOf(label, pairs.get("sslmode"), pairs.get("sslrootcert"), environment),
    },
  };
}

/** A database by host and password, as RDS describes it. */
export function targetFromParts(
  label: string,
  parts: { host: string; port: number; database: string; user: string; password: string; sslMode: string },
  environment: NodeJS.ProcessEnv = process.env,
): DatabaseTarget {
  const { sslMode, ...rest } = parts;
  return { label, config: { ...rest, ssl: sslOf(label, sslMode, undefined, environment) } };
}

function fromUrl(label: string, text: string, environment: NodeJS.ProcessEnv): ClientConfig {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw unreadable(label, "it is not a valid address; characters such as / # % in the password must be URL-encoded");
  }
  const mode = url.searchParams.get("sslmode") ?? undefined;
  const root = url.searchParams.get("sslrootcert") ?? undefined;
  // `pg` gives sslmode another meaning than libpq, so it never sees it.
  for (const name of ["sslmode", "sslrootcert", "sslcert", "sslkey", "uselibpqcompat"]) url.searchParams.delete(name);
  return { connectionString: url.toString(), ssl: sslOf(label, mode, root, environment) };
}

function sslOf(
  label: string,
  mode: string | undefined,
  root: string | undefined,
  environment: NodeJS.ProcessEnv,
): ClientConfig["ssl"] {
  const wanted = mode ?? "disable";
  if (!isMode(wanted)) throw unreadable(label, `its sslmode is none of ${MODES.join(", ")}`);
  if (wanted === "disable") return false;
  if (wanted !== "verify-ca" && wanted !== "verify-full") return { rejectUnauthorized: false };
  const path = root ?? environment["PGSSLROOTCERT"];
  // verify-ca does not look at the host's name.
  const name = wanted === "verify-ca" ? { checkServerIdentity: () => undefined } : {};
  if (path === undefined || path === "system") return { rejectUnauthorized: true, ...name };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(path, "utf8"), ...name };
  } catch (error) {
    throw new CouldNotLook(label, `the CA file ${path} cannot be read`, "correct sslrootcert or PGSSLROOTCERT", {
      cause: error,
    });
  }
}

function isMode(text: string): text is SslMode {
  return (MODES as readonly string[]).includes(text);
}

/** `key=value key='quoted \' value'`; undefined when it is something else. */
function readPairs(text: string): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  const pair = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))/y;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (!match?.[1]) return undefined;
    pairs.set(match[1], (match[2] ?? match[3] ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  return pairs;
}

function unreadable(label: string, why: string): CouldNotLook {
  return new CouldNotLook(
    label,
    `its connection string cannot be used: ${why}`,
    "give postgres://user:password@host:port/database?sslmode=require in the secret setting or environment variable",
    { lasting: true },
  );
}
