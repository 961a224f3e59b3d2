import { connect, type Socket } from "node:net";
import { resolveName } from "../../common/names";
import { messageOf } from "../../common/log";
import { type Pod } from "../../common/pod";

/** Fields of a plugin's configuration that say where its Redis is (facts/api7.md 7). */
export interface RedisPlace {
  readonly redis_host: string;
  readonly redis_port?: number;
  readonly redis_password?: string;
  readonly redis_database?: number;
  /** Milliseconds. */
  readonly redis_timeout?: number;
}

/**
 * After a failed connection the next attempt waits this long and requests fail at once. API7 tries on every request;
 * here that would only cost time on a computer that is shared by everything.
 */
const RETRY_MS = 5000;

type Reply = number | string | null;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class RedisUnavailable extends Error {
  constructor(
    message: string,
    /** It was tried just now; otherwise an earlier failure still counts. */
    readonly tried: boolean,
  ) {
    super(message);
  }
}

/** Counters in Redis, one connection a place, spoken to in its own protocol. */
export class RedisCounters {
  private readonly connections = new Map<string, RedisConnection>();
  private readonly failures = new Map<string, { readonly message: string; readonly until: number }>();

  constructor(private readonly pod: Pod) {}

  /** Adds one to a counter that lives for `windowMs`. @throws RedisUnavailable when Redis cannot be reached or refuses. */
  async add(place: RedisPlace, key: string, windowMs: number): Promise<{ count: number; endsAt: number }> {
    const name = `${place.redis_host}:${place.redis_port ?? 6379}/${place.redis_database ?? 0}`;
    const failure = this.failures.get(name);
    if (failure && failure.until > Date.now()) throw new RedisUnavailable(failure.message, false);
    try {
      const connection = await this.connection(name, place);
      const count = Number(await connection.command("INCR", key));
      if (count === 1) await connection.command("PEXPIRE", key, String(windowMs));
      const left = Number(await connection.command("PTTL", key));
      return { count, endsAt: Date.now() + Math.max(0, left) };
    } catch (error) {
      this.connections.get(name)?.end();
      this.connections.delete(name);
      const message = `redis ${name}: ${messageOf(error)}`;
      this.failures.set(name, { message, until: Date.now() + RETRY_MS });
      throw new RedisUnavailable(message, true);
    }
  }

  /** Closes all connections. */
  end(): void {
    for (const connection of this.connections.values()) connection.end();
  }

  private async connection(name: string, place: RedisPlace): Promise<RedisConnection> {
    const existing = this.connections.get(name);
    if (existing?.open === true) return existing;
    const host = resolveName(this.pod, place.redis_host)[0] ?? place.redis_host;
    const opened = await RedisConnection.open(host, place.redis_port ?? 6379, place.redis_timeout ?? 1000);
    try {
      if (place.redis_password) await opened.command("AUTH", place.redis_password);
      if (place.redis_database) await opened.command("SELECT", String(place.redis_database));
    } catch (error) {
      opened.end();
      throw error;
    }
    this.connections.set(name, opened);
    return opened;
  }
}

/** One connection; answers come in the order of the commands. */
class RedisConnection {
  private readonly waiting: Waiting[] = [];
  private received = "";
  open = true;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.read(text));
    socket.on("error", (error) => this.fail(error));
    socket.on("timeout", () => this.waiting.length > 0 && socket.destroy(new Error("timeout")));
    socket.on("close", () => this.fail(new Error("connection closed")));
  }

  static open(host: string, port: number, timeoutMs: number): Promise<RedisConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.setTimeout(timeoutMs);
      socket.once("timeout", () => socket.connecting && socket.destroy(new Error("connect timeout")));
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.removeListener("error", reject);
        resolve(new RedisConnection(socket));
      });
    });
  }

  command(...parts: readonly string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (!this.open) {
        reject(new Error("connection closed"));
        return;
      }
      this.waiting.push({ resolve, reject });
      this.socket.write(
        `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`,
      );
    });
  }

  end(): void {
    this.socket.destroy();
  }

  /** Integers, simple strings, errors and nil: what the commands used here are answered with. */
  private read(text: string): void {
    this.received += text;
    for (let end = this.received.indexOf("\r\n"); end !== -1; end = this.received.indexOf("\r\n")) {
      const line = this.received.slice(0, end);
      this.received = this.received.slice(end + 2);
      const waiting = this.waiting.shift();
      const rest = line.slice(1);
      if (line.startsWith("-")) waiting?.reject(new Error(rest));
      else if (line.startsWith(":")) waiting?.resolve(Number(rest));
      else waiting?.resolve(line === "$-1" ? null : rest);
    }
  }

  private fail(error: Error): void {
    this.open = false;
    for (const waiting of this.waiting.splice(0)) waiting.reject(error);
  }
}
