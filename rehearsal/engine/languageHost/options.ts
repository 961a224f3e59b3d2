/** The runtime options of a project (`Pulumi.yaml`: `runtime: {name: nodejs, options: {...}}`) that concern a run. */
export interface RuntimeOptions {
  /** Whether the SDK loads TypeScript by ts-node. Default: true. */
  readonly typescript: boolean;
  /** The tsconfig file for ts-node, relative to the program's folder. Default: the SDK takes `tsconfig.json`. */
  readonly tsconfig: string | undefined;
  /** Arguments for Node itself, in front of the program. */
  readonly nodeArguments: readonly string[];
  /** As the project sets it; `undefined` and `auto` leave the choice to the lock file. */
  readonly packageManager: PackageManager | undefined;
}

const PACKAGE_MANAGERS = ["auto", "npm", "yarn", "pnpm", "bun"] as const;

export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

/**
 * Reads the options as the engine hands them over. Options of other names are not this host's concern and are left alone,
 * as the real host does.
 *
 * @throws Error that names the option, what it is and what it must be
 */
export function parseRuntimeOptions(options: Readonly<Record<string, unknown>>): RuntimeOptions {
  const packageManager = ofType(options, "packagemanager", "string");
  if (packageManager !== undefined && !isPackageManager(packageManager)) {
    throw new Error(
      `the runtime option packagemanager must be one of ${PACKAGE_MANAGERS.join(", ")}, and Pulumi.yaml says ` +
        JSON.stringify(packageManager),
    );
  }
  return {
    typescript: ofType(options, "typescript", "boolean") ?? true,
    tsconfig: ofType(options, "tsconfig", "string"),
    nodeArguments: splitArguments(ofType(options, "nodeargs", "string") ?? ""),
    packageManager,
  };
}

interface OptionTypes {
  readonly string: string;
  readonly boolean: boolean;
}

function ofType<T extends keyof OptionTypes>(
  options: Readonly<Record<string, unknown>>,
  name: string,
  type: T,
): OptionTypes[T] | undefined {
  const value = options[name];
  if (value !== undefined && typeof value !== type) {
    throw new Error(`the runtime option ${name} must be a ${type}, and Pulumi.yaml says ${JSON.stringify(value)}`);
  }
  return value as OptionTypes[T] | undefined;
}

function isPackageManager(text: string): text is PackageManager {
  return (PACKAGE_MANAGERS as readonly string[]).includes(text);
}

/**
 * Splits a command line into words as a POSIX shell would, without expanding anything: white space parts words, single
 * quotes keep everything, double quotes keep everything but a backslash, a backslash keeps the next character.
 *
 * @throws Error when a quote is not closed
 */
export function splitArguments(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i);
    if (character === "\\" && quote !== "'") {
      i++;
      word = (word ?? "") + line.charAt(i);
    } else if (quote !== undefined) {
      if (character === quote) {
        quote = undefined;
      } else {
        word = (word ?? "") + character;
      }
    } else if (character === "'" || character === '"') {
      quote = character;
      // Quotes around nothing are an empty word.
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) {
        words.push(word);
      }
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== undefined) {
    throw new Error(`the runtime option nodeargs has a ${quote} that is not closed: ${line}`);
  }
  return word === undefined ? words : [...words, word];
}
