import { commonLabels, selectorLabels, texts, type RenderContext } from "./objects";
import { map } from "./values";

/** Labels by which Deployment, Service and disruption budget find the gateway's pods. */
export function labelsOfPods(context: RenderContext): Record<string, string> {
  const own = texts(map(context.values, "gateway.labelsOverride"));
  return Object.keys(own).length > 0 ? own : selectorLabels(context);
}

/** Labels of the objects themselves. */
export function labelsOf(context: RenderContext): Record<string, string> {
  return { ...commonLabels(context), ...labelsOfPods(context) };
}
