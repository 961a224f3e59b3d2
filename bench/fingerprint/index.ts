import { findTools } from "../../checks/clients/dumpTools";
import { DEFAULT_CONNECTIONS, Snapshot } from "../../checks/clients/postgres";
import { compareDatabases } from "../../checks/database/compare";
import { fingerprintConfiguration } from "../../checks/database/fingerprint";
import { type BenchmarkOptions, type BenchmarkResult } from "../benchmark";
import { median, quantile } from "../statistics";
import { BenchDatabases, CHANGED_ROWS, FACTOR, PASSWORD, ROWS, type DatabaseName } from "./databases";
import { unseenChanges } from "./kinds";
import { GatewayQueries } from "./load";
import { dumpSeconds, runCheck } from "./peer";

const MAJOR = 15;
/** Fingerprint and peer in turn: what slows the machine for a while slows both. */
const RUNS = 9;
const FEW_RUNS = 3;
const STATEMENT_MS = 10 * 60_000;

/** One thing that is promised, as measured. */
interface Promised {
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly ok: boolean;
}

/**
 * `npm run bench -- fingerprint`: what the row-exact proof costs, against `pg_dump | sha256sum` on the same database, and
 * what it costs database A's own users while it runs.
 */
export async function fingerprintBenchmark({ log }: BenchmarkOptions): Promise<BenchmarkResult> {
  const begin = performance.now();
  const { pgDump, version } = await findTools(MAJOR);
  const databases = await BenchDatabases.make(log);
  try {
    const megabytes = await databases.megabytes("one");
    const kinds = await unseenChanges(databases);
    log(`${kinds.changes} changes, one of each type: ${kinds.unseen.length} not seen`);
    const speed = await measureSpeed(databases, pgDump, log);
    const growth = await measureGrowth(databases, log);
    const finding = await measureFinding(databases, log);
    const load = await measureLoad(databases, log);
    const memory = await measureMemory(databases, log);
    const promised: readonly Promised[] = [
      atMost(`fingerprint of ${ROWS} rows, of pg_dump | sha256sum`, speed.ratio, 0.6, "times"),
      atMost(`changes that the fingerprint does not see, of ${kinds.changes}`, kinds.unseen.length, 0, ""),
      atMost(`${FACTOR} times the rows`, growth.ratio, 4.6, "times"),
      atMost(`finding ${CHANGED_ROWS} changed rows, of proving equality`, finding.ratio, 3, "times"),
      atMost("memory of the check, the largest of all", memory.peakMegabytes, 150, "MB"),
      atMost("the gateway's queries on A slower while proving, median", load.medianShare, 0.5, "of themselves"),
    ];
    const ok = promised.every((one) => one.ok);
    const seconds = Math.round((performance.now() - begin) / 1000);
    const text = [
      `${ROWS} rows, ${megabytes} MB, pg_dump ${version}, ${DEFAULT_CONNECTIONS} connections, ${RUNS} runs in turn, medians`,
      ...promised.map(promiseText),
      `took ${seconds} s`,
    ].join("\n");
    return {
      ok,
      text,
      values: {
        rows: ROWS,
        megabytes,
        pgDump: version,
        connections: DEFAULT_CONNECTIONS,
        seconds,
        promises: promised,
        unseen: kinds.unseen,
        speed,
        growth,
        finding,
        load,
        memory,
      },
    };
  } finally {
    await databases.stop();
  }
}

async function measureSpeed(
  databases: BenchDatabases,
  pgDump: string,
  log: (line: string) => void,
): Promise<{ readonly ratio: number; readonly fingerprint: readonly number[]; readonly dump: readonly number[] }> {
  const fingerprint: number[] = [];
  const dump: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    dump.push(await dumpSeconds(pgDump, databases.address("one"), PASSWORD));
    fingerprint.push(await fingerprintSeconds(databases, "one"));
    log(`run ${run + 1}: dump ${secondsText(dump.at(-1))}, fingerprint ${secondsText(fingerprint.at(-1))}`);
  }
  return { ratio: rounded(median(fingerprint) / median(dump)), fingerprint, dump };
}

async function measureGrowth(
  databases: BenchDatabases,
  log: (line: string) => void,
): Promise<{ readonly ratio: number; readonly one: readonly number[]; readonly four: readonly number[] }> {
  const one: number[] = [];
  const four: number[] = [];
  for (let run = 0; run < FEW_RUNS; run += 1) {
    one.push(await fingerprintSeconds(databases, "one"));
    four.push(await fingerprintSeconds(databases, "four"));
    log(`run ${run + 1}: ${secondsText(one.at(-1))}, ${FACTOR} times the rows ${secondsText(four.at(-1))}`);
  }
  return { ratio: rounded(median(four) / median(one)), one, four };
}

async function measureFinding(
  databases: BenchDatabases,
  log: (line: string) => void,
): Promise<{ readonly ratio: number; readonly equal: readonly number[]; readonly changed: readonly number[] }> {
  const equal: number[] = [];
  const changed: number[] = [];
  for (let run = 0; run < FEW_RUNS; run += 1) {
    equal.push(await comparisonSeconds(databases, "same", /^$/));
    changed.push(await comparisonSeconds(databases, "changed", new RegExp(`: ${CHANGED_ROWS} changed, 0 only in A`)));
    log(`run ${run + 1}: equal ${secondsText(equal.at(-1))}, rows found ${secondsText(changed.at(-1))}`);
  }
  return { ratio: rounded(median(changed) / median(equal)), equal, changed };
}

