import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type GoldenName, goldenNames, goldenOf, recordAnew, STACKS, type StackName } from "./golden";

interface Golden {
  readonly resources: Readonly<Record<string, { readonly options: object; readonly inputs?: object }>>;
}

async function resources(stack: StackName, name: GoldenName): Promise<Golden["resources"]> {
  return (JSON.parse(await goldenOf(stack, name)) as Golden).resources;
}

/** What differs between two stages: `+` made, `-` gone, `~` other inputs, `?` the same inputs with other options. */
async function difference(stack: StackName, from: GoldenName, to: GoldenName): Promise<readonly string[]> {
  const before = await resources(stack, from);
  const after = await resources(stack, to);
  const labels = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return labels.flatMap((label) => {
    const [old, now] = [before[label], after[label]];
    if (old === undefined) return [`+ ${label}`];
    if (now === undefined) return [`- ${label}`];
    if (JSON.stringify(old.inputs) !== JSON.stringify(now.inputs)) return [`~ ${label}`];
    return JSON.stringify(old.options) === JSON.stringify(now.options) ? [] : [`? ${label}`];
  });
}

const CARRIERS: Readonly<Record<StackName, readonly string[]>> = {
  staging: ["Listener traffic"],
  prod: ["ListenerRule traffic-default", "ListenerRule traffic-partner"],
};

describe("goldens", () => {
  for (const stack of STACKS) {
    it(`${stack}: no stage is missing and none is left over`, async () => {
      const files = await readdir(join(__dirname, stack));
      assert.deepEqual(
        files.sort(),
        goldenNames(stack)
          .map((name) => `${name}.json`)
          .sort(),
      );
    });
    for (const name of goldenNames(stack)) {
      it(`${stack} ${name} is what the program registers (npm run golden rewrites it)`, async () => {
        const committed = await readFile(join(__dirname, stack, `${name}.json`), "utf8");
        assert.equal(await goldenOf(stack, name), committed);
      });
    }
    it(`${stack}: the same program twice gives the same text`, async () => {
      const again = await goldenOf(stack, "traffic-25", recordAnew(stack, "traffic-25"));
      assert.equal(again, await goldenOf(stack, "traffic-25"));
    });
  }
});

describe("what a stage changes", () => {
  for (const stack of STACKS) {
    const weights = [...CARRIERS[stack].map((carrier) => `~ ${carrier}`), "~ Command gate"].sort();

    const steps: readonly [GoldenName, GoldenName][] = [
      ["start", "traffic-5"],
      ["traffic-5", "traffic-25"],
      ["traffic-25", "traffic-50"],
      ["traffic-50", "traffic-75"],
      ["traffic-75", "traffic-100"],
      ["traffic-75", "traffic-25"],
      ["traffic-5", "rollback"],
      ["traffic-100", "rollback"],
      ["rollback", "traffic-5"],
    ];
    for (const [from, to] of steps) {
      it(`${stack} ${from} -> ${to}: the weights and the gate, nothing else`, async () => {
        assert.deepEqual([...(await difference(stack, from, to))].sort(), weights);
      });
    }

    it(`${stack} start -> rollback: the gate alone`, async () => {
      assert.deepEqual(await difference(stack, "start", "rollback"), ["~ Command gate"]);
    });

    it(`${stack} traffic-100 -> complete: the dashboard is opened, no weight moves`, async () => {
      assert.deepEqual(await difference(stack, "traffic-100", "complete"), [
        "~ Command gate",
        "+ NetworkPolicy dashboard-b-dashboard-open",
        "+ NetworkPolicy dashboard-b-developer-portal-open",
      ]);
    });

    it(`${stack} complete -> rollback: the weights, the gate, and the dashboard is restricted again`, async () => {
      assert.deepEqual(
        [...(await difference(stack, "complete", "rollback"))].sort(),
        [
          ...weights,
          "- NetworkPolicy dashboard-b-dashboard-open",
          "- NetworkPolicy dashboard-b-developer-portal-open",
        ].sort(),
      );
    });

    it(`${stack} freeze -> restore: database B, its proof and its alarms`, async () => {
      assert.deepEqual(await difference(stack, "freeze", "restore"), [
        "+ Command database-b-equal",
        // From here on the proof of the freeze is not repeated by a change of other settings.
        "? Command freeze-held",
        "~ Command gate",
        "+ DatabaseB database-b",
        "+ Instance database-b",
        "+ MetricAlarm monitoring-database-connections",
        "+ MetricAlarm monitoring-database-cpu",
        "+ MetricAlarm monitoring-database-storage",
        "+ ParameterGroup database-b",
        "+ Snapshot database-b-source",
        "+ SubnetGroup database-b",
      ]);
    });

    it(`${stack} restore -> start: nothing is replaced or taken away`, async () => {
      const changes = await difference(stack, "restore", "start");
      assert.deepEqual(
        changes.filter((change) => change.startsWith("-")),
        [],
      );
      const changed = changes.filter((change) => change.startsWith("~"));
      // Automated backups and protection against deletion begin here; a load balancer of our own is protected too.
      const balancer = stack === "staging" ? ["~ LoadBalancer traffic"] : [];
      assert.deepEqual(changed, ["~ Command gate", "~ Instance database-b", ...balancer]);
    });

    it(`${stack} abandon: first everything of B is kept without protection, then its planes go`, async () => {
      const first = await difference(stack, "rollback", "abandon");
      const gone = first.filter((change) => change.startsWith("-")).map((change) => change.slice(2));
      assert.deepEqual(
        gone.filter((label) => !label.includes(" freeze-")),
        [],
        "only the freeze may go at first",
      );
      for (const [label, { options }] of Object.entries(await resources(stack, "abandon"))) {
        assert.ok(!("protect" in options), `${label} is still protected at abandon`);
      }
      const second = await difference(stack, "abandon", "abandon-second-update");
      assert.deepEqual(
        second.filter((change) => !change.startsWith("-")),
        [],
      );
      assert.ok(second.includes("- Release control-plane-b"));
      assert.ok(second.includes("- Release data-plane-b-default"));
      const left = Object.keys(await resources(stack, "abandon-second-update"));
      assert.ok(left.includes("Instance database-b"), "the database stays");
    });
  }
});
