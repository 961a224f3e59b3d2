import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import program from "../../index";
import { type GoldenName, goldenNames, goldenOf, recordAnew, STACKS, type StackName } from "./golden";
import { valueFilesOf } from "./values";

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
        [...goldenNames(stack).map((name) => `${name}.json`), ...Object.keys(await valueFilesOf(stack))].sort(),
      );
    });
    it(`${stack}: the values of both charts are what the program gives them, and show no secret`, async () => {
      for (const [name, text] of Object.entries(await valueFilesOf(stack))) {
        assert.equal(text, await readFile(join(__dirname, stack, name), "utf8"), name);
        assert.doesNotMatch(text, /postgres:\/\/|password/i);
      }
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

describe("a change of the program", () => {
  /** The program with other inputs of one type: what a mistake in a component would register. */
  const changed =
    (type: string, change: (inputs: Record<string, unknown>) => void) => async (): Promise<Record<string, unknown>> => {
      pulumi.runtime.registerStackTransformation(({ type: token, props, opts }) => {
        const inputs = { ...(props as Record<string, unknown>) };
        if (token === type) change(inputs);
        return { props: inputs, opts };
      });
      return program();
    };

  /** Lines that are in one of two texts only. */
  const lines = (text: string, other: string): readonly string[] => {
    const known = new Set(other.split("\n"));
    return text.split("\n").filter((line) => !known.has(line));
  };

  it("that does nothing else shows no difference", async () => {
    const same = recordAnew(
      "prod",
      "traffic-25",
      changed("aws:lb/listenerRule:ListenerRule", () => undefined),
    );
    assert.equal(await goldenOf("prod", "traffic-25", same), await goldenOf("prod", "traffic-25"));
  });

  it("of one weight shows in the golden, at that weight and nowhere else", async () => {
    const record = recordAnew(
      "prod",
      "traffic-25",
      changed("aws:lb/listenerRule:ListenerRule", (inputs) => {
        const [action] = inputs["actions"] as readonly {
          readonly forward?: { readonly targetGroups: { weight: number }[] };
        }[];
        const [a, b] = action?.forward?.targetGroups ?? [];
        if (a === undefined || b === undefined) return;
        [a.weight, b.weight] = [74, 26];
      }),
    );
    const [is, was] = [await goldenOf("prod", "traffic-25", record), await goldenOf("prod", "traffic-25")];
    assert.equal(lines(is, was).length, 4, "two rules, two groups each");
    for (const line of lines(is, was)) assert.match(line, /"weight": (74|26) \}/);
  });

  it("of an option shows too", async () => {
    const unprotected = async (): Promise<Record<string, unknown>> => {
      pulumi.runtime.registerStackTransformation(({ name, props, opts }) => ({
        props: props,
        opts: name === "database-b" ? { ...opts, protect: false } : opts,
      }));
      return program();
    };
    const [is, was] = [
      await goldenOf("prod", "start", recordAnew("prod", "start", unprotected)),
      await goldenOf("prod", "start"),
    ];
    assert.notEqual(is, was);
  });
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

    it(`${stack} traffic-100 -> complete: the dashboard is opened and alerts sound again, no weight moves`, async () => {
      assert.deepEqual(await difference(stack, "traffic-100", "complete"), [
        "~ Command control-plane-b-alerts",
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
          // The engine ignores it there, by `ignoreChanges`: nothing of B is asked.
          "~ Command control-plane-b-alerts",
          "- NetworkPolicy dashboard-b-dashboard-open",
          "- NetworkPolicy dashboard-b-developer-portal-open",
        ].sort(),
      );
    });

    it(`${stack} prepare -> freeze: A's configuration is closed and its size held, nothing of B`, async () => {
      const changes = await difference(stack, "prepare", "freeze");
      assert.ok(changes.includes("+ Command freeze-held"));
      assert.deepEqual(
        changes.filter((change) => !/^\+ \S+ (freeze|freeze-.*)$/.test(change)),
        ["~ Command gate"],
      );
    });

    it(`${stack} complete -> decommission: a last snapshot of A, then A to zero; nothing of B`, async () => {
      const changes = await difference(stack, "complete", "decommission");
      assert.ok(changes.includes("+ Snapshot freeze-final"));
      assert.deepEqual(
        changes.filter(
          (change) =>
            !/^[+~?] (DeploymentPatch|HorizontalPodAutoscalerPatch|ListenerRule|Snapshot|Command) freeze-/.test(change),
        ),
        ["~ Command gate"],
      );
    });

    it(`${stack} freeze -> restore: database B, its proof and its alarms`, async () => {
      assert.deepEqual(await difference(stack, "freeze", "restore"), [
        "+ Command database-b-equal",
        "+ Command database-b-finished",
        // From here on the proof of the freeze is not repeated by a change of other settings.
        "? Command freeze-held",
        "~ Command gate",
        "+ DatabaseB database-b",
        "+ Instance database-b",
        "+ MetricAlarm monitoring-database-connections",
        "+ MetricAlarm monitoring-database-cpu",
        "+ MetricAlarm monitoring-database-storage",
        "+ Snapshot database-b-source",
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
