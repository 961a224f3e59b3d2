import type * as grpc from "@grpc/grpc-js";
import { type IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { ConfigureResponse, CreateResponse, InvokeResponse, UpdateResponse } from "@pulumi/pulumi/proto/provider_pb";
import { type EngineLog } from "./engineLog";
import { toInitFailed, toServiceError } from "./errors";
import { checkResponse, diffResponse, empty, pluginInfo, readResponse } from "./messages";
import { type Provider } from "./provider";
import { PartialFailure, type Props, type ResourceContext } from "./types";
import { fromStruct, toStruct } from "./values";

/** The calls of the engine's provider protocol that a plugin answers; gRPC answers all others with UNIMPLEMENTED. */
export type ProviderService = Pick<
  IResourceProviderServer,
  | "getPluginInfo"
  | "checkConfig"
  | "diffConfig"
  | "configure"
  | "check"
  | "diff"
  | "create"
  | "read"
  | "update"
  | "delete"
  | "invoke"
  | "cancel"
>;

export interface ServiceOptions {
  readonly log: EngineLog;
  /** Aborted by the engine's cancel, and by whoever serves when the engine goes away. */
  readonly cancellation: AbortController;
  /** Gets every call of this service. */
  readonly calls: Calls;
}

/** What the calls about a resource have in common. */
interface ResourceRequest {
  getUrn(): string;
  getType(): string;
}

/** The calls that run. */
export class Calls {
  private running = 0;
  private waiting: (() => void)[] = [];

  /** Resolves when no call runs, which may be at once. */
  async idle(): Promise<void> {
    if (this.running > 0) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  async during(call: () => Promise<void>): Promise<void> {
    this.running++;
    try {
      await call();
    } finally {
      this.running--;
      if (this.running === 0) {
        this.waiting.splice(0).forEach((resolve) => resolve());
      }
    }
  }
}

/** A unary call by a function that may throw. Lines that it logged reach the engine before its answer. */
function answer<Request, Response>(
  { log, calls }: ServiceOptions,
  work: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    void calls.during(async () => {
      try {
        const response = await work(call.request);
        await log.flush();
        callback(null, response);
      } catch (error) {
        await log.flush();
        callback(error instanceof GrpcError ? error.serviceError : toServiceError(error));
      }
    });
  };
}

/** An error whose form on the wire is already decided. */
class GrpcError extends Error {
  constructor(readonly serviceError: Partial<grpc.ServiceError>) {
    super(serviceError.details);
  }
}

/** The gRPC side of a provider. One service serves one provider resource of one operation. */
export function providerService(provider: Provider, options: ServiceOptions): ProviderService {
  const { log, cancellation } = options;
  let config: Props = {};

  const context = (urn: string, timeoutSeconds = 0, dryRun = false): ResourceContext => ({
    signal: cancellation.signal,
    config,
    dryRun,
    log: (severity, message, about = urn) => log.log(severity, message, about),
    urn,
    ...(timeoutSeconds > 0 && { timeoutSeconds }),
  });

  /** Turns a partial failure of a resource into its form on the wire. */
  const reporting = async <Result>(
    request: ResourceRequest,
    inputs: Props,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PartialFailure) {
        const outputs = provider.complete(request.getType(), inputs, error.outputs);
        throw new GrpcError(toInitFailed(error, outputs, inputs));
      }
      throw error;
    }
  };

  return {
    getPluginInfo: answer(options, () => pluginInfo(provider.definition.version)),

    checkConfig: answer(options, (request) => checkResponse(provider.checkConfig(fromStruct(request.getNews())))),

    diffConfig: answer(options, (request) =>
      diffResponse(
        provider.diffConfig(
          fromStruct(request.getOldInputs()),
          fromStruct(request.getNews()),
          request.getIgnorechangesList(),
        ),
      ),
    ),

    configure: answer(options, async (request) => {
      config = await provider.configure(fromStruct(request.getArgs()));
      return new ConfigureResponse().setSupportspreview(true);
    }),

    check: answer(options, async (request) => {
      const olds = fromStruct(request.getOlds());
      const news = fromStruct(request.getNews());
      // The engine sends an empty struct for a resource that does not exist yet.
      const before = Object.keys(olds).length > 0 ? olds : undefined;
      return checkResponse(await provider.check(request.getType(), news, before, context(request.getUrn())));
    }),

    diff: answer(options, (request) =>
      diffResponse(
        provider.diff(
          request.getType(),
          fromStruct(request.getOldInputs()),
          fromStruct(request.getNews()),
          request.getIgnorechangesList(),
        ),
      ),
    ),

    create: answer(options, async (request) => {
      const inputs = fromStruct(request.getProperties());
      if (request.getPreview()) {
        return new CreateResponse().setProperties(toStruct(provider.previewCreate(request.getType(), inputs)));
      }
      const ctx = context(request.getUrn(), request.getTimeout());
      const created = await reporting(request, inputs, () => provider.create(request.getType(), inputs, ctx));
      return new CreateResponse().setId(created.id).setProperties(toStruct(created.outputs));
    }),

    read: answer(options, async (request) => {
      const state = fromStruct(request.getProperties());
      const inputs = request.hasInputs() ? fromStruct(request.getInputs()) : undefined;
      const ctx = context(request.getUrn(), request.getTimeout());
      return readResponse(await provider.read(request.getType(), request.getId(), state, inputs, ctx));
    }),

    update: answer(options, async (request) => {
      const oldOutputs = fromStruct(request.getOlds());
      const oldInputs = fromStruct(request.getOldInputs());
      const news = fromStruct(request.getNews());
      const token = request.getType();
      if (request.getPreview()) {
        const expected = provider.previewUpdate(token, oldOutputs, oldInputs, news);
        return new UpdateResponse().setProperties(toStruct(expected));
      }
      const ctx = context(request.getUrn(), request.getTimeout());
      const outputs = await reporting(request, news, () =>
        provider.update(token, request.getId(), oldOutputs, news, oldInputs, ctx),
      );
      return new UpdateResponse().setProperties(toStruct(outputs));
    }),

    delete: answer(options, async (request) => {
      const ctx = context(request.getUrn(), request.getTimeout());
      await provider.delete(request.getType(), request.getId(), fromStruct(request.getProperties()), ctx);
      return empty();
    }),

    invoke: answer(options, async (request) => {
      const args = fromStruct(request.getArgs());
      const results = await provider.invoke(request.getTok(), args, context("", 0, request.getPreview()));
      return new InvokeResponse().setReturn(toStruct(results));
    }),

    // Answers and goes on serving: what still runs ends by the signal and reports how.
    cancel: answer(options, () => {
      cancellation.abort(new Error("The engine cancelled the operation."));
      return empty();
    }),
  };
}
