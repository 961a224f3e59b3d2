import * as grpc from "@grpc/grpc-js";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";

/** The engine's own limit for one message: 400 MB (facts/pulumi.md 2). */
const MESSAGE_LIMITS = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

/** The trailer in which gRPC carries the details of an error: the SDK reads failed properties from it. */
const DETAILS = "grpc-status-details-bin";

/** A resource monitor that the program talks to. */
export interface MonitorProxy {
  /** As `127.0.0.1:34567`. */
  readonly address: string;
  /** Ends every call and frees the port. */
  close(): void;
}

/**
 * Serves a resource monitor that hands every call on to the engine's, message by message, without looking into it.
 *
 * It is there because the real host has one: to a registration of a resource it adds the mark `pulumi-runtime: nodejs`, by
 * which the engine knows how this SDK writes aliases. Deadlines and cancelled calls reach the engine, and its errors come
 * back with their details.
 *
 * @param engineMonitor the engine's monitor, as `127.0.0.1:34567`
 */
export async function serveMonitorProxy(engineMonitor: string): Promise<MonitorProxy> {
  const client = new grpc.Client(engineMonitor, grpc.credentials.createInsecure(), MESSAGE_LIMITS);
  const server = new grpc.Server(MESSAGE_LIMITS);
  const methods = Object.entries(ResourceMonitorService).map(([name, { path }]) => [name, path] as const);
  server.addService(
    Object.fromEntries(methods.map(([name, path]) => [name, bytesMethod(path)])),
    Object.fromEntries(methods.map(([name, path]) => [name, handOn(client, path)])),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    close: () => {
      server.forceShutdown();
      client.close();
    },
  };
}

/** All methods of the monitor take one message and answer one. */
function bytesMethod(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function handOn(client: grpc.Client, path: string): grpc.handleUnaryCall<Buffer, Buffer> {
  const marked = path === ResourceMonitorService.registerResource.path;
  return (call, callback) => {
    const metadata = new grpc.Metadata();
    if (marked) {
      metadata.set("pulumi-runtime", "nodejs");
    }
    client.makeUnaryRequest(path, same, same, call.request, metadata, { parent: call }, (error, response) => {
      if (error === null) {
        callback(null, response);
      } else {
        callback({ code: error.code, details: error.details, metadata: detailsOf(error.metadata) });
      }
    });
  };
}

function detailsOf(trailers: grpc.Metadata): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const value of trailers.get(DETAILS)) {
    metadata.add(DETAILS, value);
  }
  return metadata;
}
