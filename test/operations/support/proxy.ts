import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * A wire to a server that can stop in the middle: what a test wants to happen "while rows are under way" happens then,
 * and not at a moment that luck chooses.
 */
export class Wire {
  private readonly sockets = new Set<Socket>();
  private bytes = 0;
  private stopped = false;

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    readonly port: number,
  ) {}

  /**
   * @param o.from which side's bytes are counted
   * @param o.stopAfter bytes of all connections together, after which nothing passes any more in either direction
   * @param o.onStop called once, when it has stopped
   */
  static async open(o: {
    readonly host: string;
    readonly port: number;
    readonly from: "client" | "server";
    readonly stopAfter: number;
    readonly onStop: () => void;
  }): Promise<Wire> {
    const server = createServer((client) => {
      const upstream = connect(o.port, o.host);
      for (const [source, sink, side] of [
        [client, upstream, "client"],
        [upstream, client, "server"],
      ] as const) {
        wire.sockets.add(source);
        source.on("data", (chunk: Buffer) => {
          if (wire.stopped) return;
          sink.write(chunk);
          if (side !== o.from) return;
          wire.bytes += chunk.length;
          if (wire.bytes < o.stopAfter) return;
          wire.stopped = true;
          o.onStop();
        });
        source.on("close", () => sink.destroy());
        source.on("error", () => undefined);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const wire: Wire = new Wire(server, (server.address() as AddressInfo).port);
    return wire;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
