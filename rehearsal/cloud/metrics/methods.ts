import { type MetricsFault } from "./faults";
import { type ScrapedPod } from "./scraper";

export type Cluster = "a" | "b";

/** What the process of the metrics servers can be asked. (A type alias: an interface would not fit `Methods`.) */
export type MetricsMethods = {
  readonly start: {
    readonly request: {
      /** Loopback addresses of the two servers. */
      readonly addresses: Readonly<Record<Cluster, string>>;
      readonly port: number;
      readonly periodMs: number;
      readonly exporter: { readonly port: number; readonly path: string };
    };
    readonly answer: null;
  };
  readonly pods: {
    readonly request: { readonly cluster: Cluster; readonly pods: readonly ScrapedPod[] };
    readonly answer: null;
  };
  readonly fault: {
    readonly request: { readonly cluster: Cluster; readonly fault: MetricsFault | null };
    readonly answer: null;
  };
  readonly cost: { readonly request: { readonly cluster: Cluster; readonly factor: number }; readonly answer: null };
};
