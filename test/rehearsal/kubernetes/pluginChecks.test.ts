import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { writeCharts } from "../../../rehearsal/kubernetes/charts";
import { UNKNOWN, type Props, type ResourceContext, type ResourceType } from "../../../rehearsal/providers/framework";
import { patchType } from "../../../rehearsal/providers/kubernetes/patches";
import { release } from "../../../rehearsal/providers/kubernetes/release";
import { checkSettings, settingsThatReplace } from "../../../rehearsal/providers/kubernetes/settings";

const context = (config: Props = {}): ResourceContext => ({
  signal: new AbortController().signal,
  config,
  dryRun: false,
  urn: "urn:pulumi:test::things::kubernetes:x::thing",
  log: () => undefined,
});

async function findings(type: ResourceType, news: Props, config?: Props): Promise<readonly string[]> {
  const found = await type.check?.(news, undefined, context(config));
  return (found ?? []).map(({ property, reason }) => `${property}: ${reason}`);
}

describe("plugin kubernetes: what a check refuses", () => {
  const folder = mkdtempSync(join(tmpdir(), "checks-"));
  let chart: string;
  before(async () => {
    chart = (await writeCharts(folder)).gateway.file;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("a release with values that the chart does not know; values not known yet fit anywhere", async () => {
    const values = { apisix: { replicaCount: UNKNOWN, image: UNKNOWN }, gatway: { a: 1 } };
    assert.deepEqual(await findings(release, { chart, values }), [
      "values.gatway: The chart knows no value gatway. Did you mean gateway?",
    ]);
    assert.deepEqual(await findings(release, { chart, values: { apisix: { replicaCount: UNKNOWN } } }), []);
    assert.deepEqual(await findings(release, { chart, version: "3.9.10" }), []);
  });

  it("a release of another version than the archive's, or of a chart that is gone", async () => {
    assert.match(
      (await findings(release, { chart, version: "3.9.9" })).join(),
      /^version: is 3\.9\.9, and the archive holds/,
    );
    const gone = join(folder, "gone.tgz");
    assert.match(
      (await findings(release, { chart: gone })).join(),
      /^chart: path ".*gone\.tgz" not found; check the chart name/,
    );
    // As the real provider: with values not known yet it does not load the chart.
    assert.deepEqual(await findings(release, { chart: gone, values: { a: UNKNOWN } }), []);
  });

  it("a release's settings that are not modelled, and takes those that ask for nothing", async () => {
    const [found] = await findings(release, { chart, repositoryOpts: { repo: "https://charts.example" } });
    assert.match(found ?? "", /^repositoryOpts: is not modelled/);
    assert.match((await findings(release, { chart, atomic: true })).join(), /^atomic: /);
    assert.deepEqual(await findings(release, { chart, atomic: false, repositoryOpts: {}, valueYamlFiles: [] }), []);
  });

  it("a patch without a name, and patches without server-side apply", async () => {
    const patch = patchType("kubernetes:apps/v1:DeploymentPatch", KINDS.deployment);
    assert.match((await findings(patch, { spec: {} })).join(), /^metadata\.name: must be given/);
    const named = { metadata: { name: "x" }, spec: {} };
    assert.deepEqual(await findings(patch, named), []);
    assert.match((await findings(patch, named, { enableServerSideApply: false })).join(), /Server-Side Apply/);
  });

  it("a provider that would take this computer's own kubeconfig, or render to files", () => {
    assert.deepEqual(checkSettings({ kubeconfig: "~/.kube/b" }), []);
    assert.match(checkSettings({})[0]?.reason ?? "", /never takes the one of this computer/);
    const found = checkSettings({ kubeconfig: "x", renderYamlToDirectory: "out" });
    assert.deepEqual(
      found.map(({ property }) => property),
      ["renderYamlToDirectory"],
    );
  });
});

describe("plugin kubernetes: when a provider's change means another cluster", () => {
  const folder = mkdtempSync(join(tmpdir(), "settings-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const content = (host: string, context = "c"): string =>
    JSON.stringify({
      "current-context": context,
      contexts: ["c", "d"].map((name) => ({ name, context: { cluster: name, user: "u" } })),
      clusters: [
        { name: "c", cluster: { server: `https://${host}:6443` } },
        { name: "d", cluster: { server: "https://other:6443" } },
      ],
      users: [{ name: "u", user: { token: "t" } }],
    });

  it("the identifier decides alone where both sides have one", () => {
    const before = { kubeconfig: content("one"), clusterIdentifier: "b" };
    assert.deepEqual(settingsThatReplace(before, { kubeconfig: content("two"), clusterIdentifier: "b" }), []);
    assert.deepEqual(settingsThatReplace(before, { ...before, clusterIdentifier: "c" }), ["clusterIdentifier"]);
  });

  it("else the server decides, however it is given", () => {
    const before = { kubeconfig: content("one") };
    const file = join(folder, "config");
    writeFileSync(file, content("one"));
    assert.deepEqual(settingsThatReplace(before, { kubeconfig: content("two") }), ["kubeconfig"]);
    assert.deepEqual(settingsThatReplace(before, { kubeconfig: file }), []);
    assert.deepEqual(settingsThatReplace(before, { kubeconfig: content("one"), clusterIdentifier: "b" }), []);
    assert.deepEqual(settingsThatReplace(before, { ...before, context: "d" }), ["context"]);
    assert.deepEqual(settingsThatReplace(before, { kubeconfig: UNKNOWN }), ["kubeconfig"]);
  });
});
