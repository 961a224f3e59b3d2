import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import { type Socket } from "node:net";
import { type Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import {
  type Action,
  type LoadBalancerConfig,
  LoadBalancerProcess,
  type RuleConfig,
  type TargetGroupConfig,
  type TargetGroupCounters,
} from "../../rehearsal/cloud/loadBalancer";

/** Test files run in one process, one after the other: one network for all of them, away from those of other runs. */
const network = `127.${60 + Math.floor(Math.random() * 61)}`;
let lastHost = 0;

/** A loopback address that no other test of this process has used. */
export function freshAddress(): string {
  lastHost += 1;
  return `${network}.${100 + Math.floor(lastHost / 250)}.${1 + (lastHost % 250)}`;
}

/** Waits until `holds` does, looking every 10 ms. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await holds());) {
    if (Date.now() > end) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await wait(10);
  }
}

/** A server on a loopback address that answers its health checks and whatever the test says. */
export interface TestTarget {
  readonly id: string;
  readonly port: number;
  /** Requests it saw, health checks excluded. */
  seen: number;
  /** Status of its health checks. */
  health: number;
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Stops listening and cuts every connection. */
  kill(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export const PORT = 9080;
export const HEALTH_PATH = "/status";

export async function startTarget(
  handler: Handler,
  upgrade: UpgradeHandler = (_request, socket) => socket.destroy(),
  address = freshAddress(),
): Promise<TestTarget> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ keepAliveTimeout: 75_000 });
  const target: TestTarget = {
    id: address,
    port: PORT,
    seen: 0,
    health: 200,
    sockets,
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sockets.forEach((socket) => socket.resetAndDestroy());
      }),
  };
  server.on("request", (request, response) => {
    if (request.url === HEALTH_PATH) {
      response.writeHead(target.health, { "Content-Length": 0 }).end();
      return;
    }
    target.seen += 1;
    handler(request, response);
  });
  server.on("upgrade", (request, socket, head) => {
    target.seen += 1;
    upgrade(request, socket, head);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(PORT, address, () => resolve());
  });
  return target;
}

/** A target that answers its name; a request for `/wait` is answered when the test says `finish`. */
export async function startNamed(name: string): Promise<TestTarget & { readonly finish: () => void }> {
  const waiting: (() => void)[] = [];
  const target = await startTarget((request, response) => {
    const answer = (): void => void response.end(name);
    if (request.url === "/wait") {
      waiting.push(answer);
    } else {
      answer();
    }
  });
  return Object.assign(target, { finish: () => waiting.splice(0).forEach((answer) => answer()) });
}

/** A gateway of one cluster: passes everything on to the upstream, and says which cluster it is. */
export function startGateway(
  cluster: "a" | "b",
  upstream: { readonly address: string; readonly port: number },
): Promise<TestTarget> {
  const to = (request: IncomingMessage): RequestOptions => ({
    host: upstream.address,
    port: upstream.port,
    method: request.method,
    path: request.url,
    headers: request.rawHeaders,
    agent: false,
  });
  return startTarget(
    (request, response) => {
      const outgoing = httpRequest(to(request), (answer) => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "x-rehearsal-cluster": cluster });
        response.flushHeaders();
        answer.pipe(response);
      });
      outgoing.on("error", () => response.destroy());
      response.on("close", () => outgoing.destroy());
      request.pipe(outgoing);
    },
    (request, socket) => {
      const outgoing = httpRequest(to(request));
      outgoing.on("upgrade", (answer, other) => {
        const accept = answer.headers["sec-websocket-accept"] ?? "";
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
            `Sec-WebSocket-Accept: ${accept}\r\nx-rehearsal-cluster: ${cluster}\r\n\r\n`,
        );
        socket.pipe(other).pipe(socket);
        socket.on("error", () => other.destroy());
        other.on("error", () => socket.destroy());
      });
      outgoing.on("error", () => socket.destroy());
      outgoing.end();
    },
  );
}

export function group(
  arn: string,
  targets: readonly { readonly id: string; readonly port: number }[],
  deregistrationDelaySeconds = 300,
): TargetGroupConfig {
  return {
    arn,
    healthCheck: {
      path: HEALTH_PATH,
      port: "traffic-port",
      protocol: "HTTP",
      intervalSeconds: 5,
      // Long: a busy computer must not make a target unhealthy. A wrong status or a refused connection is seen at once.
      timeoutSeconds: 10,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: "200",
    },
    deregistrationDelaySeconds,
    targets: targets.map(({ id, port }) => ({ id, port })),
  };
}

export function forward(weights: Readonly<Record<string, number>>, stickySeconds?: number): Action {
  return {
    type: "forward",
    forward: {
      groups: Object.entries(weights).map(([arn, weight]) => ({ arn, weight })),
      ...(stickySeconds === undefined ? {} : { stickiness: { enabled: true, durationSeconds: stickySeconds } }),
    },
  };
}

export function rule(
  priority: RuleConfig["priority"],
  action: Action,
  conditions: Partial<RuleConfig> = {},
): RuleConfig {
  return { arn: `rule-${priority}`, priority, hosts: [], paths: [], methods: [], headers: [], ...conditions, action };
}

/** A load balancer with one listener, whose default rule is `action`. */
export function balancerConfig(
  address: string,
  action: Action,
  targetGroups: readonly TargetGroupConfig[],
  rules: readonly RuleConfig[] = [],
): LoadBalancerConfig {
  return {
    address,
    idleTimeoutSeconds: 60,
    listeners: [{ arn: "listener", port: PORT, rules: [...rules, rule("default", action)] }],
    targetGroups,
  };
}

/** The load balancer's process, and when its configurations are in effect. */
export class TestBalancer {
  readonly log: string[];
  readonly process: LoadBalancerProcess;

  private constructor(process: LoadBalancerProcess, log: string[]) {
    this.process = process;
    this.log = log;
  }

  static async start(pace: number): Promise<TestBalancer> {
    const log: string[] = [];
    const options = { pace, propagationMs: 20, log: (line: string): void => void log.push(line) };
    return new TestBalancer(await LoadBalancerProcess.start(options), log);
  }

  /** Applies, and waits until it is in effect and every target has been looked at. Returns the listener's address. */
  async use(config: LoadBalancerConfig): Promise<string> {
    const effects = (): number => this.log.filter((line) => line.startsWith("configuration in effect")).length;
    const before = effects();
    await this.process.apply(config);
    await until("configuration in effect", () => effects() > before);
    await until("targets are looked at", async () => {
      const { targets } = await this.process.state();
      return Object.values(targets)
        .flat()
        .every(({ state }) => state !== "initial");
    });
    return config.address;
  }

  /** The states of a group's targets, in order. */
  async states(arn: string): Promise<string> {
    return ((await this.process.state()).targets[arn] ?? []).map(({ state }) => state).join(" ");
  }

  async counters(arn: string): Promise<TargetGroupCounters> {
    const found = (await this.process.state()).counters[arn];
    if (found === undefined) {
      throw new Error(`no counters of ${arn}`);
    }
    return found;
  }
}

/** Asks `count` times, eight at once, and counts the bodies of the 200s and the other statuses. */
export async function askMany(address: string, count: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { status, body } = await ask(address);
      const key = status === 200 ? body : String(status);
      answers[key] = (answers[key] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return answers;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** One request on a connection of its own. Rejects when the answer does not come or is cut. */
export function ask(
  address: string,
  path = "/",
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: address, port: PORT, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    });
    request.on("error", reject);
    request.end(body);
  });
}
