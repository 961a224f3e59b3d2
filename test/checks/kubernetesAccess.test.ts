import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer, type Server } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { KubernetesApi } from "../../checks/clients/kubernetes";
import { probeFrom } from "../../checks/clients/probe";
import { CouldNotLook } from "../../checks/result";
import { issue, newAuthority, type KeyPair } from "../../rehearsal/cloud/gateways/common/authority";
import { kubeconfig, KubernetesFake } from "./support/kubernetesFake";
import { SCOPE } from "./support/scope";

/** What a kubeconfig of a real cluster may hold: TLS with its own CA, client certificates, tokens, log-in plugins. */
describe("access to clusters", () => {
  let folder: string;
  let authority: KeyPair;
  let client: KeyPair;
  let server: Server;
  let address: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "access-"));
    authority = await newAuthority();
    client = await issue(authority, { commonName: "ada", usage: "client" });
    const identity = await issue(authority, {
      commonName: "api",
      usage: "server",
      ipAddresses: ["127.0.0.1"],
      dnsNames: ["api.example.com"],
    });
    server = createHttpsServer(
      {
        cert: identity.certificate,
        key: identity.privateKey,
        ca: authority.certificate,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        assert.ok(request.socket instanceof TLSSocket);
        const peer = request.socket.getPeerCertificate();
        const name = "subject" in peer ? [peer.subject.CN].flat()[0] : undefined;
        response.end(
          JSON.stringify({
            path: request.url,
            authorization: request.headers.authorization ?? null,
            client: name ?? null,
          }),
        );
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const ca = (): Readonly<Record<string, unknown>> => ({ "certificate-authority-data": base64(authority.certificate) });

  async function open(
    config: unknown,
    context?: string,
    signal = new AbortController().signal,
  ): Promise<KubernetesApi> {
    const path = join(folder, "config");
    writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config));
    return KubernetesApi.open(
      "cluster B",
      { ...SCOPE.clusterB, kubeconfig: path, ...(context !== undefined && { context }) },
      signal,
    );
  }

  async function ask(
    config: unknown,
  ): Promise<{ readonly authorization: string | null; readonly client: string | null; readonly path: string }> {
    const api = await open(config);
    const answer = await api.request({ path: "/version?x=1", signal: new AbortController().signal });
    return JSON.parse(answer.body) as Awaited<ReturnType<typeof ask>>;
  }

  it("by a token, over TLS with the cluster's own CA", async () => {
    const seen = await ask(kubeconfig(address, { token: "t" }, ca()));
    assert.deepEqual(seen, { path: "/version?x=1", authorization: "Bearer t", client: null });
  });

  it("by a client certificate, in the file or beside it", async () => {
    const inside = {
      "client-certificate-data": base64(client.certificate),
      "client-key-data": base64(client.privateKey),
    };
    assert.equal((await ask(kubeconfig(address, inside, ca()))).client, "ada");
    writeFileSync(join(folder, "ada.crt"), client.certificate);
    writeFileSync(join(folder, "ada.key"), client.privateKey);
    writeFileSync(join(folder, "ca.crt"), authority.certificate);
    const beside = { "client-certificate": "ada.crt", "client-key": "ada.key" };
    assert.equal((await ask(kubeconfig(address, beside, { "certificate-authority": "ca.crt" }))).client, "ada");
  });

  it("by a user name and a password", async () => {
    const seen = await ask(kubeconfig(address, { username: "ada", password: "p:w" }, ca()));
    assert.equal(seen.authorization, `Basic ${base64("ada:p:w")}`);
  });

  function plugin(script: string): Readonly<Record<string, unknown>> {
    const path = join(folder, "login");
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1beta1",
      command: path,
      args: ["eks", "get-token"],
      env: [{ name: "LOGIN", value: "ada" }],
      interactiveMode: "Never",
    };
    return { exec };
  }

  it("by a log-in plugin, as EKS has it", async () => {
    const user = plugin(`echo '{"kind":"ExecCredential","status":{"token":"'$2-$LOGIN'"}}'`);
    assert.equal((await ask(kubeconfig(address, user, ca()))).authorization, "Bearer get-token-ada");
  });

  it("says what a log-in plugin said when it fails", async () => {
    const user = plugin("echo 'Token has expired and refresh failed' >&2; exit 255");
    await assert.rejects(open(kubeconfig(address, user, ca())), (error: CouldNotLook) => {
      assert.match(error.seen, /cannot log in: Token has expired/);
      return true;
    });
    await assert.rejects(
      open(kubeconfig(address, { exec: { command: "/nonexistent/login", apiVersion: "v1" } }, ca())),
      /cannot log in.*ENOENT/,
    );
  });

  it("does not wait for a log-in plugin that hangs", async () => {
    const begin = Date.now();
    const opening = open(kubeconfig(address, plugin("exec sleep 5"), ca()), undefined, AbortSignal.timeout(300));
    await assert.rejects(opening, /no credentials/);
    assert.ok(Date.now() - begin < 2_000);
  });

  it("by a context that is not the current one", async () => {
    const config = kubeconfig(address, { token: "t" }, ca()) as { contexts: unknown[] };
    config.contexts.push({ name: "other", context: { cluster: "missing", user: "u" } });
    await open(config, "x");
    await assert.rejects(open(config, "other"), /no cluster for context other; its contexts: x, other/);
    await assert.rejects(open(config, "nowhere"), /no cluster for context nowhere/);
  });

  it("by another name in the server's certificate", async () => {
    const named = { ...ca(), "tls-server-name": "api.example.com" };
    assert.equal((await ask(kubeconfig(address, { token: "t" }, named))).authorization, "Bearer t");
    const other = { ...ca(), "tls-server-name": "other.example.com" };
    await assert.rejects(ask(kubeconfig(address, { token: "t" }, other)), /other\.example\.com/);
  });

  it("never to a server that is not the cluster's", async () => {
    await assert.rejects(ask(kubeconfig(address, { token: "t" })), /certificate/);
    const other = await newAuthority();
    await assert.rejects(
      ask(kubeconfig(address, { token: "t" }, { "certificate-authority-data": base64(other.certificate) })),
      /certificate/,
    );
  });

  it("never in the clear, except to this computer", async () => {
    await assert.rejects(open(kubeconfig("http://api.example.com:8080", { token: "t" })), /not encrypted/);
    await open(kubeconfig("http://127.9.0.1:8080", { token: "t" }));
  });

  for (const [what, config, seen] of [
    ["is missing", undefined, /ENOENT/],
    ["is no YAML", "a: [", /kubeconfig/],
    ["is empty", "", /kubeconfig/],
  ] as const) {
    it(`says so when the kubeconfig ${what}`, async () => {
      const opening =
        config === undefined
          ? KubernetesApi.open(
              "cluster B",
              { ...SCOPE.clusterB, kubeconfig: join(folder, "none") },
              new AbortController().signal,
            )
          : open(config);
      await assert.rejects(opening, (error) => error instanceof CouldNotLook && seen.test(error.seen) && error.lasting);
    });
  }

  it("gives up on a server that is silent", async () => {
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const api = await open(kubeconfig(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { token: "t" }));
    await assert.rejects(api.request({ path: "/version", signal: AbortSignal.timeout(200) }), /time limit/);
    silent.close();
  });

  it("reaches services and pods by the API server's proxy, and hands headers and bodies on", async () => {
    const fake = await KubernetesFake.start("api7");
    try {
      fake.proxied.set("services/https:api7ee3-dashboard:7443", ({ method, path, headers, body }) => ({
        status: 418,
        body: JSON.stringify({ method, path, key: headers["x-api-key"], body }),
      }));
      fake.proxied.set("pods/gateway-1:7085", ({ path }) => ({ body: path }));
      const { signal } = new AbortController();
      const probe = probeFrom(
        await KubernetesApi.open("cluster B", { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig }, signal),
      );
      const service = { kind: "services", name: "api7ee3-dashboard", scheme: "https", port: 7443 } as const;
      const answer = await probe(service, {
        method: "POST",
        path: "/api/x?page=1",
        headers: { "x-api-key": "k" },
        body: "{}",
        signal,
      });
      assert.equal(answer.status, 418);
      assert.deepEqual(JSON.parse(answer.body), { method: "POST", path: "/api/x", key: "k", body: "{}" });
      const pod = await probe(
        { kind: "pods", name: "gateway-1", scheme: "http", port: 7085 },
        { path: "/status/ready", signal },
      );
      assert.equal(pod.body, "/status/ready");
    } finally {
      await fake.stop();
    }
  });
});