interface Load {
  /** By how much the median of the gateway's queries grows, as a share: 0.2 is a fifth slower. */
  readonly medianShare: number;
  readonly alone: Latency;
  readonly whileProving: Latency;
  /** By number of connections, the default's among them. */
  readonly medianShareByConnections: Readonly<Record<string, number>>;
}

interface Latency {
  readonly medianMs: number;
  readonly p95Ms: number;
}

/** As long without a proof as with one, in turn. */
async function measureLoad(databases: BenchDatabases, log: (line: string) => void): Promise<Load> {
  const queries = new GatewayQueries(databases.dsn("one"), ROWS);
  const byConnections = new Map<number, { readonly alone: number[]; readonly proving: number[] }>();
  try {
    await queries.during(fingerprintSeconds(databases, "one"));
    for (let run = 0; run < FEW_RUNS; run += 1) {
      for (const connections of [1, 2, 3, 4]) {
        const taken = byConnections.get(connections) ?? { alone: [], proving: [] };
        byConnections.set(connections, taken);
        const proof = fingerprintSeconds(databases, "one", connections);
        taken.proving.push(...(await queries.during(proof)));
        const seconds = await proof;
        taken.alone.push(...(await queries.during(new Promise((resolve) => setTimeout(resolve, seconds * 1000)))));
      }
    }
  } finally {
    await queries.close();
  }
  const share = ({
    alone,
    proving,
  }: {
    readonly alone: readonly number[];
    readonly proving: readonly number[];
  }): number => rounded(median(proving) / median(alone) - 1);
  const shares = Object.fromEntries([...byConnections].map(([connections, taken]) => [connections, share(taken)]));
  const { alone, proving } = byConnections.get(DEFAULT_CONNECTIONS) ?? { alone: [], proving: [] };
  log(`gateway's queries slower by ${JSON.stringify(shares)} of themselves, by number of connections`);
  return {
    medianShare: share({ alone, proving }),
    alone: latency(alone),
    whileProving: latency(proving),
    medianShareByConnections: shares,
  };
}

async function measureMemory(
  databases: BenchDatabases,
  log: (line: string) => void,
): Promise<{ readonly peakMegabytes: number; readonly each: Readonly<Record<string, number>> }> {
  const cases: readonly (readonly [string, DatabaseName, DatabaseName, number])[] = [
    [`${ROWS} rows, equal`, "one", "same", 0],
    [`${ROWS} rows, every one changed`, "one", "rewritten", 1],
    [`${FACTOR * ROWS} rows, equal`, "four", "four", 0],
  ];
  const each: Record<string, number> = {};
  for (const [what, a, b, expected] of cases) {
    const { exitCode, stdout, peakMegabytes } = await runCheck(databases.dsn(a), databases.dsn(b));
    if (exitCode !== expected)
      throw new Error(`the check ended with ${exitCode ?? "a signal"}: ${stdout.slice(0, 500)}`);
    if (expected === 1 && !stdout.includes(`${ROWS} changed, 0 only in A`)) {
      throw new Error(`not all changed rows were counted: ${stdout.slice(0, 500)}`);
    }
    each[what] = peakMegabytes;
    log(`memory of the check, ${what}: ${peakMegabytes} MB`);
  }
  return { peakMegabytes: Math.max(...Object.values(each)), each };
}

/** Log-in, catalog and all tables: what the check does on one side. */
async function fingerprintSeconds(
  databases: BenchDatabases,
  name: DatabaseName,
  connections?: number,
): Promise<number> {
  const begin = performance.now();
  const { signal } = new AbortController();
  const options = { connections, statementTimeoutMs: STATEMENT_MS, signal };
  const snapshot = await Snapshot.open(databases.target(name), options);
  try {
    const { tables } = await fingerprintConfiguration(snapshot, []);
    const rows = tables.find(({ table }) => table === "public.route")?.rows;
    if (rows === undefined || rows < ROWS) throw new Error(`${name}: ${rows ?? "no"} rows read`);
  } finally {
    await snapshot.close();
  }
  return (performance.now() - begin) / 1000;
}

/** @param seen what has to be found, "" nothing */
async function comparisonSeconds(databases: BenchDatabases, b: DatabaseName, seen: RegExp): Promise<number> {
  const begin = performance.now();
  const { signal } = new AbortController();
  const options = { check: "bench", volatile: [], statementTimeoutMs: STATEMENT_MS, keysShown: 10, signal };
  const { result } = await compareDatabases(databases.target("one"), databases.target(b), options);
  const found = result.findings.map((finding) => finding.seen).join("\n");
  if (!seen.test(found)) throw new Error(`${b}: expected ${String(seen)}, found: ${found}`);
  return (performance.now() - begin) / 1000;
}

function latency(taken: readonly number[]): Latency {
  return { medianMs: rounded(median(taken)), p95Ms: rounded(quantile(taken, 0.95)) };
}

function atMost(what: string, measured: number, limit: number, unit: string): Promised {
  return { what, measured, limit, unit, ok: measured <= limit };
}

function promiseText({ what, measured, limit, unit, ok }: Promised): string {
  return `${ok ? "holds         " : "DOES NOT HOLD "} ${what}: ${measured} ${unit} (at most ${limit})`;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function secondsText(seconds: number | undefined): string {
  return `${(seconds ?? Number.NaN).toFixed(2)} s`;
}
