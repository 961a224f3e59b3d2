import { type World } from "./cloud";
import { type LoadSnapshot } from "./cloud/traffic";
import { type ConnectionsSummary } from "./summary";

/** Connections that stay open: they end where they began, whatever the weights say meanwhile (facts/aws.md 1). */

const CLUSTERS = ["a", "b"] as const;
const GAUGE = "apisix_nginx_http_current_connections";

/** What is open on each cluster now, by the load and by the gateways' own metrics. */
export async function openConnections(
  stage: string,
  metrics: World["metrics"],
  { long }: Pick<LoadSnapshot, "long">,
): Promise<ConnectionsSummary> {
  const open = long.filter(({ kind, endedAt }) => endedAt === undefined && (kind === "stream" || kind === "websocket"));
  const [a, b] = await Promise.all(CLUSTERS.map(async (cluster) => inFlight(metrics[cluster])));
  return {
    stage,
    at: new Date().toISOString(),
    longLived: {
      a: open.filter(({ cluster }) => cluster === "a").length,
      b: open.filter(({ cluster }) => cluster === "b").length,
    },
    inFlight: { a: a ?? null, b: b ?? null },
  };
}

interface Answer {
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/**
 * Open connections less those that wait for a request, and less the scrape's own at each gateway; undefined when the
 * server does not know.
 */
async function inFlight(url: string): Promise<number | undefined> {
  const ask = async (operator: "sum" | "count", state: string): Promise<number | undefined> => {
    const query = encodeURIComponent(`${operator}(${GAUGE}{state="${state}"})`);
    try {
      const response = await fetch(`${url}api/v1/query?query=${query}`, { signal: AbortSignal.timeout(5_000) });
      const value = ((await response.json()) as Answer).data?.result[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    } catch {
      // A server that is down on purpose is no failure of the summary.
      return undefined;
    }
  };
  const [active, waiting, gateways] = await Promise.all([
    ask("sum", "active"),
    ask("sum", "waiting"),
    ask("count", "active"),
  ]);
  if (active === undefined || waiting === undefined || gateways === undefined) return undefined;
  return active - waiting - gateways;
}
