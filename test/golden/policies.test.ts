import assert from "node:assert/strict";
import { loadSchema } from "../../rehearsal/providers/framework/schema";
import { validate } from "../../rehearsal/providers/framework/validate";
import { shapeOf } from "../../migration/stages";
import { type RecordedResource, SECRET } from "../components/recorder";
import { goldenNames, recordStage, STACKS } from "./golden";

/** Rules that hold for every stack at every stage. */

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

interface Forward {
  readonly forward?: {
    readonly targetGroups: readonly { readonly arn: string; readonly weight: number }[];
    readonly stickiness: { readonly enabled: boolean; readonly duration: number };
  };
  readonly targetGroupArn?: string;
}

/** The actions of a resource that carries weights. */
function forwards(resource: RecordedResource): readonly Forward[] {
  const { actions, defaultActions } = resource.inputs;
  return ((actions ?? defaultActions ?? []) as readonly Forward[]).filter(({ forward }) => forward !== undefined);
}

const SCHEMAS = Object.fromEntries(["aws", "kubernetes", "command", "random"].map((name) => [name, loadSchema(name)]));
const MADE_UP = /made-up/;

for (const stack of STACKS) {
  for (const name of goldenNames(stack)) {
    describe(`${stack} ${name}`, () => {
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

      it("gives every rule both groups in the order A, B, with weights of the stage and stickiness off", async () => {
        const { resources } = await recordStage(stack, name);
        const carriers = resources.filter((resource) => forwards(resource).length > 0);
        assert.equal(carriers.length, stack === "staging" ? 1 : 2);
        const { weightB } = shapeOf(name === "abandon-second-update" ? "abandon" : name);
        for (const carrier of carriers) {
          assert.deepEqual(carrier.options.ignoreChanges, []);
          assert.equal(carrier.options.hooks["beforeUpdate"]?.length, 1);
          assert.equal(carrier.options.hooks["beforeCreate"]?.length, 1);
          for (const { forward, targetGroupArn } of forwards(carrier)) {
            assert.ok(forward !== undefined);
            assert.equal(targetGroupArn, undefined);
            const weights = forward.targetGroups.map(({ weight }) => weight);
            assert.deepEqual(weights, [100 - weightB, weightB]);
            assert.match(forward.targetGroups[0]?.arn ?? "", /-a[.\]/]/);
            assert.match(forward.targetGroups[1]?.arn ?? "", /-b\.arn\]$/);
            assert.deepEqual(forward.stickiness, { enabled: false, duration: 1 });
          }
        }
      });

      it("shows no secret in plain", async () => {
        const { resources, outputs } = await recordStage(stack, name);
        for (const { type, name: resource, inputs } of resources) {
          assert.deepEqual(
            texts(inputs).filter((text) => MADE_UP.test(text)),
            [],
            `${type} ${resource}`,
          );
        }
        assert.doesNotMatch(JSON.stringify(outputs), MADE_UP);
      });

      it("opens nothing to the world that the settings do not ask for", async () => {
        const { resources } = await recordStage(stack, name);
        for (const { type, name: resource, inputs } of resources) {
          if (type.endsWith(":SecurityGroupIngressRule")) assert.notEqual(inputs["cidrIpv4"], "0.0.0.0/0", resource);
          if (type.endsWith(":SecurityGroup")) assert.ok(!("ingress" in inputs) && !("egress" in inputs), resource);
        }
      });

      it("keeps database B encrypted, private, and with a last snapshot", async () => {
        const { resources } = await recordStage(stack, name);
        for (const { inputs, options } of resources.filter(({ type }) => type === "aws:rds/instance:Instance")) {
          const { storageEncrypted, publiclyAccessible, skipFinalSnapshot, deleteAutomatedBackups } = inputs;
          assert.deepEqual(
            { storageEncrypted, publiclyAccessible, skipFinalSnapshot, deleteAutomatedBackups },
            {
              storageEncrypted: true,
              publiclyAccessible: false,
              skipFinalSnapshot: false,
              deleteAutomatedBackups: false,
            },
          );
          const { protectB } = shapeOf(name === "abandon-second-update" ? "abandon" : name);
          assert.equal(inputs["deletionProtection"], protectB);
          assert.equal(options.protect, protectB);
        }
      });

      it("pins every data plane to control plane B, of the same version", async () => {
        const { resources } = await recordStage(stack, name);
        const releases = resources.filter(({ type }) => type === "kubernetes:helm.sh/v3:Release");
        for (const { name: resource, inputs } of releases.filter(({ name: label }) => label.startsWith("data-plane"))) {
          const values = inputs["values"] as {
            readonly etcd: { readonly host: readonly string[] };
            readonly apisix: {
              readonly image: { readonly tag: string };
              readonly extraEnvVars: readonly { readonly name: string }[];
            };
          };
          assert.deepEqual(values.etcd.host, ["https://api7ee3-dp-manager.api7.svc.cluster.local:7943"], resource);
          const overriding = values.apisix.extraEnvVars.filter((variable) =>
            /DP_MANAGER|CONTROL_PLANE|ETCD/.test(variable.name),
          );
          assert.deepEqual(overriding, []);
          assert.equal(values.apisix.image.tag, "3.9.18");
        }
        for (const { inputs } of releases.filter(({ name: label }) => label.startsWith("control-plane"))) {
          const values = open(inputs["values"]) as Record<
            string,
            { image?: { tag: string }; database?: { dsn: string } }
          >;
          for (const component of ["dashboard", "dp_manager", "developer_portal"]) {
            assert.equal(values[component]?.image?.tag, "v3.9.18");
            assert.match(
              values[`${component}_configuration`]?.database?.dsn ?? "",
              /^postgres:\/\/api7ee:[^@]+@\[database-b\.address\]:5432\/api7ee\?sslmode=require$/,
            );
          }
        }
      });

      it("protects exactly what B serves with, from start to the end", async () => {
        const { resources } = await recordStage(stack, name);
        const { protectB } = shapeOf(name === "abandon-second-update" ? "abandon" : name);
        const serving = resources.filter(
          ({ type, name: label }) =>
            /:(Instance|Release|TargetGroup|LoadBalancer|Listener|Namespace|TargetGroupBinding)$/.test(type) ||
            (type.endsWith(":ListenerRule") && label.startsWith("traffic")),
        );
        for (const { type, name: label, options } of serving) {
          // The binding in A fills A's own group; it is there without B.
          if (label.startsWith("data-plane-a")) continue;
          assert.equal(options.protect, protectB, `${type} ${label}`);
        }
      });
    });
  }
}
