import { z } from "zod";
import { cidr, form, group, list, text } from "./fields";

const amounts = {
  cpu: form(/^(\d+m|\d+(\.\d+)?)$/, "an amount of CPU such as 500m or 2"),
  memory: form(/^\d+(Ki|Mi|Gi)$/, "an amount of memory such as 2Gi"),
};

/** Resources of one container. Requests are needed: without them B's capacity cannot be projected. */
export const resources = group(
  {
    requests: group(amounts, "cpu and memory"),
    /** No CPU limit by default: throttling shows up as latency. */
    limits: group({ cpu: amounts.cpu.optional(), memory: amounts.memory.optional() }, "cpu and memory").optional(),
  },
  "requests and limits",
);

/** Annotations of a ServiceAccount: `eks.amazonaws.com/role-arn` gives its pods an IAM role. */
export const serviceAccountAnnotations = z
  .record(
    form(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, "an annotation's name"),
    z.string({ error: () => "text" }),
    {
      error: ({ code }) => (code === "invalid_key" ? "an annotation's name" : "an object of annotations"),
    },
  )
  .default({});

/** Blocks whose `X-Forwarded-*` headers the gateways believe. */
export const trustedAddresses = list(cidr(), "a list of IPv4 blocks").default([]);

/** Values of a chart that the program does not set. Nothing secret: they are readable in state and preview. */
export const extraValues = z
  .record(text("the name of a value"), z.unknown(), { error: () => "an object of chart values" })
  .default({});
