import assert from "node:assert/strict";
import { Provider } from "@pulumi/kubernetes/provider";
import { DataPlaneA } from "../../components/dataPlaneA";
import { Monitoring } from "../../components/monitoring";
import { TrafficNetwork } from "../../components/network";
import { StageGate } from "../../components/stageGate";
import { TrafficSplit } from "../../components/trafficSplit";
import { gateRequestOf } from "../../migration/scope";
import { type Changes, settingsOf, type StackName } from "../migration/stackConfig";
import { record, type RecordedResource, type Recording, the } from "./recorder";

const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
const BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding";

function watched(stack: StackName, changes: Changes = {}): Promise<Recording> {
  const settings = settingsOf(stack, changes);
  return record(() => {
    const host = { startedAt: new Date(0), programFolder: "", projectFolder: "", environment: {} };
    const gate = new StageGate("gate", { request: gateRequestOf(settings), secrets: {}, host });
    const { loadBalancerSecurityGroups } = new TrafficNetwork("network", settings);
    const split = new TrafficSplit("traffic", { settings, securityGroups: loadBalancerSecurityGroups, gate });
    new Monitoring("monitoring", { settings, split, database: settings.stage === "restore" });
    const provider = new Provider("cluster-a", { kubeconfig: "a.yaml", clusterIdentifier: "a" });
    new DataPlaneA("data-plane-a", { settings, split, provider });
    return {};
  });
}

function alarms({ resources }: Recording): readonly RecordedResource[] {
  return resources.filter(({ type }) => type === ALARM).sort((a, b) => (a.name < b.name ? -1 : 1));
}

describe("monitoring", () => {
  it("watches A and B of every group by the same limits", async () => {
    const made = alarms(await watched("prod"));
    const kinds = ["connections", "errors", "latency", "unhealthy"];
    assert.deepEqual(
      made.map(({ name }) => name),
      ["default-a", "default-b", "partner-a", "partner-b"].flatMap((side) =>
        kinds.map((kind) => `monitoring-${side}-${kind}`),
      ),
    );
    const limitsOf = (side: string): unknown =>
      made
        .filter(({ name }) => name.startsWith(`monitoring-${side}-`))
        .map(({ inputs }) => ({ ...inputs, dimensions: {}, alarmDescription: "" }));
    assert.deepEqual(limitsOf("default-a"), limitsOf("default-b"));
  });

  it("names load balancer and target group as CloudWatch does", async () => {
    const { inputs } = the(await watched("prod"), ALARM, "monitoring-default-a-errors");
    assert.deepEqual(inputs["dimensions"], {
      LoadBalancer: "app/api-prod/50dc6c495c0c9188",
      TargetGroup: "targetgroup/api7-gateway-a/73e2d6bc24d8a067",
    });
    assert.deepEqual(
      [
        inputs["metricName"],
        inputs["statistic"],
        inputs["threshold"],
        inputs["comparisonOperator"],
        inputs["treatMissingData"],
      ],
      ["HTTPCode_Target_5XX_Count", "Sum", 50, "GreaterThanThreshold", "notBreaching"],
    );
    assert.deepEqual(inputs["alarmActions"], ["arn:aws:sns:eu-central-1:444455556666:api7-prod"]);
  });

  it("watches database B once it is there", async () => {
    const database = async (stage: string): Promise<readonly string[]> =>
      alarms(await watched("prod", { stage }))
        .map(({ name }) => name)
        .filter((name) => name.includes("database"));
    assert.deepEqual(await database("freeze"), []);
    assert.deepEqual(await database("restore"), [
      "monitoring-database-connections",
      "monitoring-database-cpu",
      "monitoring-database-storage",
    ]);
    const { inputs } = the(await watched("prod", { stage: "restore" }), ALARM, "monitoring-database-storage");
    assert.deepEqual(
      [inputs["comparisonOperator"], inputs["threshold"], inputs["dimensions"]],
      ["LessThanThreshold", 5 * 1024 ** 3, { DBInstanceIdentifier: "api7-prod-b-1" }],
    );
  });

  it("sends nothing anywhere without a topic", async () => {
    for (const { inputs } of alarms(await watched("prod", { "monitoring.topicArn": undefined }))) {
      assert.deepEqual([inputs["alarmActions"], inputs["okActions"]], [[], []]);
    }
  });

  it("shows A and B in the same graphs, at every stage the same ones", async () => {
    const bodyAt = async (stage: string): Promise<string> =>
      String(
        the(await watched("prod", { stage }), "aws:cloudwatch/dashboard:Dashboard", "monitoring").inputs[
          "dashboardBody"
        ],
      );
    const body = await bodyAt("prepare");
    for (const stage of ["restore", "traffic-50", "decommission"]) assert.equal(await bodyAt(stage), body);
    const { widgets } = JSON.parse(body) as {
      widgets: readonly {
        x: number;
        y: number;
        properties: { title: string; metrics: readonly (readonly unknown[])[]; region: string };
      }[];
    };
    assert.equal(widgets.length, 8);
    for (const { properties } of widgets) {
      assert.equal(properties.region, "eu-central-1");
      const names = properties.metrics.map((metric) => (metric.at(-1) as { label: string }).label);
      assert.deepEqual(
        names,
        properties.title.startsWith("Database")
          ? ["database A", "database B"]
          : ["default A", "default B", "partner A", "partner B"],
      );
    }
    assert.equal(new Set(widgets.map(({ x, y }) => `${x} ${y}`)).size, widgets.length, "no graph lies on another");
  });
});

describe("data planes of A", () => {
  it("are put into the target group that the program made, behind the Service that the settings name", async () => {
    const { inputs, options } = the(await watched("staging"), BINDING, "data-plane-a-default-targets");
    assert.deepEqual(inputs["spec"], {
      serviceRef: { name: "gateway-gateway", port: 80 },
      targetGroupARN: "[traffic-default-a.arn]",
      targetType: "ip",
    });
    assert.deepEqual(inputs["metadata"], { name: "api7-migration-staging-default", namespace: "api7" });
    assert.equal(options.provider, "kubernetes cluster-a");
  });

  it("take the chart's Service when none is named", async () => {
    const recording = await watched("staging", { "gatewayGroups[0].clusterA.service": undefined });
    const { spec } = the(recording, BINDING, "data-plane-a-default-targets").inputs as {
      spec: { serviceRef: { name: string } };
    };
    assert.equal(spec.serviceRef.name, "gateway-gateway");
  });

  it("are left alone in a target group of A's own", async () => {
    const { resources } = await watched("prod");
    assert.deepEqual(
      resources.filter(({ type }) => type === BINDING),
      [],
    );
  });
});
