import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { DEVELOPER_PORTAL_FILE, type DeveloperPortalConfiguration } from "../../kubernetes/rendered";
import { selfSigned } from "../common/authority";
import { databaseProblem, openDatabase } from "../common/database";
import { close, listen, sendJson } from "../common/http";
import { onStop, runPod } from "../common/lifetime";
import { jsonLog } from "../common/log";
import { listenAddress, readConfiguration, readMounted, readPod } from "../common/pod";

const log = jsonLog("developer-portal");
const STOP_LIMIT_MS = 5000;

/** The developer portal's backend, as far as a migration meets it: it is there, it is healthy, it reads the database. */
async function main(): Promise<void> {
  const pod = readPod();
  const configuration = readConfiguration(pod, DEVELOPER_PORTAL_FILE) as DeveloperPortalConfiguration;
  const pool = openDatabase(pod, configuration.database, log);
  const problem = await databaseProblem(pool);
  if (problem !== undefined) throw new Error(`database: ${problem}`);

  const serve: RequestListener = (request, response) => {
    if (request.url !== "/healthz") {
      sendJson(response, 404, { message: "not found" });
      return;
    }
    void databaseProblem(pool).then((found) => {
      sendJson(
        response,
        found === undefined ? 200 : 503,
        found === undefined ? { status: "ok" } : { status: "error", message: `database: ${found}` },
      );
    });
  };
  const { host, port, tls } = configuration.server.listen;
  const address = listenAddress(pod, host);
  if (address === undefined) throw new Error(`server.listen.host is ${host}: nobody could reach the portal there`);
  const server = tls.enabled ? await httpsServer() : createHttpServer(serve);
  await listen(server, address, port);
  log("info", `listening on ${address}:${port}`);
  onStop(log, async () => {
    await close(server, STOP_LIMIT_MS);
    await pool.end();
  });

  async function httpsServer(): Promise<Server> {
    if (tls.cert_file && tls.key_file) {
      return createHttpsServer({ cert: readMounted(pod, tls.cert_file), key: readMounted(pod, tls.key_file) }, serve);
    }
    const { certificate, privateKey } = await selfSigned(["api7-developer-portal", "localhost"]);
    return createHttpsServer({ cert: certificate, key: privateKey }, serve);
  }
}

runPod(log, main);
