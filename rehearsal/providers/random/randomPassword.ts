import { randomInt } from "node:crypto";
import { UNKNOWN, type Failure, type Props, type ResourceType } from "../framework";

/** The classes of characters, and how the inputs choose them. The special ones are the real provider's default. */
const CLASSES = [
  { flag: "lower", minimum: "minLower", characters: "abcdefghijklmnopqrstuvwxyz" },
  { flag: "upper", minimum: "minUpper", characters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
  { flag: "numeric", minimum: "minNumeric", characters: "0123456789" },
  { flag: "special", minimum: "minSpecial", characters: "!@#$%&*()-_=+[]{}<>:?" },
] as const;

/** Everything that decides how a password looks, defaults filled in. */
interface Wanted {
  readonly length: number;
  readonly classes: readonly {
    readonly flag: string;
    readonly wanted: boolean;
    readonly minimum: number;
    readonly characters: string;
  }[];
}

/** `number` is the old name of `numeric`. */
function flagOf(inputs: Props, flag: string): unknown {
  return flag === "numeric" ? (inputs["numeric"] ?? inputs["number"] ?? true) : (inputs[flag] ?? true);
}

function wantedBy(inputs: Props): Wanted {
  const overrideSpecial = inputs["overrideSpecial"];
  return {
    length: Number(inputs["length"]),
    classes: CLASSES.map(({ flag, minimum, characters }) => ({
      flag,
      wanted: flagOf(inputs, flag) !== false,
      minimum: Number(inputs[minimum] ?? 0),
      characters:
        flag === "special" && typeof overrideSpecial === "string" && overrideSpecial !== ""
          ? overrideSpecial
          : characters,
    })),
  };
}

function pick(characters: string): string {
  return characters.charAt(randomInt(characters.length));
}

/** Shuffles in place (Fisher-Yates), every order equally likely. */
function shuffle(characters: string[]): string[] {
  for (let last = characters.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [characters[other] ?? "", characters[last] ?? ""];
  }
  return characters;
}

/**
 * A password by the inputs of `RandomPassword`, from the system's cryptographic random numbers: first the minimum of
 * each class, then any of the wanted classes, then shuffled.
 */
export function generatePassword(inputs: Props): string {
  const { length, classes } = wantedBy(inputs);
  const atLeast = classes.flatMap(({ minimum, characters }) => Array.from({ length: minimum }, () => pick(characters)));
  const any = classes.map(({ wanted, characters }) => (wanted ? characters : "")).join("");
  const others = Array.from({ length: length - atLeast.length }, () => pick(any));
  return shuffle([...atLeast, ...others]).join("");
}

/**
 * `RandomPassword` of `@pulumi/random` (after terraform-provider-random): made once, and again when any input changes,
 * keepers included. `bcryptHash` is left out: a program that reads it gets nothing, and an input that wants it fails.
 */
export const randomPassword: ResourceType = {
  token: "random:index/randomPassword:RandomPassword",
  // No `update`: the framework replaces on every change.
  replaceOn: [],
  secretOutputs: ["result"],

  check(news) {
    const failures: Failure[] = [];
    const numbers = ["length", ...CLASSES.map(({ minimum }) => minimum)];
    for (const property of numbers.filter((name) => typeof news[name] === "number")) {
      const least = property === "length" ? 1 : 0;
      const value = Number(news[property]);
      if (!Number.isInteger(value) || value < least) {
        failures.push({ property, reason: `must be a whole number of at least ${least}, and is ${value}` });
      }
    }
    const decisive = [...numbers, "number", ...CLASSES.map(({ flag }) => flag)];
    if (failures.length > 0 || decisive.some((name) => news[name] === UNKNOWN)) {
      return failures;
    }

    const { length, classes } = wantedBy(news);
    const atLeast = classes.reduce((sum, { minimum }) => sum + minimum, 0);
    if (length < atLeast) {
      const reason = `must be at least ${atLeast}, the sum of minLower, minUpper, minNumeric and minSpecial`;
      failures.push({ property: "length", reason: `${reason}, and is ${length}` });
    }
    if (!classes.some(({ wanted }) => wanted)) {
      failures.push({ property: "", reason: "at least one of lower, upper, numeric and special must be true" });
    }
    const { number, numeric } = news;
    if (number !== undefined && numeric !== undefined && number !== numeric) {
      failures.push({ property: "number", reason: "is the old name of numeric and contradicts it; leave it out" });
    }
    return failures;
  },

  create(inputs) {
    const { classes } = wantedBy(inputs);
    const filledIn = CLASSES.flatMap(({ flag, minimum }, at) => [
      [flag, classes[at]?.wanted],
      [minimum, classes[at]?.minimum],
    ]);
    const settings = Object.fromEntries(filledIn) as Props;
    const outputs = { ...settings, number: settings["numeric"], ...inputs, result: generatePassword(inputs) };
    return Promise.resolve({ id: "none", outputs });
  },

  delete: () => Promise.resolve(),
};
