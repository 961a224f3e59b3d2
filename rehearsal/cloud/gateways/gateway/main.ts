import { randomUUID } from "node:crypto";
import { onStop, runPod } from "../common/lifetime";
import { nginxLog } from "../common/log";
import { readPod } from "../common/pod";
import { versionArgument } from "../common/version";
import { ControlPlaneAgent } from "./agent";
import { Configuration } from "./configuration";
import { ControlPlane } from "./controlPlane";
import { GatewayFaults } from "./faults";
import { Listeners, statusHandler } from "./listeners";
import { Metrics } from "./metrics";
import { LocalCounters, RedisCounters, type PluginState } from "./plugins";
import { Proxy } from "./proxy";
import { Router } from "./router";
import { readSettings } from "./settings";
import { WebSocketProxy } from "./websocket";

const log = nginxLog();

/** A data plane: serves what its control plane's database says, and goes on with it when the control plane is away. */
async function main(): Promise<void> {
  const version = versionArgument();
  const pod = readPod();
  const settings = readSettings(pod);
  const instanceId = randomUUID();
  const metrics = new Metrics();
  const plugins: PluginState = { local: new LocalCounters(), redis: new RedisCounters(pod), log, reported: new Set() };

  const proxy = new Proxy(
    pod,
    version,
    new Router(new Configuration(), plugins),
    metrics,
    log,
    GatewayFaults.watch(pod),
  );
  const webSockets = new WebSocketProxy(proxy, log);
  const listeners = new Listeners(pod, proxy, webSockets, settings.keepAliveMs, log);
  const controlPlane = new ControlPlane(pod, settings, { instanceId, runId: randomUUID(), version });
  const agent = new ControlPlaneAgent(pod, settings, controlPlane, instanceId, metrics, log, (configuration) => {
    proxy.use(new Router(configuration, plugins));
    listeners.useCertificates(configuration.ssls.values());
  });
  // Ports open once there is something to serve: a request that comes earlier would be a 404.
  await agent.start();
  await listeners.openTraffic(settings.proxy, settings.proxyTls);
  if (settings.status) {
    await listeners.openHelper(
      settings.status,
      statusHandler(
        () => agent.synced,
        () => agent.anyReachable(),
      ),
    );
  }
  await listeners.openHelper(settings.metrics, (request, response) => {
    if (request.url !== settings.metrics.path) {
      response.writeHead(404).end();
      return;
    }
    const text = metrics.render(settings.metrics.prefix, {
      instanceId,
      gatewayGroupId: agent.gatewayGroupId,
      hostname: pod.name,
      version,
      etcdReachable: agent.reachable,
      modifyIndexes: agent.configuration.modifyIndexes,
      // As nginx counts it, the connection that asks is one of the active ones.
      connections: {
        active: listeners.open + 1,
        waiting: Math.max(0, listeners.open - proxy.active - webSockets.open),
      },
    });
    response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
  });
  agent.run();
  log(
    "info",
    `serving ${agent.configuration.routes.size} routes of revision ${agent.configuration.modifyIndexes.get("routes") ?? 0}`,
  );

  onStop(log, async () => {
    await listeners.drain(settings.shutdownMs);
    agent.stop();
    plugins.redis.end();
  });
}

runPod(log, main);
