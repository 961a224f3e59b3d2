import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import sdk from "@pulumi/pulumi/package.json";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import { LanguageHostService } from "./service";

/**
 * A stand-in for `pulumi-language-nodejs`, the program that every `pulumi preview` and `pulumi up` of a Node project starts.
 * The official installer brings the real one with the CLI; a CLI built from its Go module has none. This one takes its
 * place in the rehearsal and the tests, so that the plain CLI can be tried on a machine without internet access. It is
 * for the SDK's very version, and behaves as the real one of that version where it answers at all:
 *
 * - it answers what preview, up, refresh and destroy of a program need; installing dependencies, generating code, policy
 *   packs, `pulumi about`'s list of dependencies and plugins written in TypeScript are UNIMPLEMENTED;
 * - it attaches no debugger, passes on no OpenTelemetry span, and does not explain a Node that ran out of memory;
 * - it runs on Linux and macOS.
 *
 * Called as the engine calls it: `pulumi-language-nodejs [--tracing URL] [--logtostderr] [-v=N] ENGINE_ADDRESS`. It
 * prints one line with its port, and ends when the engine does: at the end of standard input or at a signal.
 * `--version` prints the version and ends.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      tracing: { type: "string" },
      // The engine hands these on to every plugin; there is nothing to log here that the operator does not see anyway.
      logtostderr: { type: "boolean" },
      verbose: { type: "string", short: "v" },
      version: { type: "boolean" },
    },
    allowPositionals: true,
  });
  if (values.version === true) {
    process.stdout.write(`v${sdk.version}\n`);
    return;
  }
  const [engine] = positionals;
  const cancellation = new AbortController();
  const host = new LanguageHostService({
    version: sdk.version,
    engine,
    tracing: values.tracing,
    env: process.env,
    cancellation,
  });
  const server = new grpc.Server();
  server.addService(LanguageRuntimeService, { ...host.service() });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  endWithEngine(host, cancellation, engine !== undefined);
  process.stdout.write(`${port}\n`);
}

/** How long a program that runs may take to end once the engine is gone, in ms: it is killed after 5 s. */
const GRACE_MS = 6_000;

function endWithEngine(host: LanguageHostService, cancellation: AbortController, startedByEngine: boolean): void {
  const end = (why: string): void => {
    cancellation.abort(new Error(why));
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    // Not by the server's own `tryShutdown`: it waits for ever when the engine closes its connection at the same moment,
    // which it does, and then the engine waits 5 s before it kills.
    void host.idle().then(() => process.exit(0));
  };
  if (startedByEngine) {
    process.stdin.once("end", () => end("the engine is gone"));
    process.stdin.resume();
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => end(`the engine ended the language host (${signal})`));
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
