import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { type Severity } from "./types";

const SEVERITIES: Readonly<Record<Severity, LogSeverity>> = {
  status: LogSeverity.INFO,
  info: LogSeverity.INFO,
  warning: LogSeverity.WARNING,
  error: LogSeverity.ERROR,
};

/** Lines for the operator, sent to the engine in the order of the calls. */
export class EngineLog {
  private client: EngineClient | undefined;
  private sent: Promise<void> = Promise.resolve();

  /** `address` is the engine's, as `127.0.0.1:34567`. The connection is made with the first line. */
  constructor(private readonly address: string) {}

  /** A line that cannot be delivered goes to standard error, which the engine keeps with its own debug log. */
  log(severity: Severity, message: string, urn: string): void {
    const request = new LogRequest()
      .setSeverity(SEVERITIES[severity])
      .setMessage(message)
      .setUrn(urn)
      .setEphemeral(severity === "status");
    this.client ??= new EngineClient(this.address, grpc.credentials.createInsecure());
    const client = this.client;
    this.sent = this.sent.then(
      () =>
        new Promise((resolve) => {
          client.log(request, (error) => {
            if (error !== null) {
              process.stderr.write(`${severity}: ${message} (not delivered to the engine: ${error.message})\n`);
            }
            resolve();
          });
        }),
    );
  }

  /** Resolves when every line logged so far was taken by the engine. */
  async flush(): Promise<void> {
    await this.sent;
  }
}
