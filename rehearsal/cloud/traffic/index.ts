/** The two ends of the rehearsal's traffic: the upstream services behind the gateways, and the load on the load balancer. */
export type {
  Failure,
  LatencySummary,
  LoadOptions,
  LoadSecond,
  LoadSnapshot,
  LongRequest,
  TrafficSample,
} from "./types";
export { Load } from "./load";
export { Upstream } from "./upstream";
