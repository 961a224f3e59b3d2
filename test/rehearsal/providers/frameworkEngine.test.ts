import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { EngineRun } from "./engineRun";

const THING = "things:index:Thing";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** What a program writes: the class that an SDK would have. */
class Thing extends pulumi.CustomResource {
  declare readonly arn: pulumi.Output<string>;
  declare readonly revision: pulumi.Output<number>;
  declare readonly token: pulumi.Output<string>;

  constructor(name: string, args: Readonly<Record<string, unknown>>, options?: pulumi.CustomResourceOptions) {
    super(THING, name, { arn: undefined, revision: undefined, token: undefined, ...args }, options);
  }
}

class Other extends pulumi.CustomResource {
  constructor(type: string, args: Readonly<Record<string, unknown>>) {
    super(type, "other", args);
  }
}

class Things extends pulumi.ProviderResource {
  constructor(name: string, settings: Readonly<Record<string, unknown>>) {
    super("things", name, settings);
  }
}

type Args = Readonly<Record<string, unknown>>;

/** What the program's things are given; tests change a few of them at a time. */
const GIVEN = {
  plain: { label: "plain", size: 1 },
  hiding: { label: "hiding", note: pulumi.secret("hidden"), mode: { kind: pulumi.secret("dark"), speed: 1 } },
  weighted: {
    label: "weighted",
    mode: { kind: "slow" },
    groups: [
      { name: "a", weight: 100 },
      { name: "b", weight: 0 },
    ],
  },
  first: { label: "first" },
  ignoring: { label: "ignoring", size: 1, tags: { a: "1", b: "1" } },
  settings: { region: "here", endpoints: JSON.stringify([{ url: "http://127.0.0.1:1" }]) },
} as const;

/** The changes of the second step. */
const CHANGED = {
  // Updated. `arn` stays known, so "noting plain" stays; `revision` may change, so "counting plain" follows.
  plain: { label: "plain", size: 2 },
  // Replaced, with "named after first", whose label is not known; "noting first" is updated.
  first: { label: "second" },
  // Only `tags.b` counts.
  ignoring: { label: "ignoring", size: 9, tags: { a: "9", b: "2" } },
  // A setting that does not replace.
  settings: { ...GIVEN.settings, retries: "2" },
} as const;

type Given = { readonly [Name in keyof typeof GIVEN]: Args };

/** Several things at once: an operation of the engine takes seconds, whatever it does. */
const several =
  (changes: Partial<Given> = {}, more: () => void = () => undefined): PulumiFn =>
  async () => {
    const given: Given = { ...GIVEN, ...changes };
    const plain = new Thing("plain", given.plain);
    const hiding = new Thing("hiding", given.hiding);
    new Thing("weighted", given.weighted);
    const first = new Thing("first", given.first);
    new Thing("named after first", { label: first.arn });
    new Thing("noting first", { label: "noting", note: first.arn });
    new Thing("counting plain", { label: "counting", free: plain.revision });
    new Thing("noting plain", { label: "noting plain", note: plain.arn });
    const ignoreChanges = ["size", "tags.a"];
    new Thing("ignoring", given.ignoring, { ignoreChanges, customTimeouts: { create: "90s" } });
    new Thing("owned", { label: "owned" }, { provider: new Things("own", given.settings) });
    more();
    const greeting: unknown = await pulumi.runtime.invoke("things:index:greet", { name: "you" });
    return { token: hiding.token, revision: plain.revision, greeting };
  };

/** The resources of `several`, with its provider and the stack itself. */
const ALL = 12;

