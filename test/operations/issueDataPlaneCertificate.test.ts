import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { CouldNotLook } from "../../checks/result";
import {
  issueDataPlaneCertificate,
  parseCertificateRequest,
  type IssuedCertificate,
} from "../../operations/dataPlaneCertificate";
import { issue, newAuthority, type KeyPair } from "../../rehearsal/cloud/gateways/common/authority";
import { API_TOKEN } from "../checks/support/clusterB";
import { KubernetesFake, status, type FakeAnswer, type FakeRequest } from "../checks/support/kubernetesFake";
import { SCOPE } from "../checks/support/scope";

const SECRET_PATH = "v1/secrets/gateway-default-tls";
const MANAGED = { labels: { "app.kubernetes.io/managed-by": "api7-migration" } };

interface StoredSecret {
  readonly type: string;
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly resourceVersion?: string };
  readonly data: Readonly<Record<string, string>>;
}

describe("operation: issue a data plane's certificate", () => {
  let authority: KeyPair;
  let pair: KeyPair;
  let fake: KubernetesFake;
  let answer: () => FakeAnswer;
  let posts: FakeRequest[];

  before(async () => {
    authority = await newAuthority();
    pair = await issue(authority, { commonName: "GATEWAY-CA-VERSION-1", usage: "client" });
  });
  beforeEach(async () => {
    posts = [];
    answer = () => issued({});
    fake = await KubernetesFake.start("api7");
    fake.proxied.set("services/https:api7ee3-dashboard:7443", (request) => {
      if (request.headers["x-api-key"] !== API_TOKEN) return { status: 401, body: "{}" };
      if (request.path === "/api/gateway_groups") {
        return {
          body: JSON.stringify({
            list: [
              { id: "g-0", short_id: "other" },
              { id: "g-1", short_id: "default" },
            ],
            total: 2,
          }),
        };
      }
      if (request.method !== "POST" || request.path !== "/api/gateway_groups/g-1/dp_client_certificates")
        return { status: 404, body: "{}" };
      posts.push(request);
      return answer();
    });
  });
  afterEach(() => fake.stop());

  function issued(more: Readonly<Record<string, unknown>>): FakeAnswer {
    const value = {
      id: "c",
      certificate: pair.certificate,
      private_key: pair.privateKey,
      ca_certificate: authority.certificate,
      ...more,
    };
    return { status: 200, body: JSON.stringify({ value }) };
  }

  function request(): Parameters<typeof issueDataPlaneCertificate>[0] {
    return {
      cluster: { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig },
      group: "default",
      secretName: "gateway-default-tls",
    };
  }

  function run(token = API_TOKEN, more: Partial<ReturnType<typeof request>> = {}): Promise<IssuedCertificate> {
    return issueDataPlaneCertificate(
      { ...request(), ...more },
      { MIGRATION_CONTROL_PLANE_TOKEN: token },
      new AbortController().signal,
    );
  }

  const stored = (): StoredSecret => fake.objects.get(SECRET_PATH) as StoredSecret;
  const decoded = (key: string): string => Buffer.from(stored().data[key] ?? "", "base64").toString("utf8");

  async function refusal(running: Promise<unknown>): Promise<CouldNotLook> {
    try {
      await running;
    } catch (error) {
      assert.ok(error instanceof CouldNotLook, String(error));
      const text = JSON.stringify([error, error.message, error.subject, error.seen, error.remedy]);
      assert.ok(!text.includes("PRIVATE KEY") && !text.includes(pair.privateKey.slice(40, 80)), text);
      assert.ok(!text.includes(API_TOKEN), text);
      return error;
    }
    return assert.fail("it was issued");
  }

  it("stores the three parts as a Secret, and prints nothing secret", async () => {
    const result = await run();
    const certificate = new X509Certificate(pair.certificate);
    assert.deepEqual(result, {
      group: "default",
      secret: "api7/gateway-default-tls",
      fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
      notAfter: new Date(certificate.validTo).toISOString(),
    });
    assert.equal(decoded("tls.crt"), pair.certificate);
    assert.equal(decoded("tls.key"), pair.privateKey);
    assert.equal(decoded("ca.crt"), authority.certificate);
    assert.equal(stored().type, "Opaque");
    assert.equal(stored().metadata.labels["app.kubernetes.io/managed-by"], "api7-migration");
    assert.equal(posts[0]?.body, "{}");
  });

  it("replaces its own Secret, by the version that it saw", async () => {
    fake.objects.set(SECRET_PATH, {
      metadata: { name: "gateway-default-tls", resourceVersion: "7", ...MANAGED },
      data: {},
    });
    await run();
    assert.equal(decoded("tls.key"), pair.privateKey);
    const put = fake.requests.find(({ method }) => method === "PUT") ?? assert.fail();
    assert.equal((JSON.parse(put.body) as StoredSecret).metadata.resourceVersion, "7");
  });

  it("does not touch somebody else's Secret, nor issue anything then", async () => {
    fake.objects.set(SECRET_PATH, {
      metadata: { name: "gateway-default-tls", labels: { owner: "ada" } },
      data: { x: "eA==" },
    });
    const error = await refusal(run());
    assert.match(error.remedy, /kubectl label secret gateway-default-tls/);
    assert.deepEqual(stored().data, { x: "eA==" });
    assert.equal(posts.length, 0);
  });

  it("names the groups that there are when the group is none of them", async () => {
    assert.match((await refusal(run(API_TOKEN, { group: "nowhere" }))).seen, /other, default/);
  });

  it("refuses parts that do not belong together, and stores nothing", async () => {
    const otherAuthority = await newAuthority();
    const otherPair = await issue(authority, { commonName: "x", usage: "client" });
    const expired = await issue(authority, { commonName: "x", usage: "client", years: -1e-5 });
    const cases: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
      [{ private_key: otherPair.privateKey }, /belongs to another certificate/],
      [{ ca_certificate: otherAuthority.certificate }, /not signed by the authority/],
      [{ certificate: expired.certificate, private_key: expired.privateKey }, /expired/],
      [{ private_key: `${pair.privateKey.slice(0, 60)}x` }, /not valid PEM/],
      [{ certificate: "hello" }, /not valid PEM/],
      [{ certificate: 7 }, /unexpected JSON/],
    ];
    for (const [parts, seen] of cases) {
      answer = () => issued(parts);
      assert.match((await refusal(run())).seen, seen);
      assert.equal(fake.objects.has(SECRET_PATH), false);
    }
  });

  for (const [what, fault, seen] of [
    ["an error that quotes the key", () => ({ status: 500, body: pair.privateKey }), /HTTP 500/],
    ["a refusal", () => ({ status: 403, body: '{"error_msg":"no"}' }), /HTTP 403/],
    [
      "HTML",
      () => ({ body: `<html>${pair.privateKey}</html>`, headers: { "content-type": "text/html" } }),
      /without JSON/,
    ],
    ["half an answer", () => ({ body: `{"value":{"private_key":${JSON.stringify(pair.privateKey)}` }), /without JSON/],
  ] satisfies readonly (readonly [string, () => FakeAnswer, RegExp])[]) {
    it(`shows nothing of the key after ${what}`, async () => {
      answer = fault;
      assert.match((await refusal(run())).seen, seen);
    });
  }

  it("shows nothing of the key when the Secret is refused, also with the object in the answer", async () => {
    fake.fault = ({ method, path, body }, response) => {
      if (method !== "POST" || !path.endsWith("/secrets")) return false;
      response.writeHead(422, { "content-type": "application/json" });
      response.end(status(422, `Secret is invalid: ${body}`).body);
      return true;
    };
    const error = await refusal(run());
    assert.match(error.seen, /HTTP 422/);
    assert.ok(!JSON.stringify(error).includes(Buffer.from(pair.privateKey).toString("base64").slice(0, 60)));
  });

  it("says what is missing: token, right token, API server", async () => {
    assert.match((await refusal(run(""))).subject, /MIGRATION_CONTROL_PLANE_TOKEN/);
    assert.match((await refusal(run("a7ee-wrong"))).seen, /HTTP 401/);
    await fake.die();
    assert.match((await refusal(run())).seen, /ECONNREFUSED/);
  });

  it("refuses another request, naming the difference", () => {
    assert.throws(() => parseCertificateRequest('{"cluster":{}}'), /group: Invalid input/);
    assert.throws(() => parseCertificateRequest("x"), /not JSON/);
    assert.deepEqual(parseCertificateRequest(JSON.stringify(request())).group, "default");
  });

  describe("as a process", function () {
    this.timeout(60_000);
    async function command(stdin: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
      const environment = { ...process.env, MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN };
      const child = spawn(process.execPath, ["--import", "tsx", "operations/issueDataPlaneCertificate.ts"], {
        env: environment,
      });
      const streams = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name].on("data", (chunk: Buffer) => (streams[name] += chunk.toString("utf8")));
      child.stdin.end(stdin);
      const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
      return { code, ...streams };
    }

    it("prints the certificate's fingerprint alone", async () => {
      const { code, stdout, stderr } = await command(JSON.stringify(request()));
      assert.equal(code, 0, stderr);
      assert.deepEqual(Object.keys(JSON.parse(stdout) as object), ["group", "secret", "fingerprint", "notAfter"]);
      assert.equal(stderr, "");
      assert.equal(decoded("tls.key"), pair.privateKey);
    });

    it("ends with 1 and the reason", async () => {
      answer = () => ({ status: 500, body: pair.privateKey });
      const { code, stdout, stderr } = await command(JSON.stringify(request()));
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /HTTP 500/);
      assert.ok(!stderr.includes("PRIVATE KEY"));
    });
  });
});
