import * as rpc from "@pulumi/pulumi/runtime/settings";

/**
 * Gives every gRPC client of the Pulumi SDK in this process connections of its own.
 *
 * By default all clients of a process share connections by address. A process that runs many engine operations meets a
 * port number again sooner or later; a client of an engine that is gone then still tries to reach it, and the new
 * client inherits that failure: `14 UNAVAILABLE: No connection established. Last error: null`, before it has tried.
 * The SDK offers no setting for it, but it reads these two objects whenever it makes a client.
 */
export function useOwnConnections(): void {
  const settings: Readonly<Record<string, unknown>> = { ...rpc };
  for (const name of ["grpcChannelOptions", "grpcClientOptions"]) {
    const options = settings[name];
    if (typeof options !== "object" || options === null) {
      throw new Error(
        `@pulumi/pulumi/runtime/settings has no "${name}": the SDK has changed; see how it makes its gRPC clients now`,
      );
    }
    Object.assign(options, { "grpc.use_local_subchannel_pool": 1 });
  }
}
