import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";

/**
 * What the configuration points to outside of both clusters: a Redis that A and B share, a secret store, an identity
 * provider and log store, and a mail server. Only the Redis is used by requests; the others are there to be reached.
 */

/** Ports of the services, all at one address. */
export const OUTSIDE_PORTS = { redis: 6379, vault: 8200, http: 8080, mail: 587 } as const;

export class OutsideServices {
  private constructor(
    private readonly servers: readonly Server[],
    private readonly sockets: ReadonlySet<Socket>,
  ) {}

  /** @param address a loopback address of the run's own */
  static async start(address: string): Promise<OutsideServices> {
    const sockets = new Set<Socket>();
    const counters = new Map<string, { value: number; endsAt: number }>();
    const redis = createServer((socket) => serveRedis(socket, counters));
    const http = createHttpServer((_request, response) => response.end("{}"));
    const vault = createHttpServer((_request, response) => response.end("{}"));
    const mail = createServer((socket) => socket.on("error", () => undefined).write("220 mail.shop.example ESMTP\r\n"));
    const listening: readonly (readonly [Server, number])[] = [
      [redis, OUTSIDE_PORTS.redis],
      [vault, OUTSIDE_PORTS.vault],
      [http, OUTSIDE_PORTS.http],
      [mail, OUTSIDE_PORTS.mail],
    ];
    for (const [server, port] of listening) {
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, address, resolve);
      });
    }
    return new OutsideServices(
      listening.map(([server]) => server),
      sockets,
    );
  }

  async stop(): Promise<void> {
    const closed = this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(closed);
  }
}

/** The commands that counters need, in Redis's own protocol: INCR, PEXPIRE, PTTL; everything else is answered with OK. */
function serveRedis(socket: Socket, counters: Map<string, { value: number; endsAt: number }>): void {
  let received = "";
  socket.setEncoding("utf8");
  socket.on("error", () => undefined);
  socket.on("data", (text: string) => {
    received += text;
    for (;;) {
      const command = takeCommand(received);
      if (command === undefined) return;
      received = command.rest;
      socket.write(reply(command.words, counters));
    }
  });
}

/** `*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n`; undefined while it is not whole. */
function takeCommand(text: string): { readonly words: readonly string[]; readonly rest: string } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (!head) return undefined;
  let at = head[0].length;
  const words: string[] = [];
  for (let count = 0; count < Number(head[1]); count += 1) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (!length) return undefined;
    const begin = at + length[0].length;
    const end = begin + Number(length[1]);
    if (text.length < end + 2) return undefined;
    words.push(text.slice(begin, end));
    at = end + 2;
  }
  return { words, rest: text.slice(at) };
}

function reply(words: readonly string[], counters: Map<string, { value: number; endsAt: number }>): string {
  const [name = "", key = "", argument = "0"] = words;
  const now = Date.now();
  const found = counters.get(key);
  const current = found !== undefined && found.endsAt > now ? found : { value: 0, endsAt: Number.POSITIVE_INFINITY };
  switch (name.toUpperCase()) {
    case "INCR":
      counters.set(key, { ...current, value: current.value + 1 });
      return `:${current.value + 1}\r\n`;
    case "PEXPIRE":
      counters.set(key, { ...current, endsAt: now + Number(argument) });
      return ":1\r\n";
    case "PTTL":
      return `:${Number.isFinite(current.endsAt) ? current.endsAt - now : -1}\r\n`;
    default:
      return "+OK\r\n";
  }
}
