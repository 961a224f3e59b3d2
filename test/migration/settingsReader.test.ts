import assert from "node:assert/strict";
import fc from "fast-check";
import { type Finding, readSettings, type SettingsOutcome } from "../../migration/settings";
import { KEYS } from "../../migration/settings/read";
import { SCHEMA } from "../../migration/settings/schema";
import { isTextSetting } from "../../migration/settings/schemaWalk";
import { covers, meet } from "../../migration/settings/rules/patterns";
import { type Changes, configOf, outcomeOf, PROJECT, SECRET_KEYS, STACKS } from "./stackConfig";

/** The reader against anything: it never throws, what it gives is frozen, and what it refuses has findings. */

const keyOf = (name: string): string => `${PROJECT}:${name}`;

function read(values: Readonly<Record<string, string>>, secretKeys: readonly string[] = SECRET_KEYS): SettingsOutcome {
  return readSettings({ project: PROJECT, stack: "prod", values, isSecret: (key) => secretKeys.includes(key) });
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

function findingsOf(outcome: SettingsOutcome): readonly Finding[] {
  return outcome.kind === "settings" ? outcome.warnings : outcome.findings;
}

function holds(outcome: SettingsOutcome): void {
  if (outcome.kind !== "settings") assert.ok(outcome.findings.length > 0);
  if (outcome.kind !== "refused") assert.ok(isFrozen(outcome.settings));
  for (const finding of findingsOf(outcome)) {
    for (const text of Object.values(finding)) assert.ok(typeof text === "string" && text !== "");
  }
}

/** Paths of every key of the objects in a value. */
function keyPaths(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (Array.isArray(value)) return value.flatMap((entry: unknown, index) => keyPaths(entry, [...path, index]));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => [[...path, key], ...keyPaths(field, [...path, key])]);
}

/** The value with something else at a path. */
function withAt(value: unknown, [key, ...rest]: readonly (string | number)[], make: (at: unknown) => unknown): unknown {
  if (key === undefined) return make(value);
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = withAt(copy[key], rest, make);
  return copy;
}

const PROD = configOf("prod");
const ROLLBACK = configOf("prod", { stage: "rollback" });
const COMPOUND = KEYS.filter((key) => !isTextSetting(SCHEMA[key]) && /^[[{]./.test(PROD[keyOf(key)] ?? ""));
/** Objects whose keys are the operator's own. */
const FREE_KEYS = /^(tags|databaseB\.parameters|gatewayGroups\.\d+\.clusterB\.environment)\./;

describe("the settings' reader, for any config", function () {
  this.timeout(60_000);
  it("never throws on any text at any key, and gives what is frozen or has findings", () => {
    const keys = [...KEYS.map(keyOf), "aws:region", keyOf("unheard"), keyOf("__proto__"), "other:key"];
    const text = fc.oneof(fc.string(), fc.json(), fc.constantFrom("", "null", "{}", "[]", "[[", "1e3", "-0"));
    fc.assert(
      fc.property(fc.constantFrom(...keys), text, fc.boolean(), fc.boolean(), (key, value, back, secret) => {
        const values = { ...(back ? ROLLBACK : PROD), [key]: value };
        holds(read(values, secret ? [...SECRET_KEYS, key] : SECRET_KEYS));
      }),
      { numRuns: 500 },
    );
  });

  it("never throws on any JSON at any place inside", () => {
    const place = fc.constantFrom(
      ...COMPOUND.flatMap((key) => keyPaths(parsed(key)).map((path) => [key, path] as const)),
    );
    fc.assert(
      fc.property(place, fc.jsonValue(), fc.boolean(), ([key, path], value, back) => {
        const changed = withAt(parsed(key), path, () => value);
        holds(read({ ...(back ? ROLLBACK : PROD), [keyOf(key)]: JSON.stringify(changed) }));
      }),
      { numRuns: 500 },
    );
  });

  it("any one key with another name is a finding that names it", () => {
    const places = COMPOUND.flatMap((key) => keyPaths(parsed(key)).map((path) => [key, path] as const)).filter(
      ([key, path]) => !FREE_KEYS.test([key, ...path].join(".")),
    );
    assert.ok(places.length > 80);
    for (const [key, path] of places) {
      const name = `${String(path.at(-1))}X`;
      const changed = withAt(parsed(key), path.slice(0, -1), (holder) =>
        renamed(holder as object, String(path.at(-1)), name),
      );
      const outcome = read({ ...PROD, [keyOf(key)]: JSON.stringify(changed) });
      assert.equal(outcome.kind, "refused", `${key} ${path.join(".")} could be misspelled`);
      // A union that lost its kind knows no keys: it asks for the kind.
      const told = findingsOf(outcome).some(
        ({ read: seen, path: at }) => seen === `the key ${name}` || /\.(kind|mode|source)$/.test(at),
      );
      assert.ok(told, `${key} ${path.join(".")}: ${JSON.stringify(findingsOf(outcome))}`);
    }
    for (const key of KEYS.filter((name) => keyOf(name) in PROD)) {
      const { [keyOf(key)]: value = "", ...rest } = PROD;
      const outcome = read({ ...rest, [keyOf(`${key}X`)]: value });
      assert.ok(
        findingsOf(outcome).some(({ path, expected }) => path === `${key}X` && expected === `${key}?`),
        key,
      );
    }
  });

  it("the text of a number means the number, and nothing else does", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 8 }), fc.double({ min: 0, max: 168 }).map(String)), (text) => {
        const outcome = read({ ...PROD, [keyOf("soakHours")]: text });
        const decimal = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) && Number(text) >= 0 && Number(text) <= 168;
        assert.equal(outcome.kind, decimal ? "settings" : "refused", JSON.stringify(text));
        if (outcome.kind === "settings") assert.equal(outcome.settings.soakHours, Number(text));
      }),
      { numRuns: 300 },
    );
  });
});

