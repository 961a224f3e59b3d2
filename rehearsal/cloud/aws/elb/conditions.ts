import type { RuleCondition } from "@aws-sdk/client-elastic-load-balancing-v2";
import { AwsError, notModelled, validationError } from "../errors";
import { HEADER_NAME, MAXIMUM_CONDITION_LENGTH, MAXIMUM_CONDITION_VALUES, MAXIMUM_WILDCARDS, METHOD } from "./limits";
import { type Condition } from "./records";

/** From the API's form. @throws AwsError for what AWS refuses, and for kinds that are not modelled */
export function parseConditions(conditions: readonly RuleCondition[] | undefined): readonly Condition[] {
  if (conditions === undefined || conditions.length === 0) {
    throw validationError("You must specify at least one condition");
  }
  const parsed = conditions.map(parseCondition);
  for (const field of ["host-header", "path-pattern", "http-request-method"] as const) {
    if (parsed.filter((condition) => condition.field === field).length > 1) {
      throw validationError(`A rule can have only one '${field}' condition`);
    }
  }
  const values = parsed.flatMap((condition) => condition.values);
  if (values.length > MAXIMUM_CONDITION_VALUES) {
    throw new AwsError(
      "TooManyConditionValues",
      `A rule can have at most ${MAXIMUM_CONDITION_VALUES} condition values`,
    );
  }
  const wildcards = values.join("").replace(/[^*?]/g, "").length;
  if (wildcards > MAXIMUM_WILDCARDS) {
    throw new AwsError("TooManyConditionWildcards", `A rule can have at most ${MAXIMUM_WILDCARDS} condition wildcards`);
  }
  return parsed;
}

/** Into the API's form: host and path conditions appear in the old form as well. */
export function describeCondition(condition: Condition): RuleCondition {
  const { field, values } = condition;
  const list = [...values];
  switch (field) {
    case "host-header":
      return { Field: field, Values: list, HostHeaderConfig: { Values: list } };
    case "path-pattern":
      return { Field: field, Values: list, PathPatternConfig: { Values: list } };
    case "http-request-method":
      return { Field: field, HttpRequestMethodConfig: { Values: list } };
    case "http-header":
      return { Field: field, HttpHeaderConfig: { HttpHeaderName: condition.name, Values: list } };
  }
}

function parseCondition(condition: RuleCondition): Condition {
  const configs = [
    condition.HostHeaderConfig,
    condition.PathPatternConfig,
    condition.HttpRequestMethodConfig,
    condition.HttpHeaderConfig,
  ];
  if (configs.some((config) => config !== undefined && "RegexValues" in config && config.RegexValues !== undefined)) {
    throw notModelled("regular expressions in conditions", "Give 'values' with the wildcards * and ?.");
  }
  switch (condition.Field) {
    case "host-header":
      return { field: "host-header", values: texts(condition, condition.HostHeaderConfig?.Values) };
    case "path-pattern":
      return { field: "path-pattern", values: texts(condition, condition.PathPatternConfig?.Values) };
    case "http-request-method": {
      const values = texts(condition, condition.HttpRequestMethodConfig?.Values);
      const wrong = values.find((value) => !METHOD.test(value));
      if (wrong !== undefined) throw validationError(`HTTP request method '${wrong}' must match ${METHOD.source}`);
      return { field: "http-request-method", values };
    }
    case "http-header": {
      const name = condition.HttpHeaderConfig?.HttpHeaderName ?? "";
      if (!HEADER_NAME.test(name)) throw validationError(`HTTP header name '${name}' must match ${HEADER_NAME.source}`);
      if (name.toLowerCase() === "host") {
        throw validationError("Use a 'host-header' condition to match the host header");
      }
      return { field: "http-header", name, values: texts(condition, condition.HttpHeaderConfig?.Values) };
    }
    case "source-ip":
    case "query-string":
      throw notModelled(`'${condition.Field}' conditions`, "It has host, path, method and header conditions.");
    default:
      throw validationError(`Condition field '${condition.Field ?? ""}' is not known`);
  }
}

function texts(condition: RuleCondition, config: readonly string[] | undefined): readonly string[] {
  const values = config ?? condition.Values ?? [];
  if (values.length === 0) throw validationError(`A '${condition.Field ?? ""}' condition must have a value`);
  const wrong = values.find((value) => value.length < 1 || value.length > MAXIMUM_CONDITION_LENGTH);
  if (wrong !== undefined) {
    throw validationError(`Condition value '${wrong}' must have 1 to ${MAXIMUM_CONDITION_LENGTH} characters`);
  }
  return values;
}
