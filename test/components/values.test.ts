import assert from "node:assert/strict";
import { controlPlaneValues } from "../../components/controlPlaneValues";
import { dataPlaneValues } from "../../components/dataPlaneValues";
import { VALUE_PATHS } from "../../components/valuePaths";
import { withExtraValues } from "../../components/values";
import { OWN_VALUES, refusedValues } from "../../migration/settings/chartValues";
import { FIRST_GRACEFUL_GATEWAY } from "../../migration/settings/charts";
import program from "../../index";
import { CHARTS } from "../../rehearsal/kubernetes/charts/catalogue";
import { checkValues } from "../../rehearsal/kubernetes/charts/values";
import { configOf, SECRET_KEYS, settingsOf } from "../migration/stackConfig";
import { record } from "./recorder";

const ROLE = { "eks.amazonaws.com/role-arn": "arn:aws:iam::444455556666:role/api7" };

/** Every value that the program can set, options that are off by default included. */
function everyValue(): Record<keyof typeof OWN_VALUES, Record<string, unknown>> {
  const settings = settingsOf("prod", {
    "controlPlane.imagePullSecret": "registry",
    "controlPlane.prometheusUrl": "http://prometheus:9090",
    "controlPlane.imageRegistry": "registry.example.com/api7",
    "controlPlane.serviceAccountAnnotations": ROLE,
    "controlPlane.certificates": { dashboard: "dashboard-tls", developerPortal: "portal-tls" },
    "controlPlane.domain": { name: "dp-manager.b.example.com" },
    "gatewayGroups[0].clusterB.trustedAddresses": ["10.64.0.0/20"],
    "gatewayGroups[0].clusterB.serviceAccountAnnotations": ROLE,
  });
  const [group] = settings.gatewayGroups;
  assert.ok(group?.clusterB.autoscaling !== undefined && group.clusterB.environmentSecret !== undefined);
  return {
    controlPlane: controlPlaneValues(settings, "postgres://b"),
    dataPlane: dataPlaneValues({
      settings,
      group,
      dpManagerAddress: "https://b:7943",
      secretName: "gateway-tls",
    }),
  };
}

function leaves(value: unknown, path: readonly string[]): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, field]) => leaves(field, [...path, key]));
}

function nested(path: readonly string[], value: unknown): Record<string, unknown> {
  const [key = "", ...rest] = path;
  return { [key]: rest.length === 0 ? value : nested(rest, value) };
}

/** The listed path that a rendered one is, or lies below. */
function listedFor(chart: keyof typeof OWN_VALUES, path: readonly string[]): string | undefined {
  const text = path.join(".");
  return Object.keys(VALUE_PATHS[chart]).find((listed) => text === listed || text.startsWith(`${listed}.`));
}

describe("value paths of the official charts", () => {
  const OFFICIAL = { controlPlane: CHARTS.api7ee3, dataPlane: CHARTS.gateway } as const;

  for (const [chart, values] of Object.entries(everyValue()) as [keyof typeof OWN_VALUES, Record<string, unknown>][]) {
    const rendered = leaves(values, []);
    const { valuePaths, morePaths } = OFFICIAL[chart];
    const known = { ...valuePaths, ...morePaths };

    it(`${chart}: what is rendered is listed, and what is listed is rendered`, () => {
      const used = new Map(rendered.map((path) => [path.join("."), listedFor(chart, path)]));
      assert.deepEqual(
        [...used].filter(([, listed]) => listed === undefined).map(([path]) => path),
        [],
      );
      assert.deepEqual([...new Set(used.values())].sort(), Object.keys(VALUE_PATHS[chart]).sort());
    });

    it(`${chart}: every listed path is one of the chart, and takes what is rendered there`, () => {
      for (const path of Object.keys(VALUE_PATHS[chart])) assert.ok(path in known, path);
      assert.deepEqual(checkValues(known, values), []);
    });

    it(`${chart}: none is kept open for extra values`, () => {
      for (const path of Object.keys(VALUE_PATHS[chart])) {
        assert.ok(refusedValues(chart, nested(path.split("."), "other")).length > 0, path);
      }
    });
  }

  it("a misspelled path would be found", () => {
    const { controlPlane } = everyValue();
    const { valuePaths, morePaths } = OFFICIAL.controlPlane;
    const wrong = { ...controlPlane, dashboard: { replicaCounts: 2 } };
    assert.match(checkValues({ ...valuePaths, ...morePaths }, wrong)[0]?.reason ?? "", /replicaCount\?/);
  });

  it("charts that lack a path which keeps requests from being cut are refused by the settings", () => {
    const since = Object.values(VALUE_PATHS.dataPlane).flatMap((path) => path.since ?? []);
    assert.deepEqual([...new Set(since)], [FIRST_GRACEFUL_GATEWAY.join(".")]);
  });
});

