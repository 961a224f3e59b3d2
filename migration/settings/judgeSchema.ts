import { type z } from "zod";
import { type Settings } from "../settings";
import { group, list, quantity, text, whole } from "./fields";

/**
 * How B is compared with A (migration/judge/). Every constant of the judge is here, with its reason. Defaults are the
 * ones whose false alarms and delays `npm run bench -- judge` measures.
 *
 * Percentages of requests that a margin adds are percentage points: 0.5 on top of 0.1 % is 0.6 %.
 */

const percent = (minimum: number, maximum: number): z.ZodNumber => quantity(minimum, maximum, "percent");
const points = (): z.ZodNumber => quantity(0.01, 50, "percentage points");
const ratios = (defaults: readonly number[]): z.ZodDefault<z.ZodArray<z.ZodNumber>> =>
  list(quantity(1.01, 1000, "times the odds"), "a list of 1 to 20 ratios above 1", 1)
    .max(20, "at most 20 ratios")
    .default([...defaults]);

export const judge = group(
  {
    /**
     * Seconds at the beginning of each step whose counts are discarded: cold caches, new connections, weights that
     * spread. Hard stops bind all the same. 0-3,600, default 60.
     */
    warmUpSeconds: whole(0, 3600, "seconds").default(60),
    /** Minutes below which no step ends with *go*, whatever the rate. 0-1,440, default 10: one period of most batch jobs. */
    minimumMinutes: quantity(0, 1440, "minutes").default(10),
    /** Requests that B must have served at a step before *go*. Default 300: without an error its rate is below 1 %. */
    minimumRequestsB: whole(1, 10_000_000, "requests").default(300),

    /**
     * Chance, in percent, that a whole migration in which B equals A is stopped: an upper bound by theorem; what is
     * measured is about a sixth of it. 0.01-20, default 1: at 20 requests/s and weight 5 it finds 5 % errors within 1.5
     * minutes in 59 of 100 cases; 1.5 would find them in 61, 0.5 in 56.
     */
    falseStopPercent: percent(0.01, 20).default(1),
    /** How that chance is spread; only the proportions count. Default 40/20/20/20 (facts/delivery.md 4). */
    budget: group(
      {
        errors: percent(0.1, 100).default(40),
        p95: percent(0.1, 100).default(20),
        p99: percent(0.1, 100).default(20),
        share: percent(0.1, 100).default(20),
      },
      "errors, p95, p99 and share",
    ).prefault({}),
    /**
     * Chance of a *go* at one step although B is worse by a whole margin, in percent: an upper bound too. The part for
     * A is smaller since A has more requests. Defaults 0.8 and 0.2 (facts/delivery.md 4).
     */
    falseGoPercent: group(
      { a: percent(0.001, 10).default(0.2), b: percent(0.001, 10).default(0.8) },
      "a and b",
    ).prefault({}),
    /**
     * How much worse B may be and still count as no worse. Errors 0.5: a tenth of what users notice as an outage;
     * beyond A's p95 2 of 5 %, beyond p99 1 of 1 %. Smaller ones take longer, as the inverse square for latency.
     */
    margins: group(
      { errors: points().default(0.5), p95: points().default(2), p99: points().default(1) },
      "errors, p95 and p99",
    ).prefault({}),

    /** The test that stops (migration/judge/oddsTest.ts). */
    odds: group(
      {
        /** Odds ratios of an error that the test looks for; evenly weighted. Default: 1.5 to 100, denser about 50. */
        errors: ratios([1.5, 2, 3, 4.5, 7, 10, 16, 25, 35, 45, 60, 80, 100]),
        /** The same for slow answers. Denser near 1, where slowness begins. */
        latency: ratios([1.1, 1.2, 1.3, 1.5, 2, 3, 5, 10, 25, 60]),
        /**
         * Prior chance that a difference is there from the beginning of the step. 10-100 percent, default 70: what is
         * wrong is mostly wrong at once, and what begins after an hour is still found within a minute more.
         */
        fromStartPercent: percent(10, 100).default(70),
        /** Mean of the exponential prior for later beginnings, minutes. Default 120: a new release, a full disk. */
        meanMinutesToChange: quantity(1, 10_000, "minutes").default(120),
        /**
         * Intervals in which B had more than its share of the events before the test may stop. 1-20, default 2: one
         * burst is no trend (when errors come in bursts of 3, 1 stops 4 of 100 equal clusters within an hour, 2 none of
         * 1,500). A single disastrous interval is for the hard stops.
         */
        intervals: whole(1, 20, "intervals").default(2),
      },
      "errors, latency, fromStartPercent, meanMinutesToChange and intervals",
    ).prefault({}),

    /** Bursts: how far each cluster's own counts vary beyond chance (migration/judge/dispersion.ts, successive.ts). */
    dispersion: group(
      {
        /** Intervals of perfect randomness that are taken for granted before any is seen. Default 8, two minutes. */
        priorIntervals: whole(0, 1000, "intervals").default(8),
        /** Standard errors by which the dispersion must exceed 1 to count. Default 2: else chance alone slows the test. */
        standardErrors: quantity(0, 10, "standard errors").default(2),
      },
      "priorIntervals and standardErrors",
    ).prefault({}),

    /** Which of A's histogram buckets stand for slow (migration/judge/latency.ts). */
    latency: group(
      {
        /** Requests of A before the bounds are chosen. Default 500: five beyond p99. */
        requestsA: whole(50, 10_000_000, "requests").default(500),
        /** Prior weight of A's rate in the confidence sequences, in requests. Default 200. */
        priorRequests: quantity(1, 100_000, "requests").default(200),
      },
      "requestsA and priorRequests",
    ).prefault({}),

    /** Is B's share of the requests what its weight says (migration/judge/share.ts). */
    share: group(
      {
        /** Deviation that is no finding, in percent of the smaller weight. Default 10: 4.5 to 5.5 % at weight 5. */
        tolerancePercent: percent(0.1, 100).default(10),
        /** Within this deviation the share must be shown to lie before *go*. Default 25. */
        shownPercent: percent(0.1, 100).default(25),
        /** The least deviation that is a finding, in percent of all requests: what is left where one weight is 0. Default 0.2. */
        smallestPercent: percent(0.01, 10).default(0.2),
        /** B's share over its weight from which traffic goes back: its capacity is planned for the weight. Default 2. */
        backRatio: quantity(1.1, 100, "times the weight").default(2),
      },
      "tolerancePercent, shownPercent, smallestPercent and backRatio",
    ).prefault({}),

    /** Limits that stop on one sample, in the warm-up too (migration/judge/hardStops.ts). */
    hard: group(
      {
        /** Share of B's answers in one interval that are errors. Default 50, when A has less than half of it. */
        errorPercent: percent(1, 100).default(50),
        /** Requests on B in that interval, at least. Default 50: one client's burst makes half of fewer. */
        requests: whole(1, 1_000_000, "requests").default(50),
        /** The share that stops already with `deadRequests`, of errors or of stuck answers. Default 95. */
        deadPercent: percent(1, 100).default(95),
        /** Requests on B in that interval, at least. Default 15. */
        deadRequests: whole(1, 1_000_000, "requests").default(15),
        /** What counts as stuck, milliseconds. Default 10,000. */
        slowMs: quantity(1, 600_000, "milliseconds").default(10_000),
        /** Share of B's answers in one interval that are slower. Default 50, when A has less than half of it. */
        slowPercent: percent(1, 100).default(50),
        /** Connections to B's gateways that failed, in percent of its requests. Default 20. */
        connectionErrorPercent: percent(0.1, 100).default(20),
      },
      "errorPercent, requests, deadPercent, deadRequests, slowMs, slowPercent and connectionErrorPercent",
    ).prefault({}),

    /** What B must keep at 100 %, where A has no traffic to be compared with (migration/judge/reference.ts). */
    absolute: group(
      {
        /** Errors, percent of requests. Default 2. */
        errorPercent: percent(0.01, 100).default(2),
        /** What counts as slow, milliseconds. Default 3,000, as the alarm of `monitoring.latencySeconds`. */
        slowMs: quantity(1, 600_000, "milliseconds").default(3000),
        /** Slow answers, percent of requests. Default 5. */
        slowPercent: percent(0.01, 100).default(5),
      },
      "errorPercent, slowMs and slowPercent",
    ).prefault({}),

    /** What the samples must be like (migration/judge/intervals.ts). */
    data: group(
      {
        /** Distance of two samples, in usual distances, from which one is missing. Default 1.7: jitter is no gap. */
        gapRatio: quantity(1.1, 10, "usual distances").default(1.7),
        /**
         * Minutes without a missing, late, duplicated, reset or partial sample before *go*; the evidence for it is
         * collected anew after each. 0-1,440, default 60.
         */
        cleanMinutes: quantity(0, 1440, "minutes").default(60),
        /** Minutes that one side may be without any request before *go* is withheld. Default 5. */
        silentMinutes: quantity(0.1, 1440, "minutes").default(5),
        /** Age of the last sample from which nothing is known, seconds. Default 180: three looks of CloudWatch. */
        staleSeconds: whole(5, 86_400, "seconds").default(180),
        /** How far ahead of this computer's clock a sample may be, seconds. Default 30. */
        clockSkewSeconds: whole(0, 3600, "seconds").default(30),
      },
      "gapRatio, cleanMinutes, silentMinutes, staleSeconds and clockSkewSeconds",
    ).prefault({}),

    /** The same for each service (migration/judge/services.ts). */
    services: group(
      {
        /** Chance of a false stop by any service in the whole migration, percent, beside that of the whole. Default 0.2. */
        falseStopPercent: percent(0.001, 20).default(0.2),
        /** How much worse one service may be, in errors. Default 5: small services have few requests. */
        marginErrors: points().default(5),
        /** How much worse in answers beyond A's p95 of the service. Default 10, twice A's usual share. */
        marginSlow: points().default(10),
        /**
         * Requests below which the latency of a service is not judged: on A, before its p95 counts as known, and on B,
         * before *go* asks for it. Errors are asked for all the same. Default 100: five beyond the p95.
         */
        requests: whole(20, 10_000_000, "requests").default(100),
        /** Services too small to be judged, whose *go* a person takes on by naming them. Default: none. */
        acceptThin: list(text("the name of a service"), "a list of services").default([]),
      },
      "falseStopPercent, margins, requests and acceptThin",
    ).prefault({}),

    /**
     * gRPC status codes that are errors of the server. Default 2, 4, 12, 13, 14, 15: UNKNOWN, DEADLINE_EXCEEDED,
     * UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS (OpenTelemetry's convention for server spans).
     */
    grpcErrorCodes: list(whole(1, 16, "a gRPC status"), "a list of gRPC status codes").default([2, 4, 12, 13, 14, 15]),

    /** Use projected to the next weight (migration/judge/capacity.ts). */
    capacity: group(
      {
        /** Use of any resource at the next weight, percent of its limit. Default 75: a lost pod in four. */
        limitPercent: percent(1, 100).default(75),
        /** Chance that the use turns out higher than projected, percent. Default 5. */
        riskPercent: percent(0.1, 50).default(5),
        /** Observations below which nothing is projected. Default 8. */
        observations: whole(3, 10_000, "observations").default(8),
      },
      "limitPercent, riskPercent and observations",
    ).prefault({}),
  },
  "warmUpSeconds, margins and limits",
).prefault({});

/** The judge's settings as read: every value given. */
export type JudgeSettings = Settings["judge"];
