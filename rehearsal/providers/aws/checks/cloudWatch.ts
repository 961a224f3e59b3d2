import {
  type AlarmInput,
  alarmFaults,
  dashboardFaults,
  dashboardNameFault,
} from "../../../cloud/aws/cloudwatch/limits";
import { containsUnknown, type Failure, type Props, UNKNOWN } from "../../framework";
import { failure, given, text } from "./read";

/** `aws.cloudwatch.MetricAlarm` beyond its schema. */
export function metricAlarmFailures(news: Props): readonly Failure[] {
  // Queries that hold something unknown are looked at as a whole once everything is known.
  const known = Object.fromEntries(
    Object.entries(news).filter(([key, value]) => key !== "metricQueries" || !containsUnknown(value)),
  );
  return alarmFaults(withoutUnknown(known) as AlarmInput, (property) => given(news, property));
}

/** `aws.cloudwatch.Dashboard` beyond its schema. */
export function dashboardFailures(news: Props): Failure[] {
  const [name, body] = [text(news, "dashboardName"), text(news, "dashboardBody")];
  return [
    ...(name === undefined ? [] : failure("dashboardName", dashboardNameFault(name))),
    ...(body === undefined ? [] : dashboardFaults(body).map((reason) => ({ property: "dashboardBody", reason }))),
  ];
}

/** Inputs without what is not known yet, at any depth. */
function withoutUnknown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUnknown);
  if (typeof value !== "object" || value === null) return value === UNKNOWN ? undefined : value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutUnknown(inner)]));
}
