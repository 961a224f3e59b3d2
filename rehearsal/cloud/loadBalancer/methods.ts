import { type LoadBalancerConfig, type LoadBalancerState } from "./types";

/** What the load balancer's process can be asked. (A type alias: an interface would not fit `Methods`.) */
export type LoadBalancerMethods = {
  readonly start: {
    readonly request: { readonly pace: number; readonly propagationMs: number };
    readonly answer: null;
  };
  readonly apply: { readonly request: LoadBalancerConfig; readonly answer: null };
  readonly state: { readonly request: null; readonly answer: LoadBalancerState };
};
