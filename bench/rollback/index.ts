import { rollbackId } from "../../migration/record";
import { type MigrationStack } from "../../pilot/migrationStack";
import { rollBack } from "../../pilot/rollback";
import { recordOf } from "../../pilot/stackState";
import { enterStage } from "../../pilot/enter";
import { Rehearsal } from "../../rehearsal/rehearsal";
import { DEFAULT_SETTINGS } from "../../rehearsal/settings";
import { type BenchmarkOptions, type BenchmarkResult } from "../benchmark";
import { median } from "../statistics";

/** Rollback and floor in turn: what slows the machine for a while slows both. */
const RUNS = 9;
const LIMIT = 1.3;
/** From the first step: how far up the requests went changes nothing of the way back. */
const STAGE = "traffic-5";
const CLIMB = ["prepare", "freeze", "restore", "start", STAGE] as const;

/**
 * `npm run bench -- rollback`: from the decision to the weights, by the code of `npm run rollback`, beside what the engine
 * takes at least: a targeted update with refresh of one resource that has nothing to do, in the same stack.
 */
export async function rollbackBenchmark({ log }: BenchmarkOptions, runs = RUNS): Promise<BenchmarkResult> {
  const rehearsal = await Rehearsal.open({
    ratePerSecond: 20,
    pace: 20,
    routes: 200,
    lookSeconds: 1,
    maxSeconds: 3600,
    settings: { ...DEFAULT_SETTINGS, judging: "none" },
    report: log,
  });
  try {
    const { stack } = rehearsal;
    for (const stage of CLIMB) {
      log(stage);
      await enterStage(stack, stage);
    }
    const trivial = await trivialResource(stack);
    const rollbacks: number[] = [];
    const floors: number[] = [];
    for (let run = 1; run <= runs; run += 1) {
      if (run > 1) await enterStage(stack, STAGE, { settings: { acknowledgeRollback: await standingRollback(stack) } });
      rollbacks.push(await oneRollback(stack));
      floors.push((await stack.up({ refresh: true, target: [trivial] })).seconds);
      log(`run ${run}: rollback ${seconds(rollbacks.at(-1))}, floor ${seconds(floors.at(-1))}`);
    }
    const [rollback, floor] = [median(rollbacks), median(floors)];
    const ratio = rollback / floor;
    const ok = ratio <= LIMIT;
    return {
      ok,
      text: [
        `${ok ? "holds        " : "DOES NOT HOLD"}  decision to weights applied: ${ratio.toFixed(2)} times the engine's floor, at most ${LIMIT}`,
        `rollback ${seconds(rollback)} (${rollbacks.map(seconds).join(", ")})`,
        `floor    ${seconds(floor)} (${floors.map(seconds).join(", ")}), an update with refresh of ${trivial.split("::").at(-1) ?? ""} alone`,
        `medians of ${runs} runs in turn`,
      ].join("\n"),
      values: { ratio, limit: LIMIT, rollbackSeconds: rollbacks, floorSeconds: floors },
    };
  } finally {
    await rehearsal.close();
  }
}

/** Decision to the engine's report of the weights set. @throws when the way back did not work */
async function oneRollback(stack: MigrationStack): Promise<number> {
  const outcome = await rollBack(stack, { report: () => undefined });
  const { result, decidedAt, appliedAt, trouble } = outcome;
  if (result !== "back" || appliedAt === undefined) {
    throw new Error(`the way back ended with "${result}": ${trouble ?? "no weight was set"}`);
  }
  return (Date.parse(appliedAt) - Date.parse(decidedAt)) / 1000;
}

/** A password: nothing outside of the engine belongs to it. */
async function trivialResource(stack: MigrationStack): Promise<string> {
  const { resources = [] } = await stack.state();
  const found = resources.find(({ type }) => type === "random:index/randomPassword:RandomPassword");
  if (found === undefined) throw new Error("the stack has no random password to measure the floor with");
  return found.urn;
}

async function standingRollback(stack: MigrationStack): Promise<string> {
  const record = recordOf(await stack.state());
  const id = record === undefined ? undefined : rollbackId(record);
  if (id === undefined) throw new Error("no rollback stands in the record");
  return id;
}

function seconds(value: number | undefined): string {
  return value === undefined ? "–" : `${value.toFixed(2)} s`;
}