describe("extra values of the charts", () => {
  for (const [chart, values] of Object.entries(everyValue()) as [keyof typeof OWN_VALUES, Record<string, unknown>][]) {
    const paths = leaves(values, []);

    it(`${chart}: may be none of what the program sets, nor something around it`, () => {
      assert.ok(paths.length > 15);
      for (const path of paths) {
        for (let length = 1; length <= path.length; length += 1) {
          const extra = nested(path.slice(0, length), "other");
          assert.equal(refusedValues(chart, extra).length, 1, path.slice(0, length).join("."));
        }
      }
    });

    it(`${chart}: every path that is kept from them is one that the program sets, or a pin`, () => {
      const set = paths.map((path) => path.join("."));
      const pins = ["nameOverride", "deployment", "apisix.extraEnvVarsCM", "prometheus", "jaeger", "postgresql"];
      for (const own of OWN_VALUES[chart]) {
        assert.ok(pins.includes(own) || set.some((path) => path === own || path.startsWith(`${own}.`)), own);
      }
    });

    it(`${chart}: lie beside the program's own, which stay as they are`, () => {
      const extra = {
        podAnnotations: { team: "platform" },
        apisix: { nodeSelector: { pool: "api7" } },
        dashboard: { tolerations: [1] },
      };
      assert.deepEqual(refusedValues(chart, extra), []);
      const joined = withExtraValues(values, extra);
      assert.deepEqual(joined["podAnnotations"], { team: "platform" });
      for (const path of paths) {
        const at = (holder: unknown): unknown =>
          path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], holder);
        assert.deepEqual(at(joined), at(values), path.join("."));
      }
      const holder = joined[chart === "dataPlane" ? "apisix" : "dashboard"] as Record<string, unknown>;
      assert.deepEqual(
        chart === "dataPlane" ? holder["nodeSelector"] : holder["tolerations"],
        chart === "dataPlane" ? { pool: "api7" } : [1],
      );
    });

    it(`${chart}: change nothing when there are none`, () => {
      assert.deepEqual(withExtraValues(values, {}), values);
    });
  }

  it("even where they were not refused, the program's value stands", () => {
    assert.deepEqual(withExtraValues({ etcd: { host: ["b"] } }, { etcd: { host: ["a"], user: "x" } }), {
      etcd: { host: ["b"], user: "x" },
    });
    assert.deepEqual(withExtraValues({ etcd: { host: ["b"] } }, { etcd: null }), { etcd: { host: ["b"] } });
  });

  it("reach the releases, beside the provisioned operations of the database", async () => {
    const { resources, error } = await record(program, {
      stack: "prod",
      config: configOf("prod", {
        stage: "start",
        "controlPlane.extraValues": { podAnnotations: { team: "platform" } },
        "gatewayGroups[1].clusterB.extraValues": { apisix: { nodeSelector: { pool: "api7" } } },
        "databaseB.storageType": "io2",
        "databaseB.iops": "4000",
      }),
      secretKeys: SECRET_KEYS,
      outputsOf: (_type, name): Record<string, unknown> => (name === "gate" ? { stdout: "" } : {}),
    });
    assert.equal(error, undefined);
    const inputs = (type: string, name: string): Readonly<Record<string, unknown>> =>
      resources.find((resource) => resource.type === type && resource.name === name)?.inputs ?? {};
    const release = "kubernetes:helm.sh/v3:Release";
    assert.match(
      JSON.stringify(inputs(release, "control-plane-b")["values"]),
      /"podAnnotations":\{"team":"platform"\}/,
    );
    assert.match(JSON.stringify(inputs(release, "data-plane-b-partner")["values"]), /"nodeSelector":\{"pool":"api7"\}/);
    assert.doesNotMatch(JSON.stringify(inputs(release, "data-plane-b-default")["values"]), /nodeSelector/);
    assert.equal(inputs("aws:rds/instance:Instance", "database-b")["iops"], 4000);
  }).timeout(30_000);
});
