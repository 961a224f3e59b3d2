import assert from "node:assert/strict";
import { isIngressController, managersOf, type ObjectMetadata } from "../../migration/managers";

describe("tools that manage objects", () => {
  const cases: readonly (readonly [string, Omit<ObjectMetadata, "name">, string, RegExp])[] = [
    ["Argo CD by its annotation", { annotations: { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:api7/gateway" } }, "Argo CD application shop", /^argocd app set shop --sync-policy none$/],
    ["Argo CD by its label", { labels: { "argocd.argoproj.io/instance": "shop" } }, "Argo CD application shop", /argocd app set shop/],
    ["a Flux Kustomization", { labels: { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "infra" } }, "Flux Kustomization infra/apps", /^flux suspend kustomization apps --namespace infra$/],
    ["a Flux HelmRelease", { labels: { "helm.toolkit.fluxcd.io/name": "gateway" } }, "Flux HelmRelease flux-system/gateway", /^flux suspend helmrelease gateway/],
    ["KEDA by its label", { namespace: "api7", labels: { "scaledobject.keda.sh/name": "gateway" } }, "KEDA ScaledObject api7/gateway", /kubectl annotate scaledobject gateway --namespace api7 autoscaling\.keda\.sh\/paused=true/],
    ["Fleet", { annotations: { "objectset.rio.cattle.io/id": "default-shop" } }, "Fleet bundle default-shop", /spec\.paused/],
    ["Keel", { namespace: "api7", annotations: { "keel.sh/policy": "minor" } }, "Keel api7/x", /keel\.sh\/policy=never/],
  ]; // prettier-ignore
  for (const [what, metadata, name, pause] of cases) {
    it(`knows ${what}`, () => {
      const [manager, ...others] = managersOf({ name: "x", ...metadata });
      assert.ok(manager);
      assert.equal(manager.name, name);
      assert.match(manager.pause, pause);
      assert.deepEqual(others, []);
    });
  }

  it("knows KEDA's autoscalers by their names, and several tools at once", () => {
    const both = managersOf({ name: "keda-hpa-gateway", labels: { "argocd.argoproj.io/instance": "shop" } });
    assert.deepEqual(
      both.map(({ name }) => name),
      ["Argo CD application shop", "KEDA ScaledObject default/gateway"],
    );
  });

  it("leaves Helm and hand-made objects alone", () => {
    const labels = { "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "gateway" };
    assert.deepEqual(
      managersOf({ name: "gateway", labels, annotations: { "meta.helm.sh/release-name": "gateway" } }),
      [],
    );
  });

  it("knows ingress controllers by their images", () => {
    for (const image of [
      "api7/api7-ingress-controller:2.0.9",
      "registry.example.com/x/apisix-ingress-controller@sha256:1",
    ])
      assert.ok(isIngressController(image), image);
    for (const image of ["nginx/ingress-controller:1", "api7/api7-ee-3-gateway:3.9.18"])
      assert.ok(!isIngressController(image));
  });
});