describe("provider framework on the real engine, one stack's life", function () {
  this.timeout(60_000);
  let run: EngineRun;

  before(async () => {
    run = await EngineRun.start([{ name: "things", main: join(__dirname, "frameworkFixture.ts") }]);
  });
  after(() => run.remove());

  const fileOf = (id: string) => join(run.folder, "things", `${id}.json`);
  const cloud = () => readdirSync(join(run.folder, "things")).sort();
  const live = (id: string) => JSON.parse(readFileSync(fileOf(id), "utf8")) as Record<string, unknown>;
  const storedOf = async (name: string) => {
    const things = await run.stored(THING);
    return things.find(({ urn }) => urn.endsWith(`::${name}`));
  };

  it("creates, with secrets in the state, log lines, time limits, data sources and nested settings", async () => {
    const lines: string[] = [];
    run.program = several();
    const { summary, outputs } = await run.stack.up({ onOutput: (line) => lines.push(line) });
    assert.deepEqual(summary.resourceChanges, { create: ALL });

    assert.match(lines.join(""), /creating in undefined within 90 s/);
    assert.match(lines.join(""), /creating in here within any s/);
    assert.deepEqual(outputs["greeting"]?.value, { text: "hello you" });
    assert.equal(outputs["token"]?.secret, true);
    assert.deepEqual(live("hiding-1"), {
      enabled: true,
      label: "hiding",
      mode: { kind: "dark", speed: 1 },
      note: "hidden",
      revision: 1,
    });

    const stored = await storedOf("hiding");
    assert.ok(stored?.inputs && stored.outputs);
    const { note, mode, token, label } = stored.outputs;
    for (const value of [stored.inputs["note"], note, token, (mode as Args)["kind"]]) {
      assert.equal((value as Args)["4dabf18193072939515e22adb298388d"], SECRET_SIGNATURE);
    }
    assert.equal(label, "hiding");
  });

  it("sees no change where there is none, and none in what the cloud filled in", async () => {
    assert.deepEqual(await run.preview(), { same: ALL });
    const { changeSummary } = await run.stack.preview({ refresh: true });
    assert.deepEqual(changeSummary, { same: ALL });
  });

  it("updates and replaces, and previews exactly what it then does", async () => {
    const program = several(CHANGED);
    const expected = { replace: 2, same: ALL - 7, update: 5 };
    assert.deepEqual(await run.preview(program), expected);
    assert.deepEqual(await run.up(program), expected);
    assert.deepEqual(live("ignoring-1"), {
      enabled: true,
      label: "ignoring",
      revision: 2,
      size: 1,
      tags: { a: "1", b: "2" },
    });
    assert.deepEqual(live("plain-1"), { enabled: true, label: "plain", revision: 2, size: 2 });
    assert.equal(cloud().includes("first-1.json"), false);
    assert.equal(cloud().includes("arn:thing:second-1-1.json"), true);
    assert.deepEqual(await run.preview(), { same: ALL });
  });

  it("puts right by refresh what was changed by hand, makes again what is gone, and imports what exists", async () => {
    const groups = [
      { name: "a", weight: 50 },
      { name: "b", weight: 50 },
    ];
    writeFileSync(fileOf("weighted-1"), JSON.stringify({ ...live("weighted-1"), groups }));
    rmSync(fileOf("noting-1"));
    const args = { label: "found", tags: { by: "hand" }, note: "none" };
    writeFileSync(fileOf("found-1"), JSON.stringify({ ...args, enabled: true, revision: 7 }));
    // Without a look at the cloud, nothing is to be done.
    assert.deepEqual(await run.preview(), { same: ALL });

    const before = run.program;
    run.program = async () => {
      new Thing("found", args, { import: "found-1" });
      return before();
    };
    const { summary } = await run.stack.up({ refresh: true });
    assert.deepEqual(summary.resourceChanges, { create: 1, import: 1, same: ALL - 2, update: 1 });
    assert.deepEqual(live("weighted-1")["groups"], GIVEN.weighted.groups);
    assert.equal(live("found-1")["revision"], 7);
    assert.equal(cloud().includes("noting-1.json"), true);

    run.program = async () => {
      new Thing("found", args);
      return before();
    };
    assert.deepEqual(await run.preview(), { same: ALL + 1 });
    await assert.rejects(
      run.preview(() => {
        new Thing("missing", args, { import: "missing-1" });
        return Promise.resolve();
      }),
      /missing-1' does not exist/,
    );
  });

  it("refuses what it does not know, in preview and up, and shows no secret", async () => {
    const program: PulumiFn = () => {
      new Thing("bad", { labl: "a", groups: [{ name: "g", wieght: 1 }], size: pulumi.secret("hidden") });
      return Promise.resolve();
    };
    for (const operation of [() => run.preview(program), () => run.up(program)]) {
      await assert.rejects(operation, (error: Error) => {
        assert.match(error.message, /groups\[0\]\.wieght: is not a known property; did you mean "weight"\?/);
        assert.match(error.message, /labl: is not a known property; did you mean "label"\?/);
        assert.match(error.message, /label: is required and missing/);
        assert.match(error.message, /size: must be a number, and is a string/);
        assert.doesNotMatch(error.message, /hidden/);
        return true;
      });
    }
    await assert.rejects(
      run.preview(() => {
        new Other("things:index:Thin", {});
        return Promise.resolve();
      }),
      /"things" knows no resource type things:index:Thin\. Did you mean things:index:Thing\?/,
    );
    const misspelled = several({ settings: { regoin: "here" } });
    await assert.rejects(run.preview(misspelled), /regoin: is not a known property; did you mean "region"\?/);
  });

  it("replaces everything of a provider when a setting says so", async () => {
    const { replace } = await run.preview(several({ ...CHANGED, settings: { ...CHANGED.settings, region: "there" } }));
    assert.equal(replace, 2, "the provider, and the one thing that it has");
  });

  it("keeps what is there when a step fails, and what is there but not well", async () => {
    // One failure an update: once a step has failed, the engine may leave out what it has not begun.
    const failing = (step: "update" | "create" | "ready" | "none"): PulumiFn => {
      const when = (own: string) => (step === own ? { fail: step } : {});
      const size = { update: 3, create: 2, ready: 2, none: 4 }[step];
      return several({ first: { label: "second" }, plain: { label: "plain", size, ...when("update") } }, () => {
        if (step === "create" || step === "none") new Thing("closed", { label: "closed", ...when("create") });
        if (step === "ready" || step === "none") new Thing("unready", { label: "unready", ...when("ready") });
      });
    };
    await assert.rejects(run.up(failing("update")));
    assert.equal((await storedOf("plain"))?.inputs?.["size"], 2);
    await assert.rejects(run.up(failing("create")), /the cloud is closed/);
    assert.equal(await storedOf("closed"), undefined);
    await assert.rejects(run.up(failing("ready")), /not ready in time/);
    const unready = await storedOf("unready");
    assert.ok(unready);
    assert.equal(unready.id, "unready-1");
    assert.deepEqual(unready.initErrors, ["not ready in time"]);

    await run.up(failing("none"));
    assert.equal(live("plain-1")["size"], 4);
    assert.equal(live("unready-1")["revision"], 2);
    assert.equal(cloud().includes("closed-1.json"), true);
  });

  it("destroys, and leaves no process behind", async () => {
    await run.destroy();
    assert.deepEqual(cloud(), []);
    assert.deepEqual(run.processes(), []);
  });
});
