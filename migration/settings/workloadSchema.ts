import { form, group } from "./fields";

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
