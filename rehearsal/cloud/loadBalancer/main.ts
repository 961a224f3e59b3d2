import { Balancer } from "./balancer";
import { logToParent, serveParent } from "./childProcess";
import { type LoadBalancerMethods } from "./methods";

/** The load balancer's process: started by `LoadBalancerProcess`, ends with it. */
let balancer: Balancer | undefined;

function started(): Balancer {
  if (balancer === undefined) {
    throw new Error("the load balancer was asked before it was started");
  }
  return balancer;
}

serveParent<LoadBalancerMethods>({
  start: (options) => {
    balancer = new Balancer({ ...options, log: logToParent });
    return null;
  },
  apply: async (config) => {
    await started().apply(config);
    return null;
  },
  state: () => started().state(),
});
