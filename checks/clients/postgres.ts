import { escapeLiteral, type QueryResultRow } from "pg";
import { CouldNotLook } from "../result";
import { type DatabaseTarget } from "./databaseTarget";
import { blockersOf, explain, isFatal, isOutOfConnections } from "./postgresFailure";
import { Session, type SessionOptions } from "./postgresSession";

/** Looking at one database: a few connections that all see one and the same moment, read-only, bounded in time. */

/**
 * Connections to one server at a time unless told otherwise: A is in production use. Two are what the load that a proof
 * puts on A was measured with (docs/proof.md).
 */
export const DEFAULT_CONNECTIONS = 2;

/** A failed query ends at this point of the transaction, not with it; a finished one leaves no lock behind. */
const SAVEPOINT = "looking";
/** Rows of a stream that are fetched at a time. */
const BATCH_ROWS = 2_000;

export interface SnapshotOptions extends SessionOptions {
  /** Parallel connections, 1 or more. With fewer to be had, fewer are used. */
  readonly connections?: number | undefined;
}

interface Waiting {
  readonly resolve: (session: Session) => void;
  readonly reject: (error: CouldNotLook) => void;
}

/**
 * One moment of a database, read through one or more connections. A statement's locks are given back as soon as it
 * ends, so that a change of the schema waits for one statement at most and nobody waits behind it.
 */
export class Snapshot {
  private readonly idle: Session[];
  private readonly waiting: Waiting[] = [];
  /** Why nothing more can be read, once a connection is lost or the look was ended. */
  private broken: CouldNotLook | undefined;

  private constructor(
    private readonly target: DatabaseTarget,
    private readonly sessions: readonly Session[],
    private readonly signal: AbortSignal,
  ) {
    this.idle = [...sessions];
    for (const session of sessions) session.onLost = (error) => this.break(explain(target, error, signal));
  }

  /** How many connections it has. */
  get width(): number {
    return this.sessions.length;
  }

  /** @throws CouldNotLook when the database cannot be reached or refuses */
  static async open(target: DatabaseTarget, options: SnapshotOptions): Promise<Snapshot> {
    const sessions: Session[] = [];
    try {
      const first = await openSession(target, options, sessions);
      const exported = await first.query<{ id: string }>("select pg_export_snapshot() as id");
      const id = exported[0]?.id ?? "";
      await first.query(`savepoint ${SAVEPOINT}`);
      for (let count = 1; count < (options.connections ?? DEFAULT_CONNECTIONS); count += 1) {
        if (!(await joinIn(target, options, sessions, id))) break;
      }
      return new Snapshot(target, sessions, options.signal);
    } catch (error) {
      await Promise.all(sessions.map((session) => session.close()));
      throw explain(target, error, options.signal);
    }
  }

  /**
   * Runs one query on a free connection.
   * @param subject what is looked at, for messages: `table public.route`
   * @throws CouldNotLook
   */
  async query<R extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    subject?: string,
  ): Promise<readonly R[]> {
    return this.use(subject, (session) => session.query<R>(text, values));
  }

  /**
   * Reads the rows of one query a few at a time, in order, with memory for one batch only. Holds a connection until the
   * last row is taken or the loop is left. @throws CouldNotLook
   */
  async *stream<R extends QueryResultRow>(
    text: string,
    values: readonly unknown[],
    subject: string,
  ): AsyncGenerator<R, void, undefined> {
    const session = await this.take();
    let failure: unknown;
    try {
      await session.query(`declare rows no scroll cursor for ${text}`, values);
      for (;;) {
        const rows = await session.query<R>(`fetch forward ${BATCH_ROWS} from rows`);
        yield* rows;
        if (rows.length < BATCH_ROWS) return;
      }
    } catch (error) {
      failure = error;
    } finally {
      await this.finish(session, subject, failure);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.close()));
  }

  private async use<T>(subject: string | undefined, run: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.take();
    let failure: unknown;
    try {
      return await run(session);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      // Throws the explained failure in place of the raw one.
      await this.finish(session, subject, failure);
    }
  }

  /** Gives the statement's locks back and frees the connection. @throws CouldNotLook when the statement had failed */
  private async finish(session: Session, subject: string | undefined, failure: unknown): Promise<void> {
    try {
      if (this.broken) throw this.broken;
      if (failure !== undefined && isFatal(failure)) throw this.break(explain(this.target, failure, this.signal));
      await session.query(`rollback to savepoint ${SAVEPOINT}`);
      if (failure === undefined) return;
      // Who is in the way may not be for this user to see; that must not hide what happened.
      const blockers = await blockersOf(failure, (text) => session.query(text)).catch(() => undefined);
      await session.query(`rollback to savepoint ${SAVEPOINT}`);
      throw explain(this.target, failure, this.signal, subject, blockers);
    } catch (error) {
      if (error instanceof CouldNotLook) throw error;
      throw this.break(explain(this.target, error, this.signal));
    } finally {
      this.giveBack(session);
    }
  }

  private take(): Promise<Session> {
    if (this.broken) return Promise.reject(this.broken);
    const session = this.idle.pop();
    return session
      ? Promise.resolve(session)
      : new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  private giveBack(session: Session): void {
    const next = this.waiting.shift();
    if (next) next.resolve(session);
    else this.idle.push(session);
  }

  /** A lost connection is told once, not by every table that would have been read over it. */
  private break(error: CouldNotLook): CouldNotLook {
    this.broken ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.broken);
    return this.broken;
  }
}

async function openSession(target: DatabaseTarget, options: SnapshotOptions, sessions: Session[]): Promise<Session> {
  const session = new Session(target, options);
  sessions.push(session);
  await session.open();
  await session.query("begin transaction isolation level repeatable read read only");
  return session;
}

/** Adds a connection that sees the same moment; false when the server has none left to give. */
async function joinIn(
  target: DatabaseTarget,
  options: SnapshotOptions,
  sessions: Session[],
  snapshotId: string,
): Promise<boolean> {
  try {
    const session = await openSession(target, options, sessions);
    // It cannot be a parameter.
    await session.query(`set transaction snapshot ${escapeLiteral(snapshotId)}`);
    await session.query(`savepoint ${SAVEPOINT}`);
    return true;
  } catch (error) {
    await sessions.pop()?.close();
    // One connection does the work as well, only slower.
    if (isOutOfConnections(error)) return false;
    throw error;
  }
}
