import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { DASHBOARD_FILE, type DashboardConfiguration } from "../../kubernetes/rendered";
import { selfSigned } from "../common/authority";
import { ensureAuthority } from "../common/authorityStore";
import { openDatabase } from "../common/database";
import { close, listen } from "../common/http";
import { onStop, runPod } from "../common/lifetime";
import { jsonLog } from "../common/log";
import { listenAddress, readConfiguration, readMounted, readPod } from "../common/pod";
import { versionArgument } from "../common/version";
import { migrate } from "./migrate";
import { dashboardApi } from "./api";

const log = jsonLog("dashboard");
const STOP_LIMIT_MS = 10_000;

/** The dashboard: user interface's API and Admin API over HTTPS 7443; it owns the database's migrations. */
async function main(): Promise<void> {
  const version = versionArgument();
  const pod = readPod();
  const configuration = readConfiguration(pod, DASHBOARD_FILE) as DashboardConfiguration;
  const pool = openDatabase(pod, configuration.database, log);
  await migrate(pool, version, log);
  const authority = await ensureAuthority(pool, log);
  const api = dashboardApi({ pod, pool, authority, version, configuration, log });
  const servers: Server[] = [];
  const open = async (server: Server, host: string, port: number): Promise<void> => {
    const address = listenAddress(pod, host);
    if (address === undefined) return;
    await listen(server, address, port);
    servers.push(server);
    log("info", `listening on ${address}:${port}`);
  };
  const { listen: http, tls } = configuration.server;
  if (http.disable !== true) await open(createHttpServer(api), http.host, http.port);
  if (tls.disable !== true) await open(await httpsServer(api), tls.host, tls.port);
  onStop(log, async () => {
    await Promise.all(servers.map((server) => close(server, STOP_LIMIT_MS)));
    await pool.end();
  });

  async function httpsServer(listener: RequestListener): Promise<Server> {
    if (tls.cert_file && tls.key_file) {
      return createHttpsServer(
        { cert: readMounted(pod, tls.cert_file), key: readMounted(pod, tls.key_file) },
        listener,
      );
    }
    const { certificate, privateKey } = await selfSigned(["api7-dashboard", "localhost"]);
    return createHttpsServer({ cert: certificate, key: privateKey }, listener);
  }
}

runPod(log, main);
