import assert from "node:assert/strict";
import { loadSchema } from "../../rehearsal/providers/framework/schema";
import { validate } from "../../rehearsal/providers/framework/validate";
import { SECRET } from "../components/recorder";
import { SECRETS, settingsOf } from "../migration/stackConfig";
import { type GoldenName, goldenNames, goldenOf, PASSWORD_B, recordStage, STACKS, type StackName } from "./golden";
import { POLICIES, type PolicyName } from "./policies";
import { type Asked, type Golden } from "./policyParts";

/** Inputs without the marks of secrets. */
function open(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(open);
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  if (SECRET in object) return open(object[SECRET]);
  return Object.fromEntries(Object.entries(object).map(([key, field]) => [key, open(field)]));
}

function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  const object = value as Record<string, unknown>;
  // What is marked as a secret is encrypted in the state and hidden in every output.
  return SECRET in object ? [] : Object.values(object).flatMap(texts);
}

const SECRET_TEXTS = [...Object.values(SECRETS), PASSWORD_B];

function askedOf(stack: StackName): Asked {
  const { gatewayGroups, loadBalancer, network, version } = settingsOf(stack);
  return {
    groups: gatewayGroups.length,
    newLoadBalancer: loadBalancer.kind === "new",
    version,
    ingressCidrs: [...network.runnerCidrs, ...(loadBalancer.kind === "new" ? loadBalancer.clientCidrs : [])],
    secrets: SECRET_TEXTS,
  };
}

async function golden(stack: StackName, name: GoldenName): Promise<Golden> {
  return JSON.parse(await goldenOf(stack, name)) as Golden;
}

const SCHEMAS = Object.fromEntries(["aws", "kubernetes", "command", "random"].map((name) => [name, loadSchema(name)]));
const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[];

for (const stack of STACKS) {
  for (const name of goldenNames(stack)) {
    describe(`${stack} ${name}`, () => {
      for (const policy of POLICY_NAMES) {
        it(policy, async () => assert.deepEqual(POLICIES[policy](await golden(stack, name), askedOf(stack)), []));
      }

      it("registers only what the pinned providers know, with no unknown or missing input", async () => {
        const { resources, error } = await recordStage(stack, name);
        assert.equal(error, undefined);
        for (const { type, name: resource, inputs, custom } of resources) {
          if (!custom || type.startsWith("pulumi:")) continue;
          const schema = SCHEMAS[type.split(":")[0] ?? ""];
          const described = schema?.resources[type];
          assert.ok(schema !== undefined && described !== undefined, `${type} is not among the modelled types`);
          const failures = validate(open(inputs) as Record<string, unknown>, described.inputs, schema.types);
          assert.deepEqual(failures, [], `${type} ${resource}`);
        }
      });

      it("marks every secret in what is registered, and hands out none", async () => {
        const { resources, outputs } = await recordStage(stack, name);
        const plain = (value: unknown): readonly string[] =>
          texts(value).filter((text) => SECRET_TEXTS.some((secret) => text.includes(secret)));
        for (const { type, name: resource, inputs } of resources) {
          assert.deepEqual(plain(inputs), [], `${type} ${resource}`);
        }
        assert.deepEqual(plain(outputs), []);
      });

      it("gives control plane B database B's address, and no other", async () => {
        const { resources } = await recordStage(stack, name);
        for (const { inputs } of resources.filter(
          ({ type, name: label }) => /:Release$/.test(type) && label === "control-plane-b",
        )) {
          const values = open(inputs["values"]) as Record<string, { database?: { dsn: string } } | undefined>;
          for (const component of ["dashboard", "dp_manager", "developer_portal"]) {
            const { host } = new URL(
              values[`${component}_configuration`]?.database?.dsn.replace(/\[(.*)\]/, "$1") ?? "",
            );
            assert.equal(host, "database-b.address:5432");
          }
        }
      });
    });
  }
}

/** A part of a golden that a counter-example changes; every field may be there. */
interface Draft {
  outputs: Record<string, unknown>;
  resources: Record<string, DraftResource>;
}

interface DraftResource {
  type: string;
  options: Record<string, unknown>;
  inputs: Record<string, unknown>;
}

/** The part at a path, which must be there. */
function at(root: unknown, ...path: readonly (string | number)[]): Record<string, unknown> {
  return path.reduce<unknown>((value, key) => {
    const next = (value as Record<string | number, unknown>)[key];
    assert.ok(typeof next === "object" && next !== null, `nothing at ${String(key)} of ${path.join(".")}`);
    return next;
  }, root) as Record<string, unknown>;
}

type CounterExample = readonly [
  what: string,
  policy: PolicyName,
  stack: StackName,
  stage: GoldenName,
  change: (draft: Draft) => unknown,
  message: RegExp,
];

const RULE = "ListenerRule traffic-default";
const FORWARD = ["resources", RULE, "inputs", "actions", 0, "forward"] as const;
const DATA_PLANE = ["resources", "Release data-plane-b-default", "inputs", "values"] as const;
const options = (draft: Draft, label: string): Record<string, unknown> => at(draft, "resources", label, "options");
const inputs = (draft: Draft, label: string): Record<string, unknown> => at(draft, "resources", label, "inputs");

