/** What load and upstream agree on. */

/** Time between two events of a streamed answer. */
export const STREAM_EVENT_MS = 200;

/** The data of a streamed answer's last event. */
export interface StreamEnd {
  /** The request's header `x-nonce`. */
  readonly nonce: string | undefined;
  /** How many events came before. */
  readonly events: number;
}

/** The JSON echo of a request. */
export interface Echo {
  readonly nonce?: string;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** Only for a request with a body. */
  readonly bytes?: number;
  readonly sha256?: string;
}

/** The JSON object that `text` is, its fields unproved; `undefined` when it is none. */
export function parsed<T>(text: string): Partial<T> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
