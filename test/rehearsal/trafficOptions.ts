import { type LoadOptions, type TrafficSample } from "../../rehearsal/cloud/traffic";
import { PORT } from "./trafficFixture";

export function sample(kind: TrafficSample["kind"], path = `/${kind}/1`): TrafficSample {
  return { service: kind, host: `${kind}.example.com`, path, headers: { apikey: "k" }, weight: 1, kind };
}

export const catalogue = [sample("plain"), sample("slow"), sample("stream"), sample("websocket")];

/** Options of a load that sends nothing, to be changed. */
export function options(address: string, change: Partial<LoadOptions> = {}): LoadOptions {
  return {
    url: `http://${address}:${PORT}`,
    ratePerSecond: 0,
    catalogue,
    maxSeconds: 30,
    slow: { perSecond: 0, minSeconds: 0.1, maxSeconds: 0.3 },
    streams: 0,
    websockets: 0,
    ...change,
  };
}
