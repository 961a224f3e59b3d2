/** Limits and forms of RDS, for the API and for the plugin's checks alike. */

export const MAXIMUM_INSTANCE_IDENTIFIER = 63;
export const MAXIMUM_NAME = 255;
export const BACKUP_RETENTION_DAYS = { minimum: 0, maximum: 35 } as const;
export const PASSWORD_LENGTH = { minimum: 8, maximum: 128 } as const;
export const LOG_EXPORTS = ["postgresql", "upgrade", "iam-db-auth-error"] as const;
export const STORAGE_TYPES = ["standard", "gp2", "gp3", "io1", "io2"] as const;

/** Names of the fixed parts of a window. */
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const TIME = "([01]\\d|2[0-3]):[0-5]\\d";

export const INSTANCE_CLASS = /^db\.[a-z0-9-]+\.[a-z0-9]+$/;
export const BACKUP_WINDOW = new RegExp(`^${TIME}-${TIME}$`);
export const MAINTENANCE_WINDOW = new RegExp(`^(${DAYS.join("|")}):${TIME}-(${DAYS.join("|")}):${TIME}$`);

/** What is wrong with an instance's or snapshot's identifier, if anything. AWS keeps identifiers in lower case. */
export function identifierFault(kind: "instance" | "snapshot", identifier: string): string | undefined {
  const maximum = kind === "instance" ? MAXIMUM_INSTANCE_IDENTIFIER : MAXIMUM_NAME;
  if (identifier.length < 1 || identifier.length > maximum) {
    return `"${identifier}" has ${identifier.length} characters; a DB ${kind} identifier has 1 to ${maximum}.`;
  }
  if (!/^[0-9a-z-]+$/.test(identifier)) return `"${identifier}" may hold only lower-case letters, digits and hyphens.`;
  return hyphenFault(identifier);
}

/** What is wrong with a parameter group's name, if anything. */
export function parameterGroupNameFault(name: string): string | undefined {
  if (name.length < 1 || name.length > MAXIMUM_NAME) return `"${name}" must have 1 to ${MAXIMUM_NAME} characters.`;
  if (!/^[0-9a-z.-]+$/.test(name)) return `"${name}" may hold only lower-case letters, digits, periods and hyphens.`;
  return hyphenFault(name);
}

/** What is wrong with a subnet group's name, if anything. */
export function subnetGroupNameFault(name: string): string | undefined {
  if (name.length < 1 || name.length > MAXIMUM_NAME) return `"${name}" must have 1 to ${MAXIMUM_NAME} characters.`;
  if (!/^[0-9a-z._ -]+$/.test(name)) {
    return `"${name}" may hold only lower-case letters, digits, hyphens, underscores, periods and spaces.`;
  }
  return name === "default" ? `"default" is reserved.` : undefined;
}

/** What is wrong with a master password, if anything. Never repeats it. */
export function passwordFault(password: string): string | undefined {
  if (password.length < PASSWORD_LENGTH.minimum || password.length > PASSWORD_LENGTH.maximum) {
    return (
      `The master password has ${password.length} characters; ` +
      `PostgreSQL on RDS takes ${PASSWORD_LENGTH.minimum} to ${PASSWORD_LENGTH.maximum}.`
    );
  }
  return /^[\x21-\x7e]+$/.test(password) && !/[/@"]/.test(password)
    ? undefined
    : `The master password may hold only printable ASCII characters besides '/', '@', '"' and space.`;
}

/** What is wrong with a master user's name, if anything. */
export function usernameFault(username: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(username)) {
    return `"${username}" must begin with a letter and hold at most 63 letters, digits and underscores.`;
  }
  return /^(rdsadmin|admin|pg_.*)$/i.test(username) ? `"${username}" is a reserved word for this engine.` : undefined;
}

/** What is wrong with the name of the first database, if anything. */
export function databaseNameFault(name: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)
    ? undefined
    : `"${name}" must begin with a letter or underscore and hold at most 63 letters, digits and underscores.`;
}

/** What is wrong with a final snapshot's identifier, if anything. */
export function finalSnapshotFault(identifier: string): string | undefined {
  if (!/^[0-9A-Za-z-]+$/.test(identifier)) return `"${identifier}" may hold only letters, digits and hyphens.`;
  return hyphenFault(identifier);
}

/** Whether `wanted` names `actual`, or a prefix of it in whole numbers: `15` names `15.18`, `15.1` does not. */
export function versionNames(wanted: string, actual: string): boolean {
  return actual === wanted || actual.startsWith(`${wanted}.`);
}

function hyphenFault(name: string): string | undefined {
  if (!/^[A-Za-z]/.test(name)) return `"${name}" must begin with a letter.`;
  if (name.includes("--")) return `"${name}" may not hold two hyphens in a row.`;
  return name.endsWith("-") ? `"${name}" may not end with a hyphen.` : undefined;
}
