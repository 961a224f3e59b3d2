import assert from "node:assert/strict";
import fc from "fast-check";
import { UNKNOWN, type Props, type ResourceContext } from "../../../rehearsal/providers/framework";
import { Provider } from "../../../rehearsal/providers/framework/provider";
import { loadSchema } from "../../../rehearsal/providers/framework/schema";
import { generatePassword, randomPassword } from "../../../rehearsal/providers/random/randomPassword";

const TOKEN = randomPassword.token;
const context: ResourceContext = {
  signal: new AbortController().signal,
  config: {},
  dryRun: false,
  log: () => undefined,
  urn: "urn:pulumi:s::p::random:index/randomPassword:RandomPassword::p",
};
const provider = new Provider({ name: "random", version: "1", types: [randomPassword] }, loadSchema("random"));

const count = (text: string, characters: RegExp): number => text.match(characters)?.length ?? 0;

describe("plugin random", () => {
  it("makes passwords of the length and of the characters that are asked for", () => {
    const inputs = fc.record({
      length: fc.integer({ min: 12, max: 64 }),
      minLower: fc.integer({ min: 0, max: 3 }),
      minUpper: fc.integer({ min: 0, max: 3 }),
      minNumeric: fc.integer({ min: 0, max: 3 }),
      minSpecial: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(inputs, (given) => {
        const password = generatePassword({ ...given, overrideSpecial: "-_" });
        assert.equal(password.length, given.length);
        assert.match(password, /^[a-zA-Z0-9_-]*$/);
        assert.ok(count(password, /[a-z]/g) >= given.minLower);
        assert.ok(count(password, /[A-Z]/g) >= given.minUpper);
        assert.ok(count(password, /[0-9]/g) >= given.minNumeric);
        assert.ok(count(password, /[-_]/g) >= given.minSpecial);
      }),
    );
  });

  it("leaves out what is not wanted, whether numeric has its old name or not", () => {
    assert.match(generatePassword({ length: 200, special: false, upper: false }), /^[a-z0-9]{200}$/);
    assert.match(generatePassword({ length: 200, special: false, lower: false, numeric: false }), /^[A-Z]{200}$/);
    assert.match(generatePassword({ length: 200, special: false, lower: false, number: false }), /^[A-Z]{200}$/);
    assert.match(generatePassword({ length: 300 }), /[!@#$%&*()\-_=+[\]{}<>:?]/);
  });

  it("uses every position and every character alike", () => {
    // 26 letters, 26,000 draws: each 1000 times, give or take 6 standard deviations; a digit at each of 10 places.
    const letters = generatePassword({ length: 26_000, special: false, upper: false, numeric: false });
    for (const letter of "abcdefghijklmnopqrstuvwxyz") {
      assert.ok(Math.abs(letters.split(letter).length - 1 - 1000) < 200, letter);
    }
    const places = Array.from({ length: 2000 }, () =>
      generatePassword({ length: 10, special: false, upper: false, minNumeric: 1, numeric: false }).search(/[0-9]/),
    );
    for (let place = 0; place < 10; place++) {
      assert.ok(Math.abs(places.filter((seen) => seen === place).length - 200) < 85, String(place));
    }
  });

  it("fills in the settings as the real provider does, and marks the password secret", async () => {
    const { id, outputs } = await provider.create(TOKEN, { length: 8, special: false, keepers: { a: "1" } }, context);
    assert.equal(id, "none");
    const { result, ...settings } = outputs;
    assert.equal((result as Props)["4dabf18193072939515e22adb298388d"], "1b47061264138c4ac30d75fd1eb44270");
    assert.match(String((result as Props)["value"]), /^[a-zA-Z0-9]{8}$/);
    assert.deepEqual(settings, {
      length: 8,
      keepers: { a: "1" },
      lower: true,
      upper: true,
      numeric: true,
      number: true,
      special: false,
      minLower: 0,
      minUpper: 0,
      minNumeric: 0,
      minSpecial: 0,
    });
  });

  it("is made anew when any input changes, keepers included", () => {
    const olds = { length: 8, keepers: { a: "1" } };
    const changed = (news: Props) =>
      provider.diff(TOKEN, olds, news, []).changes.map(({ path, replaces }) => [path, replaces]);
    assert.deepEqual(changed({ ...olds }), []);
    assert.deepEqual(changed({ ...olds, length: 9 }), [["length", true]]);
    assert.deepEqual(changed({ ...olds, keepers: { a: "2" } }), [["keepers.a", true]]);
    assert.deepEqual(changed({ ...olds, keepers: { a: UNKNOWN } }), [["keepers.a", true]]);
    assert.deepEqual(changed({ ...olds, special: false }), [["special", true]]);
  });

  for (const [inputs, expected] of [
    [{ length: 0 }, ["length: must be a whole number of at least 1, and is 0"]],
    [{ length: 2.5 }, ["length: must be a whole number of at least 1, and is 2.5"]],
    [{ length: 8, minUpper: -1 }, ["minUpper: must be a whole number of at least 0, and is -1"]],
    [
      { length: 3, minUpper: 2, minLower: 2 },
      ["length: must be at least 4, the sum of minLower, minUpper, minNumeric and minSpecial, and is 3"],
    ],
    [
      { length: 8, lower: false, upper: false, numeric: false, special: false },
      [": at least one of lower, upper, numeric and special must be true"],
    ],
    [
      { length: 8, number: true, numeric: false },
      ["number: is the old name of numeric and contradicts it; leave it out"],
    ],
    [{ length: "8" }, ["length: must be a number, and is a string"]],
    [{ lenght: 8 }, ['lenght: is not a known property; did you mean "length"?', "length: is required and missing"]],
    [{ length: UNKNOWN, minUpper: 2 }, []],
    [{ length: 8, minUpper: 2, keepers: { a: UNKNOWN } }, []],
  ] as const) {
    it(`answers ${JSON.stringify(inputs)} with ${expected.length} findings`, async () => {
      const { failures } = await provider.check(TOKEN, inputs, undefined, context);
      assert.deepEqual(
        failures.map(({ property, reason }) => `${property}: ${reason}`),
        expected,
      );
    });
  }

  it("cannot be imported", async () => {
    await assert.rejects(provider.read(TOKEN, "secret", {}, undefined, context), /RandomPassword cannot be imported/);
    const state = { length: 8, result: "x" };
    const kept = await provider.read(TOKEN, "none", state, { length: 8 }, context);
    assert.equal((kept?.outputs["result"] as Props)["value"], "x");
  });
});
