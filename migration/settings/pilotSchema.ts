import { z } from "zod";
import { form, group, list, oneOf, quantity, text, whole } from "./fields";

/** How the pilot walks the stages by itself (pilot/). Plain `pulumi up` asks none of this. */

export const pilot = group(
  {
    /** Seconds between two looks at a stage. 5-600, default 15: as often as the gateway's metrics are scraped. */
    lookSeconds: whole(5, 600, "seconds").default(15),
    /**
     * Minutes that a hold may last before the pilot gives up waiting: up to 25 % it then goes back to A, above it calls a
     * person and leaves the traffic where it is. 1-10,080, default 240: a good step takes 60 to 120 minutes.
     */
    holdMinutes: quantity(1, 10_080, "minutes").default(240),
    /** Share of B in percent above which an expired hold calls a person. 0-99, default 25. */
    backUpToPercent: whole(0, 99, "percent").default(25),
    /** Stages that a person must approve before they are entered, with `npm run pilot -- approve`. Default: none. */
    approvalStages: list(form(/^[a-z]+(-\d+)?$/, "a stage"), "a list of stages").default([]),
    /** Who may approve; empty: everybody who can run the pilot. Names as in the record: the caller's identity contains one. */
    approvers: list(text("a name that the caller's identity contains"), "a list of names").default([]),
    /** Hours that a request for approval stands; then all traffic goes back to A. 0.01-168, default 24, as CodeDeploy's. */
    approvalHours: quantity(0.01, 168, "hours").default(24),
  },
  "lookSeconds, holdMinutes, backUpToPercent, approvalStages, approvers and approvalHours",
).prefault({});

/** Where the migration's events are told. Never in the way of a step: sent beside it, retried, failures in the record. */
export const notifications = group(
  {
    /** SNS topic that gets every message. */
    topicArn: text("an SNS topic ARN").optional(),
    /** Events that are told. Default: all. */
    events: list(
      oneOf(["stage-begun", "stage-ended", "verdict", "hold", "page", "rollback", "soak-over", "approval"]),
      "a list of events",
    ).default(["stage-begun", "stage-ended", "verdict", "hold", "page", "rollback", "soak-over", "approval"]),
  },
  "topicArn and events",
).prefault({});

/** Secret. Webhook that takes `{"text": ...}`, as Slack's do. */
export const notificationWebhook = z
  .string({ error: () => "an http or https address" })
  .regex(/^https?:\/\/\S+$/, { error: "an http or https address" })
  .optional();