describe("traffic steps", function () {
  this.timeout(60_000);
  it("are taken exactly when they rise from at most 10 to 100, with a warning when they begin below 5", () => {
    const steps = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(steps, fc.boolean(), fc.boolean(), (some, sorted, last) => {
        const inOrder = sorted ? [...new Set(some)].sort((a, b) => a - b) : some;
        const trafficSteps = last && !inOrder.includes(100) ? [...inOrder, 100] : inOrder;
        const [first = 0] = trafficSteps;
        const rises = trafficSteps.every((step, index) => index === 0 || step > (trafficSteps[index - 1] ?? 0));
        const outcome = read({ ...PROD, [keyOf("trafficSteps")]: JSON.stringify(trafficSteps) });
        assert.equal(outcome.kind, rises && first <= 10 && trafficSteps.at(-1) === 100 ? "settings" : "refused");
        if (outcome.kind !== "settings") return;
        assert.deepEqual(
          outcome.warnings.map(({ path, remedy }) => [path, remedy]),
          first < 5 ? [["trafficSteps[0]", "pulumi config set --path 'trafficSteps[0]' 5"]] : [],
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("secrets where none belong", function () {
  this.timeout(60_000);
  const hidden = "a-very-hidden-value";
  const cases: readonly (readonly [string, Changes])[] = [
    ["gatewayGroups", { "gatewayGroups[0].clusterB.environment": { TOKEN: hidden } }],
    ["gatewayGroups", { "gatewayGroups[0].clusterB.environment": { "MY-TOKEN": hidden } }],
    ["databaseB", { "databaseB.username": hidden, "databaseB.multiAz": hidden }],
    ["controlPlane", { "controlPlane.extraValues": { license: hidden } }],
    ["tags", { tags: hidden }],
    ["version", { version: hidden }],
    ["unheard", { unheard: { password: hidden } }],
  ];
  for (const [key, changes] of cases) {
    it(`${key} with ${JSON.stringify(changes)}: refused, and never shown`, () => {
      for (const stage of ["freeze", "rollback"]) {
        const outcome = read(configOf("prod", { ...changes, stage }), [...SECRET_KEYS, keyOf(key)]);
        assert.ok(!JSON.stringify(findingsOf(outcome)).includes(hidden));
        assert.ok(findingsOf(outcome).some(({ path }) => path === key));
        if (stage === "freeze") assert.equal(outcome.kind, "refused");
        // What is declared at rollback holds it nowhere.
        if (outcome.kind !== "refused") assert.ok(!JSON.stringify(outcome.settings).includes(hidden));
      }
    });
  }

  it("tells the very place where it is known", () => {
    const outcome = readSettings({
      project: PROJECT,
      stack: "prod",
      values: PROD,
      isSecret: (key) => [...SECRET_KEYS, keyOf("databaseB")].includes(key),
      secretPaths: (key) => (key === keyOf("databaseB") ? [["username"]] : []),
    });
    assert.deepEqual(
      findingsOf(outcome).map(({ path, read: seen, remedy }) => [path, seen, remedy]),
      [["databaseB.username", "a secret", "pulumi config set --plaintext --path 'databaseB.username' VALUE"]],
    );
  });
});

describe("patterns of conditions", function () {
  this.timeout(60_000);
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?"), maxLength: 5 });
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 6 });
  const matches = (wide: string, one: string): boolean =>
    new RegExp(`^${wide.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".")}$`).test(one);

  it("meet when some text is matched by both, and cover when every one is", () => {
    fc.assert(
      fc.property(pattern, pattern, text, (a, b, one) => {
        if (matches(a, one) && matches(b, one)) assert.ok(meet(a, b) && meet(b, a));
        if (covers(a, b) && matches(b, one)) assert.ok(matches(a, one));
        if (!/[*?]/.test(b)) assert.equal(meet(a, b), matches(a, b));
      }),
      { numRuns: 2000 },
    );
    assert.equal(meet("*.example.com", "admin.example.org"), false);
    assert.equal(covers("*.example.com", "*.api.example.com"), true);
    assert.equal(covers("?.example.com", "*.example.com"), false);
  });
});

describe("both stack files", () => {
  for (const stack of STACKS) {
    it(`${stack} has no warning`, () => assert.deepEqual(findingsOf(outcomeOf(stack)), []));
  }
});

function parsed(key: string): unknown {
  return JSON.parse(PROD[keyOf(key)] ?? "null");
}

function renamed(holder: object, from: string, to: string): object {
  return Object.fromEntries(Object.entries(holder).map(([key, value]) => [key === from ? to : key, value as unknown]));
}
