import { type GridSeries } from "../../../migration/metrics/grid";

/** The scrape itself is a connection with a request under way. */
const OWN_SCRAPE = 1;

/**
 * Connections with something under way (WebSockets, streams, long requests) that were open at every time asked for: each
 * gateway's smallest number of connections that are not idle. nginx counts idle ones as `waiting`, and both within
 * `active` (ngx_http_stub_status_module).
 *
 * @returns undefined when no gateway tells
 */
export function openAtTheEnd(
  active: readonly GridSeries[],
  waiting: readonly GridSeries[],
  instanceLabel: string,
): number | undefined {
  const idle = new Map(waiting.map((series) => [series.labels[instanceLabel] ?? "", series.values]));
  let open: number | undefined;
  for (const { labels, values } of active) {
    // A gateway that is gone has no connections any more.
    if (Number.isNaN(values.at(-1) ?? Number.NaN)) continue;
    const idleValues = idle.get(labels[instanceLabel] ?? "");
    let smallest = Number.POSITIVE_INFINITY;
    for (const [index, value] of values.entries()) {
      const busy = value - (idleValues?.[index] ?? 0);
      if (!Number.isNaN(busy)) smallest = Math.min(smallest, busy);
    }
    if (smallest !== Number.POSITIVE_INFINITY) open = (open ?? 0) + Math.max(0, smallest - OWN_SCRAPE);
  }
  return open;
}
