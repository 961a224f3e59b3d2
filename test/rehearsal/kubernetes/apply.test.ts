import assert from "node:assert/strict";
import { ApiError } from "../../../rehearsal/cloud/kubernetes/api/errors";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type Deployment, type KubeObject, type ObjectInput } from "../../../rehearsal/cloud/kubernetes/api/objects";
import { Resources } from "../../../rehearsal/cloud/kubernetes/api/resources";
import { Store } from "../../../rehearsal/cloud/kubernetes/api/store";
import { deployment } from "./fixture";

const NAMESPACE = "api7";
const PATCH = (replicas?: number): ObjectInput => ({
  metadata: { name: "gateway" },
  ...(replicas === undefined ? {} : { spec: { replicas } }),
});

describe("Kubernetes server-side apply", () => {
  let resources: Resources;
  beforeEach(() => {
    resources = new Resources(new Store());
    resources.create(KINDS.namespace, undefined, { metadata: { name: NAMESPACE } }, { manager: "test" });
    resources.create(KINDS.deployment, NAMESPACE, deployment("gateway", { replicas: 3 }), {
      manager: "helm",
    });
  });

  const patch = (object: ObjectInput, manager: string, force = false): Deployment =>
    resources.apply(KINDS.deployment, NAMESPACE, "gateway", object, { manager, force }) as Deployment;
  const live = (): Deployment => resources.get(KINDS.deployment, NAMESPACE, "gateway") as Deployment;
  const ownersOfReplicas = (object: KubeObject): string[] =>
    (object.metadata.managedFields ?? [])
      .filter(({ fieldsV1 }) => fieldsV1["f:spec"]?.["f:replicas"] !== undefined)
      .map(({ manager }) => manager);

  it("refuses another manager's field, naming field and manager", () => {
    assert.throws(
      () => patch(PATCH(0), "pulumi"),
      (error) => {
        assert.ok(error instanceof ApiError);
        assert.equal(error.code, 409);
        assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "helm" using apps/v1: .spec.replicas');
        assert.deepEqual(error.details?.causes, [
          { reason: "FieldManagerConflict", message: 'conflict with "helm" using apps/v1', field: ".spec.replicas" },
        ]);
        return true;
      },
    );
    assert.equal(live().spec.replicas, 3);
  });

  it("takes the field with force: the other manager does not own it any more", () => {
    const patched = patch(PATCH(0), "pulumi", true);
    assert.equal(patched.spec.replicas, 0);
    assert.deepEqual(ownersOfReplicas(patched), ["pulumi"]);
    assert.equal(patched.metadata.generation, 2);
    // What helm set elsewhere stays helm's.
    assert.equal(patched.spec.template.spec?.containers[0]?.image, "server:1");
  });

  it("falls back to the API's default, one replica, when the patch is let go", () => {
    patch(PATCH(0), "pulumi", true);
    const released = patch(PATCH(), "pulumi", true);
    assert.equal(released.spec.replicas, 1);
    assert.deepEqual(ownersOfReplicas(released), []);
  });

  it("shares a field of the same value, and leaves it when one of two owners goes", () => {
    assert.deepEqual(ownersOfReplicas(patch(PATCH(3), "pulumi")), ["pulumi", "helm"]);
    const released = patch(PATCH(), "pulumi");
    assert.equal(released.spec.replicas, 3);
    assert.deepEqual(ownersOfReplicas(released), ["helm"]);
  });

  it("gives a field to whoever writes it otherwise, as an autoscaler does by `scale`", () => {
    patch(PATCH(2), "pulumi", true);
    const scaled = resources.merge(
      KINDS.deployment,
      NAMESPACE,
      "gateway",
      { spec: { replicas: 5 } },
      { manager: "hpa", subresource: "scale" },
    );
    assert.deepEqual(ownersOfReplicas(scaled), ["hpa"]);
    assert.throws(() => patch(PATCH(2), "pulumi"), /conflict with "hpa"/);
  });

  it("changes nothing when it says what is there already", () => {
    const first = patch(PATCH(0), "pulumi", true);
    const second = patch(PATCH(0), "pulumi", true);
    assert.deepEqual(second, first);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  it("merges lists by their keys, and removes what its manager leaves out", () => {
    const env = (...names: string[]): ObjectInput => ({
      metadata: { name: "gateway", labels: { team: "edge" } },
      spec: {
        template: { spec: { containers: [{ name: "main", env: names.map((name) => ({ name, value: "x" })) }] } },
      },
    });
    const names = (object: Deployment): string[] =>
      (object.spec.template.spec?.containers[0]?.env ?? []).map(({ name }) => name);
    assert.deepEqual(names(patch(env("ONE", "TWO"), "pulumi")), ["ONE", "TWO"]);
    const fewer = patch({ ...env("TWO"), metadata: { name: "gateway" } }, "pulumi");
    assert.deepEqual(names(fewer), ["TWO"]);
    assert.deepEqual(fewer.metadata.labels, {});
    assert.equal(fewer.spec.template.spec?.containers[0]?.image, "server:1");
  });

  it("names several conflicts one by one", () => {
    const object: ObjectInput = {
      metadata: { name: "gateway" },
      spec: { replicas: 9, template: { spec: { containers: [{ name: "main", image: "server:2" }] } } },
    };
    assert.throws(() => patch(object, "pulumi"), {
      message:
        'Apply failed with 2 conflicts: conflict with "helm" using apps/v1:\n- .spec.replicas\n' +
        '- .spec.template.spec.containers[name="main"].image',
    });
  });

  it("sets an autoscaler's minimum back to 1", () => {
    const spec = { scaleTargetRef: { kind: "Deployment", name: "gateway" }, minReplicas: 2, maxReplicas: 9 };
    const kind = KINDS.horizontalPodAutoscaler;
    resources.create(kind, NAMESPACE, { metadata: { name: "gateway" }, spec }, { manager: "helm" });
    const apply = (object: ObjectInput): unknown =>
      (
        resources.apply(kind, NAMESPACE, "gateway", object, { manager: "pulumi", force: true }).spec as {
          minReplicas: number;
        }
      ).minReplicas;
    assert.equal(apply({ metadata: { name: "gateway" }, spec: { minReplicas: 3 } }), 3);
    assert.equal(apply({ metadata: { name: "gateway" } }), 1);
  });

  it("creates a whole object, and refuses to create from a mere patch", () => {
    const labels = { "app.kubernetes.io/name": "api7" };
    const made = resources.apply(
      KINDS.configMap,
      NAMESPACE,
      "made",
      { metadata: { labels }, data: { a: "1" } },
      { manager: "pulumi", force: false },
    );
    assert.deepEqual([made.metadata.name, made.metadata.labels, made["data"]], ["made", labels, { a: "1" }]);
    assert.throws(
      () =>
        resources.apply(
          KINDS.deployment,
          NAMESPACE,
          "absent",
          { spec: { replicas: 1 } },
          { manager: "pulumi", force: true },
        ),
      (error) =>
        error instanceof ApiError && error.code === 422 && error.message.includes("spec.selector: Required value"),
    );
  });

  it("shows what would be with dryRun, and stores nothing", () => {
    const shown = resources.apply(KINDS.deployment, NAMESPACE, "gateway", PATCH(7), {
      manager: "pulumi",
      force: true,
      dryRun: true,
    });
    assert.equal((shown as Deployment).spec.replicas, 7);
    assert.equal(live().spec.replicas, 3);
  });
});
