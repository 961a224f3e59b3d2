import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScenario, type RunResult } from "../../rehearsal/run";
import { SCENARIOS } from "../../rehearsal/scenarios";
import { deadClusterB, deadClusterBShort } from "../../rehearsal/scenarios/deadClusterB";
import { faultMatrix } from "../../rehearsal/scenarios/faultMatrix";
import { migrationDump, migrationDumpShort } from "../../rehearsal/scenarios/migrationDump";
import { pilot } from "../../rehearsal/scenarios/pilot";
import { pilotBack } from "../../rehearsal/scenarios/pilotBack";
import { pilotKilled } from "../../rehearsal/scenarios/pilotKilled";
import { type Scenario } from "../../rehearsal/scenarios/scenario";
import { strict } from "../../rehearsal/scenarios/strict";
import { DEFAULT_SETTINGS } from "../../rehearsal/settings";
import { type Summary } from "../../rehearsal/summary";

/** The rehearsal's scenarios at small scale: real engine, real databases, real traffic, fewer routes and requests. */
const SMALL = { ratePerSecond: 60, pace: 20, routes: 1_000, settings: DEFAULT_SETTINGS, show: "silent" } as const;
/** Long scenarios, and the part of each that has to be seen every time. */
const SHORT = new Map([
  [migrationDump, migrationDumpShort],
  [deadClusterB, deadClusterBShort],
]);
/** Together too long for every test run: `npm run rehearse -- --scenario NAME`, or `all` (`strict` takes hours). */
const BY_COMMAND: ReadonlySet<Scenario> = new Set([strict, faultMatrix, pilot, pilotBack, pilotKilled]);
/** On two busy cores; a scenario alone takes one to three minutes. */
const LIMIT_MS = 20 * 60_000;

describe("scenarios of the rehearsal, at small scale", () => {
  let out: string;
  before(async () => {
    out = await mkdtemp(join(tmpdir(), "api7-scenarios-"));
  });
  after(async () => rm(out, { recursive: true, force: true }));

  // The whole way is `migration`'s; `npm run rehearse -- --scenario migration-dump` goes it with a dump.
  const scenarios = SCENARIOS.filter((scenario) => !BY_COMMAND.has(scenario)).map(
    (scenario) => SHORT.get(scenario) ?? scenario,
  );
  for (const scenario of scenarios) {
    it(`${scenario.name}: ${scenario.description}`, async function () {
      this.timeout(LIMIT_MS);
      const folder = join(out, scenario.name);
      const result = await runScenario(scenario, {
        ...SMALL,
        out: folder,
        lookSeconds: Math.min(scenario.lookSeconds, 3),
      });
      assertHeld(result);
      const written = JSON.parse(await readFile(join(folder, "summary.json"), "utf8")) as Summary;
      assert.deepEqual(written, result.summary);
      const byFaults = written.faults.reduce((sum, { failedRequests }) => sum + failedRequests, 0);
      assert.equal(written.totals.failed, byFaults, "requests failed beside those that faults made fail");
      assert.ok(written.totals.requests > 1000, `${written.totals.requests} requests are too few to say anything`);
    });
  }
});

function assertHeld({ summary, failure }: RunResult): void {
  if (failure !== undefined) throw failure;
  assert.equal(summary.ok, true);
}
