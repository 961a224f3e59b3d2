import { connect } from "node:net";
import { Client, escapeLiteral, type QueryResultRow } from "pg";
import { type DatabaseTarget } from "./databaseTarget";

/** One connection to PostgreSQL for looking: session settings pinned, read-only, and ended on the server when it is ended here. */

const CONNECT_MS = 5_000;
/** Waiting for a lock means that somebody changes the schema: better to say so than to wait. */
const LOCK_TIMEOUT_MS = 5_000;
/** How much longer than the server's own limit an answer may take on the way. */
const NETWORK_GRACE_MS = 5_000;
/** What a cancel request may take; afterwards the connection is dropped, and the server notices by itself. */
const CANCEL_MS = 1_000;
const CLOSE_MS = 1_000;

/** The code of a CancelRequest in PostgreSQL's protocol (documentation, chapter 55.7). */
const CANCEL_REQUEST = 80877102;

export interface SessionOptions {
  readonly statementTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * What a query's text form or a row's hash may depend on is the same everywhere (facts/delivery.md 6: another time zone
 * alone changed the sum). `row_security=off` turns a policy that would hide rows into an error. Without parallel workers
 * the number of connections is the number of processor cores that a look can take from the server.
 */
const PINNED = {
  TimeZone: "UTC",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "3",
  lc_monetary: "C",
  lc_numeric: "C",
  lc_time: "C",
  xmlbinary: "base64",
  xmloption: "content",
  quote_all_identifiers: "off",
  client_encoding: "UTF8",
  search_path: "pg_catalog",
  row_security: "off",
  jit: "off",
  max_parallel_workers_per_gather: "0",
  work_mem: "16MB",
  default_transaction_read_only: "on",
  lock_timeout: `${LOCK_TIMEOUT_MS}ms`,
  idle_in_transaction_session_timeout: "0",
} as const;

/** A statement whose client is gone ends within a second, from PostgreSQL 14 on; older servers do not know it. */
const OPTIONAL = { client_connection_check_interval: "1s" } as const;

export class Session {
  /** Told when the server or the network ends the connection. */
  onLost: (error: Error) => void = () => undefined;

  private readonly client: Client;
  private readonly end = (): void => {
    void this.cancel().finally(() => this.destroy());
  };

  constructor(
    target: DatabaseTarget,
    private readonly options: SessionOptions,
  ) {
    this.client = new Client({
      ...target.config,
      application_name: "api7-migration checks",
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: options.statementTimeoutMs + NETWORK_GRACE_MS,
      keepAlive: true,
    });
    // A server that dies between two queries tells it by an event.
    this.client.on("error", (error) => this.onLost(error));
  }

  async open(): Promise<void> {
    this.options.signal.throwIfAborted();
    this.options.signal.addEventListener("abort", this.end, { once: true });
    await this.client.connect();
    const settings = { ...PINNED, statement_timeout: `${this.options.statementTimeoutMs}ms` };
    await this.query(
      Object.entries(settings)
        .map(([name, value]) => `set ${name} = ${escapeLiteral(value)}`)
        .join("; "),
    );
    for (const [name, value] of Object.entries(OPTIONAL)) {
      await this.query("select set_config(name, $2, false) from pg_settings where name = $1", [name, value]);
    }
  }

  async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    return (await this.client.query<R>(text, [...values])).rows;
  }

  /** Ends the connection; a server that does not answer is not waited for. */
  async close(): Promise<void> {
    this.options.signal.removeEventListener("abort", this.end);
    this.onLost = () => undefined;
    const closed = this.client.end().catch(() => undefined);
    const late = setTimeout(() => this.destroy(), CLOSE_MS);
    await closed;
    clearTimeout(late);
  }

  /** Asks the server to end the statement that runs: a closed connection alone would let it go on. */
  private cancel(): Promise<void> {
    const { processID, secretKey, host, port } = this.client as unknown as {
      readonly processID: number | null;
      readonly secretKey: number | null;
      readonly host: string;
      readonly port: number;
    };
    if (processID === null || secretKey === null) return Promise.resolve();
    const request = Buffer.alloc(16);
    request.writeInt32BE(request.length, 0);
    request.writeInt32BE(CANCEL_REQUEST, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    return new Promise((resolve) => {
      // As libpq does, without TLS: the request holds nothing but the key of this one connection, which ends now.
      const socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
      socket.setTimeout(CANCEL_MS, () => socket.destroy());
      socket.on("error", () => undefined);
      socket.on("close", () => resolve());
      socket.on("connect", () => socket.end(request));
    });
  }

  private destroy(): void {
    // `end` alone waits for the server; a dead one would never answer.
    const { connection } = this.client as unknown as { readonly connection: { readonly stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}