const WEIGHTS = "two groups in fixed order, weights of the stage, sticky to none";
const WAY_BACK = "a way back that depends on nothing of B";
const GATE = "a gate that depends on nothing, and that nothing depends on";
const DATABASES = "databases encrypted, private, protected, with a last snapshot";
const INGRESS = "no open ingress that was not asked for";
const PLAIN = "no secret in plain";
const VERSION = "control and data planes of one version";
const PINNED = "data planes pinned to control plane B";
const OF_A = "nothing of A owned";
const PROTECTED = "everything B serves with protected from start until abandon";
const NAMES = "no physical name fixed without need";
const CLUSTERS = "every cluster by its identity";
const PORTABLE = "nothing of the machine or the day";

const COUNTER_EXAMPLES: readonly CounterExample[] = [
  ["another weight", WEIGHTS, "prod", "traffic-25", (d) => (at(d, ...FORWARD, "targetGroups", 1)["weight"] = 26), /weights of A and B is \[75,26\]/],
  ["groups in the order B, A", WEIGHTS, "prod", "traffic-50", (d) => (at(d, ...FORWARD)["targetGroups"] = Object.values(at(d, ...FORWARD, "targetGroups")).reverse()), /not A's/],
  ["a third group", WEIGHTS, "prod", "traffic-5", (d) => (at(d, ...FORWARD)["targetGroups"] = [...Object.values(at(d, ...FORWARD, "targetGroups")), { arn: "c", weight: 0 }]), /further target groups/],
  ["sticky clients", WEIGHTS, "prod", "traffic-5", (d) => (at(d, ...FORWARD, "stickiness")["enabled"] = true), /stickiness/],
  ["ignored changes of weights", WEIGHTS, "prod", "traffic-5", (d) => (options(d, RULE)["ignoreChanges"] = ["actions"]), /ignoreChanges/],
  ["targetGroupArn", WEIGHTS, "prod", "start", (d) => (at(d, "resources", RULE, "inputs", "actions", 0)["targetGroupArn"] = "a"), /targetGroupArn/],
  ["a rule without its hooks", WEIGHTS, "prod", "start", (d) => Reflect.deleteProperty(options(d, RULE), "hooks"), /hooks/],
  ["a gateway group without a rule", WEIGHTS, "prod", "complete", (d) => Reflect.deleteProperty(d.resources, RULE), /1 carriers of weights, expected 2/],
  ["a listener that waits for cluster B", WAY_BACK, "staging", "rollback", (d) => (options(d, "Listener traffic")["dependsOn"] = ["Release data-plane-b-default"]), /depends on Release/],
  ["a rule that waits for the database by way of its group", WAY_BACK, "prod", "rollback", (d) => (options(d, "TargetGroup traffic-default-b")["dependsOn"] = ["Instance database-b"]), /depends on Instance/],
  ["a gate that waits for cluster B", GATE, "prod", "rollback", (d) => (options(d, "Command gate")["dependsOn"] = ["Release control-plane-b"]), /dependsOn/],
  ["a rule that depends on the gate", GATE, "prod", "traffic-5", (d) => (options(d, RULE)["dependsOn"] = ["Command gate"]), /depends on the gate/],
  ["a gate with triggers", GATE, "prod", "traffic-5", (d) => (inputs(d, "Command gate")["triggers"] = ["x"]), /triggers/],
  ["a database that is not encrypted", DATABASES, "prod", "start", (d) => (inputs(d, "Instance database-b")["storageEncrypted"] = false), /storageEncrypted/],
  ["a database that the world can reach", DATABASES, "prod", "start", (d) => (inputs(d, "Instance database-b")["publiclyAccessible"] = true), /publiclyAccessible/],
  ["a database that can be deleted", DATABASES, "prod", "complete", (d) => Reflect.deleteProperty(options(d, "Instance database-b"), "protect"), /protect/],
  ["no last snapshot", DATABASES, "staging", "abandon", (d) => (inputs(d, "Instance database-b")["skipFinalSnapshot"] = true), /skipFinalSnapshot/],
  ["a snapshot that goes with the stack", DATABASES, "prod", "restore", (d) => Reflect.deleteProperty(options(d, "Snapshot database-b-source"), "retainOnDelete"), /retainOnDelete/],
  ["a database open to the world", INGRESS, "prod", "restore", (d) => (inputs(d, "SecurityGroupIngressRule database-network-from-10-64-250-0-26")["cidrIpv4"] = "0.0.0.0/0"), /0\.0\.0\.0\/0 was not asked for/],
  ["the same by IPv6", INGRESS, "prod", "restore", (d) => (inputs(d, "SecurityGroupIngressRule database-network-from-b")["cidrIpv6"] = "::/0"), /::\/0 was not asked for/],
  ["rules inside a group", INGRESS, "prod", "restore", (d) => (inputs(d, "SecurityGroup database-network")["ingress"] = []), /ingress inside/],
  ["a dashboard open too early", INGRESS, "prod", "traffic-100", (d) => (at(d, "resources", "NetworkPolicy dashboard-b-dashboard-restricted", "inputs", "spec", "ingress", 0)["from"] = []), /open to everybody/],
  ["a secret's value", PLAIN, "prod", "start", (d) => (d.outputs["note"] = PASSWORD_B), /in plain/],
  ["an address with a password", PLAIN, "prod", "start", (d) => (d.outputs["note"] = "postgres://u:p@host"), /a password in it/],
  ["a variable that is not marked", PLAIN, "prod", "start", (d) => (at(d, "resources", "Command gate", "inputs", "environment")["MIGRATION_DATABASE_A_DSN"] = "x"), /not marked/],
  ["data planes of another version", VERSION, "prod", "start", (d) => (at(d, ...DATA_PLANE, "apisix", "image")["tag"] = "3.9.17"), /3\.9\.17/],
  ["a dashboard of another version", VERSION, "prod", "start", (d) => (at(d, "resources", "Release control-plane-b", "inputs", "values", SECRET, "dashboard", "image")["tag"] = "v3.9.17"), /dashboard/],
  ["a data plane on A's manager", PINNED, "prod", "start", (d) => (at(d, ...DATA_PLANE, "etcd")["host"] = ["https://manager.a:7943"]), /etcd\.host/],
  ["a second address", PINNED, "prod", "start", (d) => (at(d, ...DATA_PLANE)["extra"] = "https://manager.a:7943"), /another address, manager\.a:7943/],
  ["a variable that overrides the address", PINNED, "prod", "start", (d) => (at(d, ...DATA_PLANE, "apisix")["extraEnvVars"] = [{ name: "API7_DP_MANAGER_ENDPOINTS" }]), /overrides the address/],
  ["data planes before their control plane", PINNED, "prod", "start", (d) => (options(d, "Release data-plane-b-default")["dependsOn"] = []), /does not wait/],
  ["something owned in cluster A", OF_A, "prod", "start", (d) => (options(d, "Namespace control-plane-b")["provider"] = "kubernetes cluster-a"), /is owned, in cluster A/],
  ["a patch that takes A down when it goes", OF_A, "prod", "freeze", (d) => Reflect.deleteProperty(options(d, "HorizontalPodAutoscalerPatch freeze-gateway"), "retainOnDelete"), /retainOnDelete/],
  ["A's database", OF_A, "prod", "restore", (d) => (inputs(d, "Instance database-b")["identifier"] = "api7-prod-a"), /is A's/],
  ["A's target group", OF_A, "prod", "prepare", (d) => (at(d, "resources")["TargetGroup traffic-default-a"] = d.resources["TargetGroup traffic-default-b"]), /is A's/],
  ["gateways that can be deleted", PROTECTED, "prod", "traffic-50", (d) => Reflect.deleteProperty(options(d, "Release data-plane-b-default"), "protect"), /Release data-plane-b-default: protect/],
  ["protection that outlives the migration", PROTECTED, "prod", "abandon", (d) => (options(d, "Namespace control-plane-b")["protect"] = true), /Namespace control-plane-b: protect/],
  ["a name that is fixed without need", NAMES, "prod", "restore", (d) => (inputs(d, "SubnetGroup database-network")["name"] = "mine"), /name is fixed/],
  ["a cluster by its host name alone", CLUSTERS, "prod", "prepare", (d) => Reflect.deleteProperty(inputs(d, "kubernetes cluster-b"), "clusterIdentifier"), /clusterIdentifier/],
  ["something in the cluster of whoever runs it", CLUSTERS, "prod", "start", (d) => Reflect.deleteProperty(options(d, "Namespace control-plane-b"), "provider"), /in no named cluster/],
  ["a path of one machine", PORTABLE, "prod", "start", (d) => (inputs(d, "Command gate")["dir"] = "/home/me/clone"), /not the same everywhere/],
  ["a moment", PORTABLE, "prod", "start", (d) => (inputs(d, "Command gate")["now"] = "2026-01-01T10:00:00Z"), /not the same everywhere/],
]; // prettier-ignore

describe("policies refuse", () => {
  for (const [what, policy, stack, stage, change, message] of COUNTER_EXAMPLES) {
    it(what, async () => {
      const draft = JSON.parse(await goldenOf(stack, stage)) as Draft;
      change(draft);
      const wrong = POLICIES[policy](draft as unknown as Golden, askedOf(stack));
      assert.ok(
        wrong.some((line) => message.test(line)),
        `expected ${String(message)} among\n${wrong.join("\n")}`,
      );
    });
  }

  it("something each", () => {
    const covered = new Set(COUNTER_EXAMPLES.map(([, policy]) => policy));
    assert.deepEqual(
      POLICY_NAMES.filter((policy) => !covered.has(policy)),
      [],
    );
  });
});
