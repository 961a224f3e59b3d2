import assert from "node:assert/strict";
import program from "../../index";
import { type Changes, configOf, SECRET_KEYS, type StackName } from "../migration/stackConfig";
import { record, type Recording } from "./recorder";

const emergencyChange = { by: "ada", reason: "a new certificate" };

function run(stack: StackName, changes: Changes): Promise<Recording> {
  return record(program, {
    stack,
    config: configOf(stack, changes),
    secretKeys: SECRET_KEYS,
    preview: false,
    answer: () => "done",
    outputsOf: () => ({ stdout: "" }),
  });
}

describe("program: an emergency change", () => {
  for (const stack of ["staging", "prod"] as const) {
    for (const stage of ["start", "traffic-25", "complete", "rollback"]) {
      it(`${stack}, ${stage}: touches the gate and what freezes A, and nothing else`, async () => {
        const [without, open] = await Promise.all([run(stack, { stage }), run(stack, { stage, emergencyChange })]);
        const before = new Map(
          without.resources.map(({ type, name, inputs }) => [`${type} ${name}`, JSON.stringify(inputs)]),
        );
        assert.equal(open.resources.length, without.resources.length);
        const changed = open.resources
          .filter(({ type, name, inputs }) => before.get(`${type} ${name}`) !== JSON.stringify(inputs))
          .map(({ name }) => name)
          .sort();
        const freeze =
          stack === "prod" ? ["freeze-writes"] : ["freeze-api7ee3-dashboard", "freeze-api7ee3-developer-portal"];
        assert.deepEqual(changed, [...freeze, "gate"].sort());
      });
    }
  }
});
