import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { judgeCommand } from "../../../checks/commands/judge";
import { metricsCommand } from "../../../checks/commands/metrics";
import { canonicalJson, renderRecord } from "../../../migration/record";
import { type Stage } from "../../../migration/stages";
import { recordOf } from "../../support/recordOf";
import { traffic } from "../support/gatewayTraffic";
import { PrometheusFake } from "../support/prometheusFake";

const MINUTE = 60_000;
/** On a whole interval; of the test, since the command has this machine's clock. */
let now = 0;
const ago = (minutes: number): number => now - minutes * MINUTE;
const ROOT = resolve(__dirname, "..", "..", "..");

describe("check -- metrics", () => {
  let fake: PrometheusFake;
  let folder: string;
  beforeEach(async () => {
    now = Math.floor(Date.now() / 15_000) * 15_000;
    fake = await PrometheusFake.start();
    folder = mkdtempSync(join(tmpdir(), "metrics-"));
  });
  afterEach(async () => {
    await fake.stop();
    rmSync(folder, { recursive: true });
  });

  /** A stack's file whose metrics are the fake's, and its record. */
  function stack(source: unknown, ...entries: readonly (readonly [Stage, number])[]): string {
    const file = parse(readFileSync(join(ROOT, "Pulumi.staging.yaml"), "utf8")) as { config: Record<string, unknown> };
    const secret = { secure: "v1:AAAA" };
    const config = {
      ...file.config,
      "api7-migration:controlPlaneToken": secret,
      "api7-migration:databaseADsn": secret,
      "api7-migration:recordFolder": folder,
      "api7-migration:metrics": source,
    };
    const path = join(folder, "Pulumi.test.yaml");
    writeFileSync(path, stringify({ config }));
    const record = recordOf(...entries);
    writeFileSync(join(folder, "record.jsonl"), record.entries.map((entry) => `${canonicalJson(entry)}\n`).join(""));
    writeFileSync(join(folder, "record.json"), renderRecord(record));
    return path;
  }
  const prometheus = (): unknown => ({
    source: "prometheus",
    delaySeconds: 0,
    a: { url: fake.url, selector: 'cluster="a"' },
    b: { url: fake.url, selector: 'cluster="b"' },
  });

  it("writes samples that the judge takes, from before the first percent on", async () => {
    traffic(fake, { fromMs: ago(45), untilMs: now + 3 * MINUTE }, (at) => (at > ago(30) ? 5 : 0), { requests: 3000 });
    const file = stack(prometheus(), ["start", ago(60)], ["traffic-5", ago(30)]);
    const outcome = await metricsCommand({ file });
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    const samples = join(folder, "samples.jsonl");
    writeFileSync(samples, outcome.stdout);
    const judged = await judgeCommand({ samples, json: true });
    const { verdict, steps } = JSON.parse(judged.stdout) as {
      verdict: string;
      steps: { weightB: number; samples: number }[];
    };
    assert.equal(verdict, "go", judged.stdout);
    assert.deepEqual(
      steps.map(({ weightB }) => weightB),
      [0, 5],
    );
    assert.ok((steps[1]?.samples ?? 0) >= 119);
    const all = await metricsCommand({ file, record: join(folder, "record.json"), json: true });
    const document = JSON.parse(all.stdout) as { source: string; samples: unknown[] };
    assert.equal(document.source, "Prometheus");
    assert.ok(Math.abs(document.samples.length - outcome.stdout.split("\n").length) <= 1);
  });

  it("says that B has no traffic: exit code 1", async () => {
    const outcome = await metricsCommand({ file: stack(prometheus(), ["start", ago(60)]) });
    assert.deepEqual([outcome.exitCode, outcome.stdout], [1, ""]);
    assert.match(outcome.stderr, /no traffic on stack test: it stands at start/);
  });

  it("could not look: exit code 2, with what to do", async () => {
    fake.fault = () => ({ status: 401, body: "no" });
    const outcome = await metricsCommand({ file: stack(prometheus(), ["start", ago(60)], ["traffic-5", ago(30)]) });
    assert.deepEqual([outcome.exitCode, outcome.stdout], [2, ""]);
    assert.match(outcome.stderr, /COULD NOT LOOK {2}metrics: Prometheus of [AB].*\n.*HTTP 401/);
    assert.match(outcome.stderr, /metricsCredentials/);
  });

  it("refuses a stack without a source, and a record that was changed", async () => {
    const none = stack({ source: "none", by: "Ada", reason: "a lab" }, ["start", ago(60)]);
    await assert.rejects(metricsCommand({ file: none }), /no source of metrics/);
    const file = stack(prometheus(), ["start", ago(60)], ["traffic-5", ago(30)]);
    const path = join(folder, "record.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace('"weightB":0', '"weightB":1'));
    await assert.rejects(metricsCommand({ file }), /is no record: .*does not follow/);
  });
});
