import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { EngineLog } from "./engineLog";
import { Provider } from "./provider";
import { loadSchema } from "./schema";
import { Calls, providerService } from "./service";
import { type ProviderDefinition } from "./types";

/** The engine's own limit for one message: 400 MB (facts/pulumi.md 2). */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

/** How long calls that were running may take to end once the engine is gone, in ms. The engine kills after 5 s. */
const GRACE_MS = 4000;

/**
 * Serves a provider to the Pulumi engine that started this process: prints one line with the port, answers on it, and
 * ends when the engine does. The engine's address is the last argument of the process; its end shows as the end of
 * standard input or as a signal. Calls that still run then are cancelled by their context's signal.
 *
 * Resolves when the port is printed.
 *
 * @throws when the definition and its schema do not fit, or no port can be had
 */
export async function serveProvider(definition: ProviderDefinition): Promise<void> {
  const engine = process.argv.at(-1);
  if (process.argv.length < 3 || engine === undefined) {
    throw new Error(`The plugin "${definition.name}" wants the engine's address as its last argument.`);
  }
  const provider = new Provider(definition, definition.schema ?? loadSchema(definition.name));
  const cancellation = new AbortController();
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  });
  const calls = new Calls();
  const service = providerService(provider, { log: new EngineLog(engine), cancellation, calls });
  server.addService(ResourceProviderService, { ...service });

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  endWithEngine(cancellation, calls);
  process.stdout.write(`${port}\n`);
}

/** Ends this process when the engine does: first what runs is cancelled, and may tidy up after itself. */
function endWithEngine(cancellation: AbortController, calls: Calls): void {
  const end = (why: string): void => {
    cancellation.abort(new Error(why));
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    void calls.idle().then(() => process.exit(0));
  };
  process.stdin.once("end", () => end("The engine is gone."));
  process.stdin.resume();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => end(`The engine ended the plugin (${signal}).`));
  }
}
