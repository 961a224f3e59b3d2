import { PROBE_NAME } from "../../../checks/clients/probeFormat";
import { type KubernetesCluster } from "../kubernetes";
import { type MetricsServers } from ".";
import { type Cluster } from "./methods";

/** What `podCommand` runs as a data plane. */
const GATEWAY_IMAGE = /(^|\/)api7\/api7-ee-3-gateway:/;
/** Pods for checks from within have the gateway's image too, and nothing to scrape. */
const NAME_LABEL = "app.kubernetes.io/name";
const LOOK_MS = 500;

/** What each metrics server knows of the gateways there are, kept current until `stop`. */
export interface Discovery {
  stop(): Promise<void>;
}

/** Service discovery: every gateway pod of a cluster that is not on its way out is scraped. */
export function scrapeClusters(
  servers: Pick<MetricsServers, "usePods">,
  clusters: Readonly<Record<Cluster, Pick<KubernetesCluster, "pods">>>,
): Discovery {
  let looking: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    for (const cluster of ["a", "b"] as const) {
      const pods = clusters[cluster].pods().flatMap(({ name, namespace, ip, image, labels, terminating }) => {
        const isGateway = GATEWAY_IMAGE.test(image) && labels[NAME_LABEL] !== PROBE_NAME;
        return ip === undefined || terminating || !isGateway ? [] : [{ namespace, name, ip }];
      });
      // A server that is gone is seen by whoever asks it.
      await servers.usePods(cluster, pods).catch(() => undefined);
    }
  };
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
