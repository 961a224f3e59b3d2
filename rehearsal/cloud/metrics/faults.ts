/** What may be wrong with a metrics server, for rehearsals. */
export type MetricsFault =
  /** Nobody listens any more; nothing is scraped either. */
  | { readonly kind: "down" }
  /** It answers, and every value is 0. */
  | { readonly kind: "zero" }
  /** Its newest samples are this old, as after a remote write that is stuck. */
  | { readonly kind: "late"; readonly seconds: number }
  /** Each answer takes this much longer. */
  | { readonly kind: "slow"; readonly delayMs: number };
