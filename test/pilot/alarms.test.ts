import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import { type AddressInfo } from "node:net";
import { alarmsOfB, lookAtAlarms, withAlarms } from "../../pilot/alarms";
import { decide, type GateAnswer, type Situation } from "../../pilot/decide";
import { type StackState } from "../../pilot/stackState";
import { Account } from "../../rehearsal/cloud/aws/account";
import { cloudWatchActions, type CloudWatch } from "../../rehearsal/cloud/aws/cloudwatch";
import { answerCloudWatch } from "../../rehearsal/cloud/aws/cloudwatch/jsonApi";
import { Faults } from "../../rehearsal/cloud/aws/faults";
import { awsEnvironment, setEnvironment } from "../../rehearsal/environment";
import { type World } from "../../rehearsal/cloud";

const REGION = "eu-central-1";
const HOLDS: GateAnswer = { verdict: "holds", checks: [{ name: "health", verdict: "holds", findings: [] }] };

const ALARM = {
  comparisonOperator: "GreaterThanThreshold",
  evaluationPeriods: 2,
  threshold: 20,
  metricName: "HTTPCode_Target_5XX_Count",
  namespace: "AWS/ApplicationELB",
  period: 60,
  statistic: "Sum",
  alarmDescription: "API7 migration prod: default B: answers 5xx",
};

function state(...names: readonly string[]): StackState {
  return {
    resources: names.map((name) => ({
      type: "aws:cloudwatch/metricAlarm:MetricAlarm",
      urn: `urn:pulumi:prod::api7-migration::api7-migration:components:Monitoring$aws:cloudwatch/metricAlarm:MetricAlarm::${name}`,
      outputs: { name: `${name}-1a2b3c4` },
    })),
  };
}

function situation(gate: GateAnswer, changes: Partial<Situation> = {}): Situation {
  return {
    now: new Date("2026-03-02T22:00:00Z"),
    stage: "traffic-25",
    trafficSteps: [5, 25, 100],
    goal: "complete",
    gate,
    approval: { state: "not needed" },
    holdingSince: undefined,
    limits: { holdMinutes: 60, backUpToPercent: 25, approvalHours: 24 },
    ...changes,
  };
}

describe("the pilot's look at the alarms", () => {
  let server: Server;
  let cloudWatch: CloudWatch;
  let restore: () => Promise<void>;

  before(async () => {
    const account = new Account(REGION, "123456789012", "127.9");
    cloudWatch = cloudWatchActions(new Faults(), () => ({ MetricDataResults: [], Messages: [] }));
    server = createServer((request, response) => {
      void body(request).then(async (text) => {
        const target = String(request.headers["x-amz-target"]);
        const answer = await answerCloudWatch(target, text, { account, cloudWatch });
        response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" }).end(answer.text);
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    restore = setEnvironment(awsEnvironment({ awsEndpoint: endpoint, region: REGION } as World));
    await cloudWatch.PutMetricAlarm({ name: "monitoring-default-b-errors-1a2b3c4", input: ALARM, tags: {} });
  });

  after(async () => {
    await restore();
    server.closeAllConnections();
    server.close();
  });

  it("is at those of B and its database, not at A's", () => {
    const names = ["monitoring-default-a-errors", "monitoring-default-b-errors", "monitoring-database-cpu"];
    assert.deepEqual(alarmsOfB(state(...names)), [
      "monitoring-default-b-errors-1a2b3c4",
      "monitoring-database-cpu-1a2b3c4",
    ]);
    assert.deepEqual(alarmsOfB(state("monitoring-team-b-a-latency")), []);
    assert.deepEqual(alarmsOfB({}), []);
  });

  it("goes back to A when one is raised, and says which", async () => {
    const names = alarmsOfB(state("monitoring-default-b-errors"));
    const calm = withAlarms(HOLDS, await lookAtAlarms(names, REGION));
    assert.equal(calm.verdict, "holds");
    assert.equal(decide(situation(calm)).kind, "advance");
    await cloudWatch.SetAlarmState({
      name: "monitoring-default-b-errors-1a2b3c4",
      value: "ALARM",
      reason: "Threshold Crossed: 2 datapoints were greater than 20.0",
    });
    const raised = withAlarms(HOLDS, await lookAtAlarms(names, REGION));
    assert.deepEqual(decide(situation(raised)), {
      kind: "back",
      reasons: [
        "alarm: API7 migration prod: default B: answers 5xx: Threshold Crossed: 2 datapoints were greater than 20.0",
      ],
    });
    // In the soak too; before B has requests it holds the way up instead.
    assert.equal(decide(situation(raised, { stage: "traffic-100" })).kind, "back");
    assert.equal(decide(situation(raised, { stage: "complete", goal: "decommission" })).kind, "back");
    assert.equal(decide(situation(raised, { stage: "start" })).kind, "wait");
  });

  it("is no all-clear when it cannot be had, and no reason to go back either", async () => {
    const unknownName = withAlarms(HOLDS, await lookAtAlarms(["monitoring-nobody-knows-it"], REGION));
    assert.equal(unknownName.verdict, "unknown");
    const decision = decide(situation(unknownName));
    assert.equal(decision.kind, "wait");
    assert.match(JSON.stringify(decision), /CloudWatch does not know monitoring-nobody/);
  });

  it("adds nothing where there are no alarms yet", async () => {
    assert.equal(withAlarms(HOLDS, await lookAtAlarms([], REGION)), HOLDS);
  });
});

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
