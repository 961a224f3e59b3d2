import { logToParent, serveParent } from "../loadBalancer/childProcess";
import { type Cluster, type MetricsMethods } from "./methods";
import { Scraper } from "./scraper";
import { MetricsServer } from "./server";

/** The process of the metrics servers: started by `MetricsServers`, ends with it. */
const running = new Map<Cluster, { readonly scraper: Scraper; readonly server: MetricsServer }>();

function of(cluster: Cluster): { readonly scraper: Scraper; readonly server: MetricsServer } {
  const found = running.get(cluster);
  if (found === undefined) throw new Error(`the metrics server of cluster ${cluster} was asked before it was started`);
  return found;
}

serveParent<MetricsMethods>({
  start: async ({ addresses, port, periodMs, exporter }) => {
    for (const cluster of ["a", "b"] as const) {
      const scraper = new Scraper({ cluster, periodMs, exporter, log: logToParent });
      const server = new MetricsServer(addresses[cluster], port, () => scraper.targets());
      await server.listen();
      running.set(cluster, { scraper, server });
    }
    return null;
  },
  pods: ({ cluster, pods }) => {
    of(cluster).scraper.use(pods);
    return null;
  },
  fault: async ({ cluster, fault }) => {
    const { scraper, server } = of(cluster);
    scraper.pause(fault?.kind === "down");
    await server.useFault(fault ?? undefined);
    return null;
  },
  cost: ({ cluster, factor }) => {
    of(cluster).scraper.costFactor = factor;
    return null;
  },
});
