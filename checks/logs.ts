import { redact } from "./result";

/**
 * Reading the logs of API7's pods for the texts of a broken connection (facts/api7.md 3.4; exact texts of 3.9.x beyond
 * those are not published, so fragments are looked for).
 */

/** What a fragment means for the way up. */
type Meaning =
  /** The connection to the control plane or database does not work. */
  | "broken"
  /** As `broken`, but the line of a later recovery makes it good. */
  | "sync"
  /** Happens in good health as well. */
  | "passing";

export interface Fragment {
  readonly text: string;
  readonly meaning: Meaning;
  /** The line must match this as well, where the fragment alone says too little. */
  readonly only?: RegExp;
}

function fragments(meaning: Meaning, ...texts: readonly string[]): readonly Fragment[] {
  return texts.map((text) => ({ text, meaning }));
}

/** TLS errors of a gateway's own connections; nginx says `client:` where a client's or an upstream's are meant. */
const TLS = fragments("broken", "sslv3 alert bad certificate", "certificate verify failed", "handshake failed").map(
  (fragment) => ({ ...fragment, only: /^(?!.*, client: )/ }),
);

/** Fragments in logs of data planes. */
export const DATA_PLANE_FRAGMENTS: readonly Fragment[] = [
  ...fragments(
    "sync",
    "request etcd endpoint",
    "all etcd nodes are unavailable",
    "at least 50% and above healthy nodes",
  ),
  ...fragments("sync", "none of the configured etcd works well", "got malformed version message"),
  ...fragments("sync", "failed to fetch data from etcd", "no healthy etcd endpoint available"),
  ...fragments("broken", "failed to send heartbeat to control plane", "heartbeat failed", "upload metrics failed"),
  ...fragments("broken", "failed to connect with control plane after 3 attempts"),
  ...fragments("broken", "missing gateway_group_id in heartbeat response"),
  ...TLS,
  // A watch ends at each compaction, and the control plane may give an instance a new id.
  ...fragments("passing", "watch canceled by etcd", "etcd compacted", "instance_id changed"),
];

/** Connections to other things (metrics, traces) may be refused without harm. */
const DATABASE = /postgres|database|:5432|pgx|gorm/i;

/** Fragments in logs of control planes: TLS, and what PostgreSQL and its drivers say without their database. */
export const CONTROL_PLANE_FRAGMENTS: readonly Fragment[] = [
  ...TLS,
  ...fragments("broken", "password authentication failed", "no pg_hba.conf entry", "too many clients already"),
  ...fragments("broken", "the database system is", "connection refused", "no such host", "failed to connect to").map(
    (fragment) => ({ ...fragment, only: DATABASE }),
  ),
];

const RECOVERY = "reconnected to etcd";
/** A trouble that has not come again for this long is over. */
const RECENT_MS = 30 * 60_000;
const LINE_LENGTH = 200;

export interface LogTrouble {
  readonly fragment: string;
  readonly count: number;
  /** The newest such line, shortened and without credentials. */
  readonly line: string;
}

export interface LogReading {
  readonly troubles: readonly LogTrouble[];
  /** Troubles that do not hold the way up: healed, old, from before the pod was ready, or passing. */
  readonly past: readonly LogTrouble[];
  readonly lines: number;
}

/**
 * A line does not count when it is older than the pod's readiness (a gateway that starts tries until the DP Manager
 * answers, and readiness proves that it did), when nothing like it came in the last 30 minutes, or, for lost
 * synchronization, when a recovery was logged after it. A line without a time counts.
 *
 * @param log lines with an RFC 3339 time in front, as the API server gives them with `timestamps=true`
 * @param readySince since when the pod is ready; undefined: it is not
 */
export function readLog(
  log: string,
  fragments: readonly Fragment[],
  readySince: Date | undefined,
  now: Date,
): LogReading {
  const lines = log.split("\n").filter((line) => line !== "");
  const recovered = lines.findLastIndex((line) => line.includes(RECOVERY));
  const troubles = new Map<string, LogTrouble>();
  const past = new Map<string, LogTrouble>();
  for (const [index, line] of lines.entries()) {
    const found = fragments.find(({ text, only }) => line.includes(text) && only?.test(line) !== false);
    if (!found) continue;
    const over =
      found.meaning === "passing" ||
      (found.meaning === "sync" && index < recovered) ||
      isPast(timeOf(line), readySince, now);
    const list = over ? past : troubles;
    list.set(found.text, {
      fragment: found.text,
      count: (list.get(found.text)?.count ?? 0) + 1,
      line: redact(line).slice(0, LINE_LENGTH),
    });
  }
  return { troubles: [...troubles.values()], past: [...past.values()], lines: lines.length };
}

function isPast(time: Date | undefined, readySince: Date | undefined, now: Date): boolean {
  if (!time) return false;
  // Kubernetes gives the moment of readiness in whole seconds.
  const ready = readySince === undefined ? Number.NEGATIVE_INFINITY : readySince.getTime() + 1_000;
  return time.getTime() < ready || now.getTime() - time.getTime() > RECENT_MS;
}

/** The time in front of a line; undefined when there is none. */
function timeOf(line: string): Date | undefined {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/.exec(line);
  const time = match && new Date(match[0]);
  return time && !Number.isNaN(time.getTime()) ? time : undefined;
}
