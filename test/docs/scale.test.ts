import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { pages, ROOT } from "./pages";

/** The arithmetic of docs/scale.md and docs/aws-setup.md, held against what the program registers and against itself. */

const SCALE = pages().get("docs/scale.md") ?? "";
const SETUP = pages().get("docs/aws-setup.md") ?? "";

/** Rows of the tables of a page, as cells. */
function rows(page: string): readonly (readonly string[])[] {
  return [...page.matchAll(/^\|(.*)\|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));
}

/** A product, quotient, sum or difference of numbers, with brackets: `(16 × 0.10 + 3.00) / 30`. */
function valueOf(expression: string): number {
  const tokens = expression.replaceAll("×", "*").match(/\d+(?:\.\d+)?|[-+*/()]/g) ?? [];
  let at = 0;
  const factor = (): number => {
    const token = tokens[at++] ?? "";
    if (token !== "(") return Number(token);
    const inner = sum();
    at += 1;
    return inner;
  };
  const chain = (next: () => number, operators: Readonly<Record<string, (a: number, b: number) => number>>): number => {
    let value = next();
    for (let apply = operators[tokens[at] ?? ""]; apply !== undefined; apply = operators[tokens[at] ?? ""]) {
      at += 1;
      value = apply(value, next());
    }
    return value;
  };
  const product = (): number => chain(factor, { "*": (a, b) => a * b, "/": (a, b) => a / b });
  const sum = (): number => chain(product, { "+": (a, b) => a + b, "-": (a, b) => a - b });
  return sum();
}

describe("what one migration uses of AWS", () => {
  const golden = JSON.parse(readFileSync(join(ROOT, "test/golden/prod/traffic-5.json"), "utf8")) as {
    readonly resources: Readonly<Record<string, unknown>>;
  };
  const { config } = parse(readFileSync(join(ROOT, "Pulumi.prod.yaml"), "utf8")) as {
    readonly config: {
      readonly "api7-migration:gatewayGroups": readonly unknown[];
      readonly "api7-migration:compareAnswers"?: unknown;
    };
  };
  const groups = config["api7-migration:gatewayGroups"].length;
  const made = (type: string): number =>
    Object.keys(golden.resources).filter((name) => name.startsWith(`${type} `)).length;

  /** A count of the table for the stack at hand: `8 n + 3` for its number of groups. */
  function used(what: string): number {
    const [, formula = ""] = rows(SCALE).find(([name]) => name === what) ?? [];
    const [expression = ""] = /^(?:\d+ )?n(?: \+ \d+)?/.exec(formula) ?? [];
    assert.ok(expression !== "", `no formula for ${what}`);
    return valueOf(expression.replace(/^(\d+) n/, "$1 * n").replace("n", String(groups)));
  }

  it("is what the program registers for production", () => {
    assert.ok(groups > 1);
    assert.equal(made("MetricAlarm"), used("alarms"));
    assert.equal(made("TargetGroup"), used("target groups of the program"));
    // Two more close A's admin entry; comparing answers would add two for each group.
    assert.equal(config["api7-migration:compareAnswers"], undefined);
    assert.equal(made("ListenerRule"), used("rules of the load balancer") + 2);
  });

  it("is told for 1, 10 and 50 groups as the formula has it", () => {
    const [, , ...alarms] = rows(SCALE).find(([name]) => name === "alarms") ?? [];
    assert.deepEqual(
      alarms.map(Number),
      [1, 10, 50].map((n) => 8 * n + 3),
    );
  });
});

describe("the arithmetic of the pages", () => {
  it("computes as a person does", () => {
    assert.equal(valueOf("(0.0225 + 5 × 0.008) × 24").toFixed(2), "1.50");
    assert.equal(valueOf("10 - 4 - 3"), 3);
    assert.equal(valueOf("100 / 5 / 2"), 10);
  });

  it("holds for the cost of B beside A, line by line and together", () => {
    const table = rows(SETUP).filter(([, , , cost]) => /^(\*\*)?\d+\.\d\d(\*\*)?$/.test(cost ?? ""));
    const amount = (cell = ""): number => Number(cell.replaceAll("*", ""));
    const [lines, [total]] = [table.slice(0, -1), table.slice(-1)];
    assert.ok(lines.length >= 6);
    for (const [part = "", , arithmetic = "", cost] of lines) {
      const expression = arithmetic.split(":").at(-1) ?? "";
      assert.equal(valueOf(expression).toFixed(2), cost, part);
    }
    const whole = lines.reduce((sum, [, , , cost]) => sum + amount(cost), 0);
    assert.equal(whole.toFixed(2), amount(total?.[3]).toFixed(2));
    const [, days = "", daily = "", week = ""] = /\*\*(\d+) × (\d+\.\d\d) = (\d+) USD\*\*/.exec(SETUP) ?? [];
    assert.equal(daily, whole.toFixed(2));
    assert.equal((Number(days) * Number(daily)).toFixed(0), week);
  });

  it("holds for the requests that a step needs", () => {
    for (const [requests, rate, seconds] of [
      [18_308, 5, 20.3 * 3600],
      [18_308, 100, 61 * 60],
      [1_882, 20, 31 * 60],
      [591, 5, 39 * 60],
    ] as const) {
      assert.ok(SCALE.includes(requests.toLocaleString("en-US")));
      assert.ok(Math.abs(requests / (rate * 0.05) / seconds - 1) < 0.02, `${requests} at ${rate}`);
    }
  });
});
