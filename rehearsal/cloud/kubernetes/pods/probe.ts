import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { V1Container, V1Probe } from "@kubernetes/client-node";

/** Shortest time between two probes, in milliseconds, however fast time runs. */
const SHORTEST_PERIOD_MS = 200;

/** What a probe saw: whether it succeeded, and why not. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

function portNumber(container: V1Container, port: number | string): number | undefined {
  const number = Number(port);
  return Number.isInteger(number) && number > 0
    ? number
    : container.ports?.find(({ name }) => name === port)?.containerPort;
}

/** One look. Certificates are not checked, as the kubelet does not. */
async function look(container: V1Container, address: string, probe: V1Probe): Promise<ProbeResult> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  const { httpGet, tcpSocket } = probe;
  const wanted: number | string = httpGet?.port ?? tcpSocket?.port ?? "";
  const port = portNumber(container, wanted);
  if (port === undefined) {
    return { ok: false, message: `no port "${wanted}" in container "${container.name}"` };
  }
  return new Promise<ProbeResult>((resolve) => {
    const fail = (message: string): void => resolve({ ok: false, message });
    if (httpGet === undefined) {
      const socket = connect({ host: address, port, timeout }, () => {
        socket.destroy();
        resolve({ ok: true, message: "" });
      });
      socket.once("error", (error) => fail(error.message));
      socket.once("timeout", () => {
        socket.destroy();
        fail(`dial tcp ${address}:${port}: i/o timeout`);
      });
      return;
    }
    const send = httpGet.scheme === "HTTPS" ? httpsRequest : httpRequest;
    const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const request = send({
      host: httpGet.host ?? address,
      port,
      path: httpGet.path ?? "/",
      headers: { "user-agent": "kube-probe/1.33", ...headers },
      rejectUnauthorized: false,
      agent: false,
      signal: AbortSignal.timeout(timeout),
    });
    request.once("response", (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      response.once("error", (error) => fail(error.message));
      response.once("end", () => {
        const ok = statusCode >= 200 && statusCode < 400;
        resolve({ ok, message: ok ? "" : `HTTP probe failed with statuscode: ${statusCode}` });
      });
    });
    request.once("error", (error) => fail(error.name === "TimeoutError" ? "context deadline exceeded" : error.message));
    request.end();
  });
}

export interface ProbeOptions {
  readonly container: V1Container;
  readonly address: string;
  readonly probe: V1Probe;
  /** Divides delay and period, not the timeout of a look. */
  readonly pace: number;
  /** Called when as many looks in a row as the threshold says gave the other result than before. */
  readonly onChange: (result: ProbeResult) => void;
}

/** Looks again and again whether a container is well. Starts as neither. */
export class ProbeLoop {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private state: boolean | undefined;
  private inARow = { ok: true, count: 0 };

  constructor(private readonly options: ProbeOptions) {
    this.next(((options.probe.initialDelaySeconds ?? 0) * 1000) / options.pace);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private next(delayMs: number): void {
    if (!this.stopped) {
      this.timer = setTimeout(() => void this.turn(), delayMs);
    }
  }

  private async turn(): Promise<void> {
    const { container, address, probe, pace } = this.options;
    const result = await look(container, address, probe);
    if (!this.stopped) {
      this.count(result);
      this.next(Math.max(((probe.periodSeconds ?? 10) * 1000) / pace, SHORTEST_PERIOD_MS));
    }
  }

  private count(result: ProbeResult): void {
    const { probe, onChange } = this.options;
    this.inARow = { ok: result.ok, count: this.inARow.ok === result.ok ? this.inARow.count + 1 : 1 };
    const threshold = result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (this.inARow.count >= threshold && this.state !== result.ok) {
      this.state = result.ok;
      onChange(result);
    }
  }
}
