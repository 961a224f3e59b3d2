import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePrograms } from "../../../../rehearsal/kubernetes/real/programs";
import { runScenario } from "../../../../rehearsal/run";
import { abandoned } from "../../../../rehearsal/scenarios/abandoned";
import { migration } from "../../../../rehearsal/scenarios/migration";
import { DEFAULT_SETTINGS } from "../../../../rehearsal/settings";
import { BUILD_MS } from "./realCluster";

/** On two busy cores; a scenario alone takes some minutes. */
const LIMIT_MS = 25 * 60_000;

describe("scenarios of the rehearsal on the real Kubernetes tier, at small scale", () => {
  let out: string;
  before(async function () {
    this.timeout(BUILD_MS);
    await ensurePrograms();
    out = await mkdtemp(join(tmpdir(), "api7-real-scenarios-"));
  });
  after(async () => rm(out, { recursive: true, force: true }));

  // The judge is the same in both tiers, and has its requests in the default one.
  const unjudged = { ...migration, settings: { ...migration.settings, judging: "none" as const } };
  for (const scenario of [unjudged, abandoned]) {
    it(`${scenario.name}: cluster A as Helm installed it, three replicas, 0 failed requests`, async function () {
      this.timeout(LIMIT_MS);
      const { summary, failure } = await runScenario(scenario, {
        ratePerSecond: 60,
        pace: 20,
        routes: 1_000,
        settings: DEFAULT_SETTINGS,
        kubernetes: "real",
        show: "silent",
        out: join(out, scenario.name),
        lookSeconds: Math.min(scenario.lookSeconds, 3),
      });
      if (failure !== undefined) throw failure;
      assert.equal(summary.ok, true);
      assert.equal(summary.totals.failed, 0);
      assert.ok(summary.totals.requests > 1000, `${summary.totals.requests} requests are too few to say anything`);
    });
  }
});
