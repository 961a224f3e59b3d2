import { z } from "zod";
import { flag, form, group, list, oneOf, quantity, text, whole } from "./fields";

/**
 * Where the judge's counts come from (checks/metrics/). Needed from the first traffic step on: without counts nothing is
 * known of B, and nothing may rise.
 */

const LABEL = "[a-zA-Z_][a-zA-Z0-9_]*";
const MATCHER = `${LABEL}(=|!=|=~|!~)"([^"\\\\]|\\\\.)*"`;
const matchers = form(new RegExp(`^${MATCHER}(,${MATCHER})*$`), 'label matchers such as cluster="b"');
const labelName = form(new RegExp(`^${LABEL}$`), "the name of a label");

const person = { by: text("the name of who decides it"), reason: text("why that is fine") };

/**
 * Permission to go on although B's capacity at the next weight cannot be projected. Never although it was shown to be too
 * small.
 */
const withoutCapacity = group(person, "by and reason").optional();

/** One cluster's metrics. */
const server = group(
  {
    /** Address of the server's HTTP API, without `/api/v1`. The same for A and B where one server has both. */
    url: form(/^https?:\/\/[^\s?#@]+$/, "an http or https address without user, query and fragment"),
    /**
     * Matchers that pick this cluster: gateway groups are named alike in A and B after the restore (facts/api7.md 5.3).
     * Default: none, the server has this cluster alone.
     */
    selector: matchers.optional(),
    /** Further matchers of the gateways' own metrics, so that each gateway is there once: `job="apisix"`. */
    gateways: matchers.optional(),
  },
  "url, selector and gateways",
);

const prometheus = group(
  {
    /** The gateways' own metrics (facts/api7.md 5.3) from Prometheus, or what speaks its HTTP API. The quick source. */
    source: z.literal("prometheus"),
    /**
     * Seconds between two samples: the interval at which the gateways are scraped, or a multiple of it. 1-300, default 15.
     * Long steps are looked at in 2, 4, 8 times as many.
     */
    periodSeconds: whole(1, 300, "seconds").default(15),
    /** Seconds until a scrape is there to be asked for: samples younger than this are left out. 0-600, default 5. */
    delaySeconds: whole(0, 600, "seconds").default(5),
    a: server,
    b: server,
    /** Label that tells one gateway from another. Default `instance_id`, API7's own. */
    instanceLabel: labelName.default("instance_id"),
    /** Label by which services are compared. Default `service`. */
    serviceLabel: labelName.default("service"),
    /**
     * Which time is compared. Default `request`, the whole as the client has it: a longer way from B to the upstreams
     * shows there alone. `apisix` is the gateway's own part, without the upstreams' noise.
     */
    latencyType: oneOf(["request", "apisix", "upstream"]).default("request"),
    /** Further resources that B may run out of, beside CPU and memory of the gateways. */
    resources: list(
      group(
        {
          name: text("the name of a resource"),
          /** PromQL for what B uses of it; its series are added up. */
          query: text("a query in PromQL"),
          /** Whether the query counts up, as CPU seconds do: what counts is its increase per second. Default false. */
          counter: flag().default(false),
          /** What there is of it, in the query's unit (per second, where it counts up). */
          limit: quantity(1e-9, 1e15, "units"),
        },
        "name, query, counter and limit",
      ),
      "a list of resources",
    ).default([]),
    withoutCapacity,
  },
  "source, periodSeconds, delaySeconds, a, b, instanceLabel, serviceLabel, latencyType, resources and withoutCapacity",
);

const cloudwatch = group(
  {
    /** The load balancer's counts by target group. Minutes late (facts/aws.md 3), and without services: the slow source. */
    source: z.literal("cloudwatch"),
    /** Seconds until a minute is final: younger ones are left out. 60-900, default 120. */
    delaySeconds: whole(60, 900, "seconds").default(120),
    /** Name of cluster B in Container Insights, for CPU and memory of its gateways. Default: there is none. */
    containerInsights: text("the name of a cluster").optional(),
    withoutCapacity,
  },
  "source, delaySeconds, containerInsights and withoutCapacity",
);

const none = group(
  {
    /** Nothing is compared: a person takes B's errors, latency, share and capacity on. Every entry of the record says so. */
    source: z.literal("none"),
    ...person,
  },
  "source, by and reason",
);

export const metrics = z
  .discriminatedUnion("source", [prometheus, cloudwatch, none], {
    error: () => "an object whose source is prometheus, cloudwatch or none",
  })
  .optional();

const CREDENTIALS = "a JSON object of headers for a, b or both";
const headers = z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string().regex(/^[ -~]+$/));
const HEADERS = z.strictObject({ a: headers.optional(), b: headers.optional() });

/**
 * Secret. Headers with which the metrics are asked for, by cluster, as a JSON object:
 * `{"a": {"Authorization": "Bearer ..."}, "b": {"Authorization": "Basic ..."}}`.
 */
export const metricsCredentials = z
  .string({ error: () => CREDENTIALS })
  .refine((value) => headersByCluster(value) !== undefined, { error: CREDENTIALS })
  .optional();

type Headers = Readonly<Record<string, string>>;

/** Headers by cluster; undefined when the text is not of that form. */
export function headersByCluster(
  value: string,
): { readonly a?: Headers | undefined; readonly b?: Headers | undefined } | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    return undefined;
  }
  const parsed = HEADERS.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
