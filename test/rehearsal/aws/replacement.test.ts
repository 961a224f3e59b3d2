import assert from "node:assert/strict";
import { UNKNOWN, type Props } from "../../../rehearsal/providers/framework";
import { CERTIFICATE, HOLDS } from "./inputs";
import { type Kind, KINDS, Plugin } from "./plugin";

/** Whether a change replaces: kind, inputs before, changes, the properties that replace. */
const REPLACES: readonly (readonly [Kind, Props, Props, readonly string[]])[] = [
  ["targetGroup", {}, { name: "other" }, ["name"]],
  ["targetGroup", {}, { port: 9081 }, ["port"]],
  ["targetGroup", {}, { protocol: "HTTPS" }, ["protocol"]],
  ["targetGroup", {}, { vpcId: "vpc-2" }, ["vpcId"]],
  ["targetGroup", {}, { targetType: "instance" }, ["targetType"]],
  ["targetGroup", { ipAddressType: "ipv4" }, { ipAddressType: "ipv6" }, ["ipAddressType"]],
  ["targetGroup", { protocolVersion: "HTTP1" }, { protocolVersion: "HTTP2" }, ["protocolVersion"]],
  ["targetGroup", {}, { deregistrationDelay: 1, healthCheck: { path: "/" }, tags: { a: "1" } }, []],
  ["listener", {}, { loadBalancerArn: "other" }, ["loadBalancerArn"]],
  ["listener", {}, { port: 81, protocol: "HTTPS", certificateArn: CERTIFICATE, defaultActions: [] }, []],
  ["rule", {}, { listenerArn: "other" }, ["listenerArn"]],
  ["rule", {}, { priority: 2, actions: [], conditions: [] }, []],
  ["loadBalancer", {}, { name: "other" }, ["name"]],
  ["loadBalancer", {}, { internal: true }, ["internal"]],
  ["loadBalancer", {}, { loadBalancerType: "network" }, ["loadBalancerType"]],
  ["loadBalancer", {}, { subnets: ["subnet-3"], securityGroups: ["sg-3"], idleTimeout: 61 }, []],
  ["instance", {}, { snapshotIdentifier: "copy-2" }, ["snapshotIdentifier"]],
  ["instance", {}, { snapshotIdentifier: UNKNOWN }, ["snapshotIdentifier"]],
  ["instance", { engine: "postgres" }, { engine: "mysql" }, ["engine"]],
  ["instance", { storageEncrypted: false }, { storageEncrypted: true }, ["storageEncrypted"]],
  ["instance", { kmsKeyId: "a" }, { kmsKeyId: "b" }, ["kmsKeyId"]],
  ["instance", { availabilityZone: "a" }, { availabilityZone: "b" }, ["availabilityZone"]],
  ["instance", { username: "a" }, { username: "b" }, ["username"]],
  ["instance", { dbName: "a" }, { dbName: "b" }, ["dbName"]],
  ["instance", { dbSubnetGroupName: "a" }, { dbSubnetGroupName: "b" }, []],
  ["instance", {}, { identifier: "renamed", password: "p", multiAz: true, backupRetentionPeriod: 7 }, []],
  ["snapshot", {}, { dbSnapshotIdentifier: "copy-2" }, ["dbSnapshotIdentifier"]],
  ["snapshot", {}, { dbInstanceIdentifier: "other" }, ["dbInstanceIdentifier"]],
  ["snapshot", {}, { tags: { a: "1" } }, []],
  ["snapshotCopy", {}, { sourceDbSnapshotIdentifier: "copy-2" }, ["sourceDbSnapshotIdentifier"]],
  ["snapshotCopy", { kmsKeyId: "a" }, { kmsKeyId: "b" }, ["kmsKeyId"]],
  ["snapshotCopy", {}, { tags: { a: "1" } }, []],
  ["subnetGroup", {}, { name: "c" }, ["name"]],
  ["subnetGroup", {}, { subnetIds: ["subnet-3"], description: "other" }, []],
  ["parameterGroup", {}, { name: "c" }, ["name"]],
  ["parameterGroup", {}, { family: "postgres16" }, ["family"]],
  ["parameterGroup", {}, { description: "other" }, ["description"]],
  ["parameterGroup", {}, { parameters: [] }, []],
  ["securityGroup", { name: "a" }, { name: "b" }, ["name"]],
  ["securityGroup", {}, { description: "other" }, ["description"]],
  ["securityGroup", {}, { vpcId: "vpc-2" }, ["vpcId"]],
  ["ingressRule", {}, { securityGroupId: "sg-2" }, ["securityGroupId"]],
  ["ingressRule", {}, { cidrIpv4: "10.2.0.0/16", fromPort: 1, toPort: 2 }, []],
  ["egressRule", {}, { securityGroupId: "sg-2" }, ["securityGroupId"]],
  ["alarm", {}, { name: "other" }, ["name"]],
  ["alarm", {}, { threshold: 2, period: 120 }, []],
  ["dashboard", {}, { dashboardName: "other" }, ["dashboardName"]],
  ["dashboard", {}, { dashboardBody: "{}" }, []],
];

describe("the plugin aws: what replaces a resource", () => {
  const plugin = new Plugin();
  after(() => plugin.end());

  for (const [kind, before, changes, expected] of REPLACES) {
    const what = Object.entries(changes).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
    it(`${kind}: ${what.join(", ")} ${expected.length > 0 ? "replaces" : "updates"}`, () => {
      const inputs = { ...HOLDS[kind], ...before };
      assert.deepEqual(plugin.replacing({ token: plugin.tokenOf(kind), inputs }, changes), expected);
    });
  }

  it("another Region replaces everything", () => {
    for (const kind of KINDS) {
      const inputs = { ...HOLDS[kind], region: "eu-central-1" };
      assert.deepEqual(plugin.replacing({ token: plugin.tokenOf(kind), inputs }, { region: "eu-west-1" }), ["region"]);
    }
  });
});
