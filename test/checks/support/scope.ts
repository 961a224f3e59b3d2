import { type GateRequest, type MigrationScope } from "../../../migration/gateRequest";
import { type CheckResult, type Finding } from "../../../checks/result";

export const GROUP_A = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1";
export const GROUP_B = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/b/2";

export const SCOPE: MigrationScope = {
  stack: "test",
  region: "eu-central-1",
  version: "3.9.18",
  clusterA: {
    kubeconfig: "/nonexistent/a",
    namespace: "api7",
    controlPlane: "api7ee3",
    dataPlanes: [
      { group: "default", deployment: "gateway-a", replicas: 2, autoscaler: "gateway-a", targetGroup: GROUP_A },
    ],
  },
  clusterB: {
    kubeconfig: "/nonexistent/b",
    namespace: "api7",
    controlPlane: "api7ee3",
    dataPlanes: [{ group: "default", deployment: "gateway-default", replicas: 2, targetGroup: "api7-test-default-b" }],
  },
  freezeMode: "scale-dashboard",
  databaseB: {
    instanceIdentifier: "api7-test-b-1",
    database: "api7ee",
    username: "api7ee",
    copy: 1,
    sslMode: "disable",
  },
  rules: [{ group: "default", loadBalancerName: "api7-test", port: 443 }],
  volatile: [],
  heartbeatSeconds: 30,
};

export const REQUEST: GateRequest = {
  scope: SCOPE,
  stage: "prepare",
  trafficSteps: [5, 25, 50, 75, 100],
  soakHours: 24,
  standbyHours: 48,
  calendar: { blackouts: [] },
  recordFolder: "record",
};

/** The one finding whose subject holds the text. */
export function findingOn(result: CheckResult, subject: string): Finding {
  const found = result.findings.filter((finding) => finding.subject.includes(subject));
  const [first] = found;
  if (found.length !== 1 || !first) {
    throw new Error(`${found.length} findings on ${subject}; all: ${JSON.stringify(result.findings, undefined, 1)}`);
  }
  return first;
}
