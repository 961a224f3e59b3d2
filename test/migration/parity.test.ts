import assert from "node:assert/strict";
import { compareGateways, flatten, type GatewayFacts, type Parity } from "../../migration/parity";

const FACTS: GatewayFacts = {
  imageDigests: ["sha256:1"],
  configuration: {
    apisix: { node_listen: [{ port: 9080 }], proxy_mode: "http" },
    deployment: { etcd: { host: ["https://a:7943"], password: "geheim" } },
    plugins: ["limit-count"],
  },
  environment: ["LOG_LEVEL"],
  ports: ["tcp 9080"],
  trustedCas: ["0a1b (CN=API7)"],
  mounted: { "/usr/local/apisix/custom": "0123" },
};

const compare = (more: Partial<GatewayFacts>): Parity => compareGateways("default", FACTS, { ...FACTS, ...more });
const configuration = (changes: object): Partial<GatewayFacts> => ({
  configuration: { ...(FACTS.configuration as object), ...changes },
});

describe("parity of gateways", () => {
  it("finds no difference between the same", () => assert.deepEqual(compare({}), { differences: [], expected: [] }));

  const cases: readonly (readonly [string, Partial<GatewayFacts>, string, string, string])[] = [
    ["another image", { imageDigests: ["sha256:2"] }, "default: image digest", "sha256:1", "sha256:2"],
    ["two images at once", { imageDigests: ["sha256:1", "sha256:2"] }, "default: image digest", "sha256:1", "sha256:1, sha256:2"],
    ["a value of the config file", configuration({ apisix: { node_listen: [{ port: 9080 }], proxy_mode: "http&stream" } }), "default: configuration apisix.proxy_mode", '"http"', '"http&stream"'],
    ["stream ports", configuration({ apisix: { node_listen: [{ port: 9080 }], proxy_mode: "http", stream_proxy: { tcp: [9100] } } }), "default: configuration apisix.stream_proxy.tcp[0]", "not set", "9100"],
    ["a plugin that only A has", configuration({ plugins: [] }), "default: configuration plugins[0]", '"limit-count"', "not set"],
    ["a variable that B lacks", { environment: [] }, "default: environment LOG_LEVEL", "there", "missing"],
    ["a port that only B has", { ports: ["tcp 9080", "tcp 9100"] }, "default: port tcp 9100", "missing", "there"],
    ["a CA that B lacks", { trustedCas: [] }, "default: trusted CA 0a1b (CN=API7)", "there", "missing"],
    ["other code", { mounted: { "/usr/local/apisix/custom": "4567" } }, "default: files at /usr/local/apisix/custom", "0123", "4567"],
    ["code that B lacks", { mounted: {} }, "default: files at /usr/local/apisix/custom", "0123", "none"],
  ]; // prettier-ignore
  for (const [what, more, item, a, b] of cases) {
    it(`finds ${what}`, () => assert.deepEqual(compare(more).differences, [{ item, a, b }]));
  }

  it("expects what the program itself makes different, and says why", () => {
    const result = compare({
      ...configuration({ deployment: { etcd: { host: ["https://b:7943"], password: "geheim" } } }),
      environment: ["LOG_LEVEL", "API7_GATEWAY_GROUP_SHORT_ID"],
    });
    assert.deepEqual(result.differences, []);
    assert.equal(result.expected.length, 2);
    assert.match(result.expected[0] ?? "", /etcd\.host\[0\]: each cluster has its own DP Manager/);
  });

  it("lets B have a status port and a port for metrics, and does not let it lack them", () => {
    const ports = ["tcp 9080", "tcp 7085", "tcp 9091"];
    assert.deepEqual(compare({ ports }).differences, []);
    assert.equal(compareGateways("g", { ...FACTS, ports }, FACTS).differences.length, 2);
  });

  it("never shows a secret", () => {
    const result = compare(configuration({ deployment: { etcd: { host: ["https://a:7943"], password: "anders" } } }));
    assert.deepEqual(result.differences, [
      { item: "default: configuration deployment.etcd.password", a: "a value", b: "a value" },
    ]);
  });

  it("does not take missing digests for equal", () => {
    assert.equal(
      compareGateways("g", { ...FACTS, imageDigests: [] }, { ...FACTS, imageDigests: [] }).differences.length,
      1,
    );
  });

  it("flattens documents", () => {
    assert.deepEqual(
      [...flatten({ a: [{ b: 1 }, null], c: {}, d: "x" })],
      [
        ["a[0].b", "1"],
        ["a[1]", "null"],
        ["d", '"x"'],
      ],
    );
    assert.deepEqual([...flatten("x")], [["", '"x"']]);
  });
});
