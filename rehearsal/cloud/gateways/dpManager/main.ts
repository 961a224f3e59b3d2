import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { type Pool } from "pg";
import { DP_MANAGER_FILE, type DpManagerConfiguration } from "../../kubernetes/rendered";
import { issue } from "../common/authority";
import { ensureAuthority } from "../common/authorityStore";
import { databaseProblem, hasSchema, openDatabase } from "../common/database";
import { close, HttpError, listen, sendJson } from "../common/http";
import { onStop, runPod } from "../common/lifetime";
import { jsonLog, messageOf } from "../common/log";
import { listenAddress, paced, readConfiguration, readPod, type Pod } from "../common/pod";
import { compareVersions, versionArgument } from "../common/version";
import { AgentApi } from "./agentApi";
import { EtcdApi } from "./etcdApi";
import { KeyValueStore } from "./store";

const log = jsonLog("dp-manager");

/** The Service of the chart api7ee3; the names of API7's own server certificate are not documented (facts/api7.md 2.2). */
const SERVICE = "api7ee3-dp-manager";
const SCHEMA_WAIT_MS = 1000;
const STOP_LIMIT_MS = 5000;

/** The DP Manager: health over HTTP 7900; data planes' configuration, heartbeats and metrics over mutual TLS on 7943. */
async function main(): Promise<void> {
  const version = versionArgument();
  const pod = readPod();
  const configuration = readConfiguration(pod, DP_MANAGER_FILE) as DpManagerConfiguration;
  const pool = openDatabase(pod, configuration.database, log);
  await waitForSchema(pool);
  const authority = await ensureAuthority(pool, log);
  const store = new KeyValueStore(pool);
  await store.load();
  const etcd = new EtcdApi(store);
  const agents = new AgentApi(pod, pool, log);

  const names = [
    SERVICE,
    `${SERVICE}.${pod.namespace}`,
    `${SERVICE}.${pod.namespace}.svc`,
    `${SERVICE}.${pod.namespace}.svc.cluster.local`,
  ];
  const certificate = await issue(authority, { commonName: SERVICE, usage: "server", dnsNames: names, years: 1 });
  const tls = createHttpsServer(
    {
      cert: certificate.certificate,
      key: certificate.privateKey,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => void answer(request, response, (path) => dataPlaneCall(path, request, response)),
  );
  tls.on("tlsClientError", (error, socket) => {
    const reason = socket.authorizationError as unknown;
    log("warn", `TLS handshake failed: bad client certificate: ${reason ? messageOf(reason) : messageOf(error)}`);
  });
  const plain = createHttpServer(
    (request, response) => void answer(request, response, (path) => plainCall(path, response)),
  );
  const servers: Server[] = [];
  for (const [server, { disable, host, port }] of [
    [plain, configuration.server.listen],
    [tls, configuration.server.tls],
  ] as const) {
    const address = listenAddress(pod, host);
    if (disable === true || address === undefined) continue;
    await listen(server, address, port);
    servers.push(server);
    log("info", `listening on ${address}:${port}`);
  }
  const timers = startLoops(pod, store, agents);
  onStop(log, async () => {
    timers.forEach((timer) => clearInterval(timer));
    etcd.close();
    await Promise.all(servers.map((server) => close(server, STOP_LIMIT_MS)));
    await pool.end();
  });

  async function plainCall(path: string, response: ServerResponse): Promise<boolean> {
    if (path === "/healthz") {
      const problem = await databaseProblem(pool);
      // Our reading, as for the dashboard: what API7's checks is not documented (facts/api7.md 1.3).
      sendJson(
        response,
        problem === undefined ? 200 : 503,
        problem === undefined ? { status: "ok" } : { status: "error", message: `database: ${problem}` },
      );
      return true;
    }
    throw new HttpError(403, "data planes connect with mutual TLS on port 7943");
  }

  /** False: no such path. */
  async function dataPlaneCall(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const theirs = request.headers["gateway-version"];
    if (typeof theirs === "string" && compareVersions(theirs, version) > 0) {
      throw new HttpError(400, `gateway version ${theirs} is newer than the control plane's ${version}`);
    }
    switch (`${request.method ?? ""} ${path}`) {
      case "GET /version":
        await versionCall(response);
        return true;
      case "POST /v3/kv/range":
        await etcd.range(request, response);
        return true;
      case "POST /v3/kv/put":
        await etcd.put(request, response);
        return true;
      case "POST /v3/watch":
        await etcd.watch(request, response);
        return true;
      case "POST /api/dataplane/heartbeat":
        sendJson(response, 200, await agents.heartbeat(request));
        return true;
      case "POST /api/dataplane/metrics":
        sendJson(response, 200, await agents.metrics(request));
        return true;
      default:
        return false;
    }
  }

  /** A data plane is ready when this says that a database node is available (facts/api7.md 3.1). */
  async function versionCall(response: ServerResponse): Promise<void> {
    const problem = await databaseProblem(pool);
    if (problem === undefined) sendJson(response, 200, { etcdserver: "3.5.0", etcdcluster: "3.5.0" });
    else throw new HttpError(503, `no database node is available: ${problem}`);
  }
}

/** The dashboard migrates; until then there is nothing to serve (facts/api7.md 4.1). */
async function waitForSchema(pool: Pool): Promise<void> {
  while (!(await hasSchema(pool))) {
    log("info", "waiting for the dashboard to migrate the database");
    await delay(SCHEMA_WAIT_MS);
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  call: (path: string) => Promise<boolean>,
): Promise<void> {
  try {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (!(await call(path))) throw new HttpError(404, `no such API: ${request.method ?? ""} ${path}`);
  } catch (error) {
    if (!(error instanceof HttpError)) log("error", `request failed: ${messageOf(error)}`);
    const status = error instanceof HttpError ? error.status : 500;
    if (!response.headersSent) sendJson(response, status, { error_msg: messageOf(error) });
    else response.destroy();
  }
}

/** Repeats work that must not overlap itself; a failure is logged once, and once more when it is over. */
function startLoops(pod: Pod, store: KeyValueStore, agents: AgentApi): readonly NodeJS.Timeout[] {
  const every = (name: string, ms: number, work: () => Promise<void>): NodeJS.Timeout => {
    let busy = false;
    let failing = false;
    return setInterval(() => {
      if (busy) return;
      busy = true;
      work()
        .then(
          () => {
            if (failing) log("info", `${name}: works again`);
            failing = false;
          },
          (error: unknown) => {
            if (!failing) log("error", `${name}: ${messageOf(error)}`);
            failing = true;
          },
        )
        .finally(() => (busy = false));
    }, ms);
  };
  return [
    every("read changes", paced(pod, 1000, 200), () => store.poll()),
    every("instance states", paced(pod, 5000, 1000), () => agents.sweep()),
    every("core usage", paced(pod, 60_000, 5000), () => agents.recordCores()),
    every("compaction", paced(pod, 300_000, 15_000), () => store.compact()),
  ];
}

runPod(log, main);
