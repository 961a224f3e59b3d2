import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { EngineClient, EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { GetRootResourceRequest, GetRootResourceResponse } from "@pulumi/pulumi/proto/engine_pb.js";
import * as rpc from "@pulumi/pulumi/runtime/settings";
import { useOwnConnections } from "../../rehearsal/engine";

/** The options that the SDK gives its clients now. */
function clientOptions(): grpc.ClientOptions {
  return { ...(rpc as unknown as { readonly grpcClientOptions: grpc.ClientOptions }).grpcClientOptions };
}

/** An engine that is gone, and a new one on the same port, asked at once: what the second one's client gets. */
async function askedAgain(options: grpc.ClientOptions): Promise<string> {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const address = `127.0.0.1:${String((free.address() as AddressInfo).port)}`;
  free.close();
  await once(free, "close");
  const ask = (client: EngineClient): Promise<string> =>
    new Promise((resolve) => {
      client.getRootResource(new GetRootResourceRequest(), (error: grpc.ServiceError | null) => {
        resolve(error === null ? "answered" : error.message);
      });
    });
  const gone = new EngineClient(address, grpc.credentials.createInsecure(), options);
  assert.match(await ask(gone), /ECONNREFUSED/);
  const server = new grpc.Server();
  server.addService(EngineService, {
    getRootResource: (_call: unknown, answer: grpc.sendUnaryData<GetRootResourceResponse>) => {
      answer(null, new GetRootResourceResponse());
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const next = new EngineClient(address, grpc.credentials.createInsecure(), options);
  const answer = await ask(next);
  gone.close();
  next.close();
  server.forceShutdown();
  return answer;
}

describe("connections to the engine", () => {
  it("are of each client's own: a new engine on the port of one that is gone is reached", async () => {
    const shared = clientOptions();
    delete shared["grpc.use_local_subchannel_pool"];
    assert.match(await askedAgain(shared), /14 UNAVAILABLE: No connection established. Last error: null/);
    useOwnConnections();
    assert.equal(await askedAgain(clientOptions()), "answered");
  });
});
