import { z } from "zod";
import { form, group, text } from "./fields";

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

/** Values of a chart that the program does not set. Nothing secret: they are readable in state and preview. */
export const extraValues = z
  .record(text("the name of a value"), z.unknown(), { error: () => "an object of chart values" })
  .default({});
