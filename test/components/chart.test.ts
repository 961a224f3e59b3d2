import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyChart } from "../../components/chart";
import { frameless } from "../../components/failure";

describe("a pinned chart", () => {
  let folder: string;
  const content = "a chart archive";
  const sha256 = createHash("sha256").update(content).digest("hex");
  const chart = { version: "3.9.5", file: "api7ee3-3.9.5.tgz", sha256 };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "chart-"));
    await writeFile(join(folder, chart.file), content);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("with its digest is taken, relative to the project folder", () => verifyChart(chart, folder));

  it("with an absolute path is taken too", () =>
    verifyChart({ ...chart, file: join(folder, chart.file) }, "/elsewhere"));

  it("that was changed is refused with both digests", async () => {
    await writeFile(join(folder, chart.file), `${content}!`);
    await assert.rejects(
      verifyChart(chart, folder),
      new RegExp(`has SHA-256 [0-9a-f]{64}, the settings pin ${sha256}`),
    );
  });

  it("that is missing is refused with what to do", async () => {
    await assert.rejects(
      verifyChart({ ...chart, file: "gone.tgz" }, folder),
      /gone\.tgz cannot be read: ENOENT.*Pull version 3\.9\.5/,
    );
  });
});

describe("an error that the engine prints", () => {
  it("is the text alone for a refusal", () => {
    const printed = frameless(frameless(new Error("first")));
    assert.match(printed.message, /first/);
    assert.equal(printed.stack, undefined);
  });
  it("keeps the stack of a mistake as text", () => {
    assert.match(frameless(new TypeError("oops")).message, /TypeError: oops\n\s+at /);
  });
  it("is left as it is when the engine is going down", () => {
    const error = Object.assign(new Error("Resource monitor is terminating"), { code: 14 });
    assert.equal(frameless(error), error);
  });
  it("takes what is no error", () => assert.equal(frameless("text").message, "text"));
});
