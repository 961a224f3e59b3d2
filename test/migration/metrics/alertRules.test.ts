import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { ruleFile } from "../../../checks/commands/alertRules";
import { alertRules, type AlertRule, type AlertRules } from "../../../migration/metrics/alertRules";
import { type PrometheusSettings } from "../../../migration/metrics/metricsRequest";
import { settingsOf } from "../stackConfig";

/** By Prometheus' own grammar. */
function syntaxErrors(expression: string): readonly number[] {
  const errors: number[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from }) => {
      if (type.isError) errors.push(from);
    },
  });
  return errors;
}

function prod(changes: Readonly<Record<string, unknown>> = {}): Parameters<typeof alertRules>[0] {
  const { stack, metrics, judge } = settingsOf("prod", changes);
  return { stack, metrics: metrics as PrometheusSettings, judge };
}

function rulesOf(rules: AlertRules): ReadonlyMap<string, AlertRule> {
  return new Map(rules.groups.flatMap((group) => group.rules).map((rule) => [rule.alert, rule] as const));
}

const DURATION = /^\d+[smh]$/;

describe("alert rules for Prometheus", () => {
  it("are what Prometheus reads: its keys, its durations, its language", () => {
    const read = parse(ruleFile(prod())) as AlertRules;
    assert.deepEqual(Object.keys(read), ["groups"]);
    for (const group of read.groups) {
      assert.deepEqual(Object.keys(group), ["name", "interval", "rules"]);
      assert.match(group.interval, DURATION);
      for (const rule of group.rules) {
        assert.deepEqual(Object.keys(rule), ["alert", "expr", "for", "labels", "annotations"]);
        assert.match(rule.alert, /^[A-Za-z_]\w*$/);
        assert.match(rule.for, DURATION);
        assert.deepEqual(syntaxErrors(rule.expr), [], rule.expr);
        for (const text of [...Object.values(rule.labels), ...Object.values(rule.annotations)]) {
          assert.doesNotMatch(text, /\{\{/, "no template");
        }
      }
    }
    assert.equal(rulesOf(read).size, 8);
  });

  it("would be told if they were not in its language", () => {
    assert.notDeepEqual(syntaxErrors("sum(rate(x[5m]) > )"), []);
  });

  it("have the limits of the settings", () => {
    const rules = rulesOf(
      alertRules(
        prod({
          "judge.hard.errorPercent": 40,
          "judge.hard.requests": 70,
          "judge.hard.slowMs": 8000,
          "judge.hard.slowPercent": 30,
          "judge.hard.deadPercent": 90,
          "judge.hard.deadRequests": 11,
          "judge.absolute.errorPercent": 3,
          "metrics.periodSeconds": 30,
        }),
      ),
    );
    const expr = (name: string): string => rules.get(`Api7Migration${name}`)?.expr ?? "";
    assert.match(expr("BErrors"), /\[120s\].* >= 0\.4 and on\(\) .* >= 70 unless on\(\)/);
    assert.match(expr("BDead"), / >= 0\.9 and on\(\) .* >= 11 unless/);
    assert.match(expr("BSlow"), /le="10000".* >= 0\.3 and on\(\)/);
    assert.match(expr("BErrorsAbsolute"), / > 0\.03 and on\(\)/);
  });

  it("pick each cluster by its matchers, and compare with A only where one server has both", () => {
    const one = rulesOf(alertRules(prod())).get("Api7MigrationBErrors")?.expr ?? "";
    assert.match(one, /cluster="prod-b",job="api7-gateway",code=~"5\.\."/);
    assert.match(one, /unless on\(\) \(2 \* .*cluster="prod-a"/);
    const two = rulesOf(alertRules(prod({ "metrics.a.url": "https://elsewhere.example.com" })));
    for (const { expr } of two.values()) {
      assert.doesNotMatch(expr, /prod-a/);
      assert.deepEqual(syntaxErrors(expr), []);
    }
  });

  it("say when to roll back, from alerts that exist, with the command", () => {
    const rules = rulesOf(alertRules(prod()));
    const rollBack = rules.get("Api7MigrationRollBack");
    const names = new RegExp(`^(?:${/alertname=~"([^"]+)"/.exec(rollBack?.expr ?? "")?.[1] ?? "-"})$`);
    const stops = [...rules.keys()].filter((name) => names.test(name));
    assert.deepEqual(stops, [
      "Api7MigrationBErrors",
      "Api7MigrationBDead",
      "Api7MigrationBSlow",
      "Api7MigrationBControlPlaneLost",
    ]);
    for (const name of [...stops, "Api7MigrationRollBack"]) {
      assert.equal(rules.get(name)?.labels["severity"], "page");
      assert.match(rules.get(name)?.annotations.description ?? "", /config set stage rollback --stack prod/);
    }
  });

  it("are in the documentation as production's settings make them", () => {
    const written = readFileSync(join(__dirname, "..", "..", "..", "docs", "prometheus-rules.yaml"), "utf8");
    assert.deepEqual(parse(written), parse(ruleFile(prod())));
  });
});
