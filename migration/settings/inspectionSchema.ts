import { z } from "zod";
import { flag, form, group, list, oneOf, text, whole } from "./fields";

/** What the operators decide about what the checks find. Every decision has its reason: it goes into the record. */

const ADDRESS = "an address HOST:PORT, as the check prints it";
const address = form(/^\S+:\d{1,5}$/, ADDRESS);
const reason = text("why that is fine");

/**
 * What becomes of the state of plugins: counters, sessions, caches. Each Redis of the configuration and each kind of
 * plugin that keeps its state on the node needs one entry (facts/api7.md 7).
 */
export const statefulPlugins = list(
  group(
    {
      /** A Redis of the configuration, `HOST:PORT`. */
      redis: address.optional(),
      /** A plugin that keeps its state on the node: `limit-count`, `proxy-cache`, ... */
      plugin: text("the name of a plugin").optional(),
      /** `shared`: one Redis for A and B. `separate`: each has its own. `accept`: inaccurate or cold, and that is fine. */
      policy: oneOf(["shared", "separate", "accept"]),
      reason,
    },
    "redis or plugin, policy and reason",
  )
    .refine(({ redis, plugin }) => (redis === undefined) !== (plugin === undefined), {
      error: "either redis or plugin",
    })
    .refine(({ plugin, policy }) => plugin === undefined || policy !== "shared", {
      error: "separate or accept: what a node keeps to itself cannot be shared",
      path: ["policy"],
    }),
  "a list of choices",
).default([]);

/** Settings of the checks of cluster B. */
export const inspection = group(
  {
    /** Day on which the migration shall be over: licence and certificates must outlive it by 14 days. */
    plannedEnd: form(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, "a day such as 2026-09-30").optional(),
    /** Image for the short-lived pods that look from inside B; needs bash, timeout and getent. Default: the gateway's. */
    probeImage: text("an image").optional(),
    /** What B need not reach. */
    unreachable: list(group({ address, reason }, "address and reason"), "a list of addresses").default([]),
    /** Certificates that may expire before that, by the id that the check prints. */
    expiring: list(
      group(
        { certificate: form(/^[0-9a-f]{16}$/, "the id of a certificate, 16 hex digits"), reason },
        "certificate and reason",
      ),
      "a list of certificates",
    ).default([]),
    /** Tools that manage A's objects (Argo CD, Flux, KEDA, ...) and are paused, as the check names them. */
    paused: list(
      group({ manager: text("a tool, as the check prints it"), reason }, "manager and reason"),
      "a list of tools",
    ).default([]),
    /** What may differ between A's and B's gateways. */
    parity: list(
      group({ item: text("an item, as the check prints it"), reason }, "item and reason"),
      "a list of items",
    ).default([]),
  },
  "plannedEnd, probeImage, unreachable, expiring, paused and parity",
).prefault({});

const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] as const;

/**
 * Before the first percent the same requests go to A and to B, by rules of their own that a request header picks, and
 * the answers are compared. Default: they are not compared, and no such rule exists.
 */
export const compareAnswers = group(
  {
    /** Priority of the first test rule, 1-49,900; each gateway group takes two numbers. **Free, and below all others.** */
    priority: whole(1, 49_900, "a rule's priority"),
    /** Request header of the test rules. Default `x-api7-migration`. */
    headerName: form(/^[A-Za-z0-9-]{1,40}$/, "the name of a header").default("x-api7-migration"),
    /** Value of that header, without the cluster: 16-60 letters, digits and hyphens that nobody guesses. */
    headerValue: form(/^[A-Za-z0-9-]{16,60}$/, "16 to 60 letters, digits and hyphens"),
    /** `HOST:PORT` under which this machine reaches the load balancer. Default: its DNS name, and the listener's port. */
    address: address.optional(),
    /** Routes of the configuration that are tried. 0-500, default 40. */
    routes: whole(0, 500, "routes").default(40),
    /** Requests that are tried as well. */
    requests: list(
      group(
        {
          host: text("a host name"),
          path: form(/^\/\S*$/, "a path such as /orders/1"),
          method: oneOf(METHODS).default("GET"),
          headers: z
            .record(form(/^[A-Za-z0-9-]+$/, "a header's name"), z.string({ error: () => "text" }), {
              error: () => "an object of headers",
            })
            .default({}),
          body: z.string({ error: () => "text" }).optional(),
          /** A method that writes is sent only with this: it is carried out twice. */
          replayable: flag().default(false),
        },
        "host, path, method, headers, body and replayable",
      ),
      "a list of requests",
    ).default([]),
    /** Differences that are meant. */
    differences: list(
      group(
        {
          /** `METHOD host/path`, `*` allowed. Default: every request. */
          request: text("METHOD host/path").optional(),
          part: form(/^(status|body( \S+)?|header \S+)$/, "status, body, body PATH, or header NAME"),
          reason,
        },
        "request, part and reason",
      ),
      "a list of differences",
    ).default([]),
  },
  "priority and headerValue",
).optional();

/**
 * Secret. Headers with which the compared requests log in, as a JSON object: `{"apikey": "..."}`. Of a consumer made for
 * tests: the routes' upstreams see them.
 */
export const testCredentials = z
  .string({ error: () => "a JSON object of headers" })
  .refine(isHeaders, { error: "a JSON object of headers" })
  .optional();

function isHeaders(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    return (
      typeof parsed === "object" &&
      parsed !== null &&
      !Array.isArray(parsed) &&
      Object.values(parsed).every((header) => typeof header === "string")
    );
  } catch {
    return false;
  }
}
