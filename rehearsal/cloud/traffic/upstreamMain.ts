import { serveParent } from "../loadBalancer/childProcess";
import { type UpstreamMethods } from "./methods";
import { UpstreamServer } from "./upstreamServer";

/** The upstream's process: started by `Upstream`, ends with it. */
serveParent<UpstreamMethods>({
  start: async ({ address, port, meanMs }) => {
    await UpstreamServer.start(address, port, meanMs);
    return null;
  },
});
