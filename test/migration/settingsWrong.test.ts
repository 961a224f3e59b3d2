import assert from "node:assert/strict";
import program from "../../index";
import { describeFindings, type Finding, readSettings } from "../../migration/settings";
import { record } from "../components/recorder";
import { applyRemedy } from "./pulumiConfig";
import { type Changes, configOf, PROJECT, SECRET_KEYS } from "./stackConfig";
import { WRONG_COMBINATIONS } from "./wrongCombinations";
import { WRONG_FIELDS, type Wrong } from "./wrongFields";

const WRONG: readonly Wrong[] = [...WRONG_FIELDS, ...WRONG_COMBINATIONS];

function findingsOf(values: Readonly<Record<string, string>>): readonly Finding[] {
  const isSecret = (key: string): boolean => SECRET_KEYS.includes(key);
  const outcome = readSettings({ project: PROJECT, stack: "prod", values, isSecret });
  return outcome.kind === "settings" ? [] : outcome.findings;
}

function told({ path, expected }: Finding): string {
  return `${path}: ${expected}`;
}

/** What an operator would put there: what the stack file has, or something of the same form. */
function operator(path: readonly (string | number)[]): unknown {
  const values = configOf("prod");
  const [top = "", ...below] = path;
  const text = values[`${PROJECT}:${String(top)}`] ?? values[String(top)];
  const original =
    text !== undefined && /^[[{]/.test(text)
      ? below.reduce<unknown>((holder, key) => (holder as Record<string, unknown> | undefined)?.[key], JSON.parse(text))
      : text;
  return original ?? EXAMPLES[String(below.at(-1) ?? top)] ?? EXAMPLES[String(below.at(-2))];
}

const EXAMPLES: Readonly<Record<string, unknown>> = {
  by: "Ada",
  reason: "a reason",
  from: "2026-12-20",
  to: "2026-12-28T12:00",
  timeZone: "Europe/Berlin",
  days: "mon",
  columns: "seen_at",
  table: "session",
  acknowledgeRollback: "0123456789ab",
  iops: 3000,
  host: "x.example.com",
  hosts: "x.example.com",
  databaseEngineVersion: "15.8",
};

describe("wrong settings, one by one", function () {
  this.timeout(20_000);

  it("are many, each once", () => {
    assert.ok(WRONG.length >= 120);
    assert.equal(new Set(WRONG.map((row) => JSON.stringify(row.slice(0, 2)))).size, WRONG.length);
  });

  for (const [changes, path, expected, fill] of WRONG) {
    it(`${JSON.stringify(changes).slice(0, 110)} -> ${path}`, async () => {
      const values = configOf("prod", changes);
      const findings = findingsOf(values);
      const found = findings.filter((finding) => finding.path === path && expected.test(finding.expected));
      assert.ok(found.length > 0, `no such finding at ${path} in:\n${describeFindings(findings)}`);
      for (const finding of found) {
        assert.notEqual(finding.read, "");
        // The remedy mends it. More may be left to say about what it sets.
        const mended = findingsOf(applyRemedy(PROJECT, values, finding.remedy, (at) => fill ?? operator(at)));
        assert.ok(!mended.map(told).includes(told(finding)), `${finding.remedy}\nleaves\n${describeFindings(mended)}`);
      }

      const { resources, error } = await record(program, { stack: "prod", config: values, secretKeys: SECRET_KEYS });
      assert.deepEqual(resources, []);
      assert.ok(error?.message.includes(path), error?.message);
    });
  }
});

describe("what is not wrong", () => {
  const RIGHT: readonly Changes[] = [
    { soakHours: "24" },
    { soakHours: "0.5" },
    { heartbeatSeconds: "30" },
    { trafficSteps: "[5, 100]" },
    { trafficSteps: ["5", "100"] },
    { "databaseB.copy": "2", "databaseB.multiAz": "false", "monitoring.latencySeconds": "0.5" },
    { "databaseB.storageType": "io2", "databaseB.iops": "3000" },
    { "databaseB.backupWindow": "03:00-03:30" },
    { "databaseB.backupWindow": "23:30-00:30" },
    { "clusterA.databaseEngineVersion": "15.4" },
    { windows: {}, override: {}, emergencyChange: {} },
    { windows: { timeZone: "Europe/Berlin", weekly: [{ days: ["fri"], from: "22:00", to: "04:00" }] } },
    { windows: { timeZone: "UTC", weekly: [{ days: ["mon"], from: "00:00", to: "24:00" }] } },
    { blackouts: [{ from: "2026-12-24", to: "2026-12-24T18:00", reason: "x" }] },
    { blackouts: [{ from: "2027-03-28T02:30", to: "2027-03-29", timeZone: "UTC", reason: "x" }] },
    { differences: [{ object: "o", field: "f", from: null, to: "x", reason: "r" }] },
    { differences: [{ object: "o", field: "f", from: 1.5, to: true, reason: "r" }] },
    { override: { from: "start", to: "traffic-25", by: "Ada", reason: "night" } },
    {
      "clusterA.freeze.listenerArn":
        "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener/app/api-prod/50dc6c495c0c9188/f2f7dc8efc522ab2",
    },
    { "monitoring.topicArn": "arn:aws:sns:eu-central-1:111122223333:alarms" },
    { "gatewayGroups[1].match": { priority: 22, hosts: ["*.example.com"] } },
    {
      "gatewayGroups[0].clusterB.extraValues": {
        apisix: { podAnnotations: { team: "a" }, nodeSelector: { a: "b" } },
      },
    },
    { "controlPlane.extraValues": { dashboard: { nodeSelector: { pool: "api7" } }, podAnnotations: { a: "b" } } },
  ];
  for (const changes of RIGHT) {
    it(JSON.stringify(changes).slice(0, 110), () => {
      const values = configOf("prod", changes);
      assert.deepEqual(findingsOf(values), []);
    });
  }
});
