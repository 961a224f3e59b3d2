import * as grpc from "@grpc/grpc-js";
import { ResourceMonitorClient, ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import {
  RegisterResourceRequest,
  RegisterResourceResponse,
  ResourceCallRequest,
  ResourceInvokeRequest,
  SupportsFeatureRequest,
  SupportsFeatureResponse,
} from "@pulumi/pulumi/proto/resource_pb";

/** A resource monitor as an engine has it, with four calls: two that answer, one that fails, one that never ends. */
export class FakeMonitor {
  /** The values of the header `pulumi-runtime`, by call. */
  readonly runtimes: Record<string, grpc.MetadataValue[]> = {};
  /** Resolves when the call that never ends was cancelled by its caller. */
  readonly cancelled: Promise<boolean>;
  private readonly server = new grpc.Server();
  private port = 0;

  private constructor() {
    let onCancelled: (value: boolean) => void = () => undefined;
    this.cancelled = new Promise((resolve) => {
      onCancelled = resolve;
    });
    const note = (name: string, call: { readonly metadata: grpc.Metadata }): void => {
      this.runtimes[name] = call.metadata.get("pulumi-runtime");
    };
    const supportsFeature: grpc.handleUnaryCall<SupportsFeatureRequest, SupportsFeatureResponse> = (call, callback) => {
      note("supportsFeature", call);
      callback(null, new SupportsFeatureResponse().setHassupport(call.request.getId() === "resourceHooks"));
    };
    const registerResource: grpc.handleUnaryCall<RegisterResourceRequest, RegisterResourceResponse> = (
      call,
      callback,
    ) => {
      note("registerResource", call);
      callback(null, new RegisterResourceResponse().setUrn(`urn:of:${call.request.getName()}`));
    };
    const invoke: grpc.handleUnaryCall<ResourceInvokeRequest, never> = (_, callback) => {
      const metadata = new grpc.Metadata();
      metadata.add("grpc-status-details-bin", Buffer.from("the details"));
      callback({ code: grpc.status.INVALID_ARGUMENT, details: "no such token", metadata });
    };
    const call: grpc.handleUnaryCall<ResourceCallRequest, never> = (running) => {
      running.once("cancelled", () => onCancelled(true));
    };
    this.server.addService(ResourceMonitorService, { supportsFeature, registerResource, invoke, call });
  }

  static async start(): Promise<FakeMonitor> {
    const monitor = new FakeMonitor();
    monitor.port = await new Promise((resolve, reject) => {
      monitor.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) {
          resolve(port);
        } else {
          reject(error);
        }
      });
    });
    return monitor;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): void {
    this.server.forceShutdown();
  }
}

/** The program's side of a monitor. */
export class MonitorCalls {
  private readonly client: ResourceMonitorClient;

  constructor(address: string) {
    this.client = new ResourceMonitorClient(address, grpc.credentials.createInsecure());
  }

  close(): void {
    this.client.close();
  }

  supportsFeature(id: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.client.supportsFeature(new SupportsFeatureRequest().setId(id), (error, response) =>
        error === null ? resolve(response.getHassupport()) : reject(error),
      );
    });
  }

  /** @returns the URN */
  registerResource(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.client.registerResource(new RegisterResourceRequest().setName(name), (error, response) =>
        error === null ? resolve(response.getUrn()) : reject(error),
      );
    });
  }

  /** @returns the error of the call that fails */
  failure(): Promise<grpc.ServiceError> {
    return new Promise((resolve, reject) => {
      this.client.invoke(new ResourceInvokeRequest(), (error) =>
        error === null ? reject(new Error("the call did not fail")) : resolve(error),
      );
    });
  }

  /** Makes the call that never ends, and gives it up after a moment. */
  callAndCancel(): Promise<void> {
    return new Promise((resolve) => {
      const call = this.client.call(new ResourceCallRequest(), () => resolve());
      setTimeout(() => call.cancel(), 100);
    });
  }
}
