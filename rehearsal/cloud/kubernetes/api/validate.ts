import { isDeepStrictEqual } from "node:util";
import { type Cause } from "./errors";
import { isFields } from "./fields";
import { type Kind } from "./kinds";
import { type ObjectInput } from "./objects";
import { labelSelector } from "./selectors";

/**
 * The server's rules for what is in use here. Texts are those of the real server, except where the rehearsal's cluster
 * lacks something that the real one has: there the text says so.
 */

type Fields = Readonly<Record<string, unknown>>;

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  "end with an alphanumeric character";

function required(field: string): Cause {
  return { reason: "FieldValueRequired", message: "Required value", field };
}

function wrong(field: string, value: unknown, rule: string): Cause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${rule}`, field };
}

function unsupported(field: string, what: string): Cause {
  return { reason: "FieldValueNotSupported", message: `Unsupported value: this cluster ${what}`, field };
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isPort(value: unknown): boolean {
  return isCount(value) && value >= 1 && value <= 65535;
}

function container(value: unknown, field: string): Cause[] {
  const { name, image, ports, livenessProbe, readinessProbe, startupProbe } = fieldsOf(value);
  const probes = { livenessProbe, readinessProbe, startupProbe };
  return [
    ...(typeof name === "string" && name !== "" ? [] : [required(`${field}.name`)]),
    ...(typeof image === "string" && image !== "" ? [] : [required(`${field}.image`)]),
    ...itemsOf(ports).flatMap((port, at) => {
      const number = fieldsOf(port)["containerPort"];
      return isPort(number)
        ? []
        : [wrong(`${field}.ports[${at}].containerPort`, number, "must be between 1 and 65535, inclusive")];
    }),
    ...Object.entries(probes).flatMap(([probe, spec]) => {
      if (spec === undefined) {
        return [];
      }
      const { httpGet, tcpSocket } = fieldsOf(spec);
      return httpGet === undefined && tcpSocket === undefined
        ? [unsupported(`${field}.${probe}`, "runs httpGet and tcpSocket probes only")]
        : [];
    }),
  ];
}

function podSpec(value: unknown, field: string): Cause[] {
  const { containers, initContainers } = fieldsOf(value);
  return [
    ...(itemsOf(containers).length === 0 ? [required(`${field}.containers`)] : []),
    ...itemsOf(containers).flatMap((one, at) => container(one, `${field}.containers[${at}]`)),
    ...(itemsOf(initContainers).length === 0
      ? []
      : [unsupported(`${field}.initContainers`, "runs no init containers")]),
  ];
}

function deployment(spec: Fields, old: Fields | undefined): Cause[] {
  const { selector, template, replicas } = spec;
  const labels = fieldsOf(fieldsOf(template)["metadata"])["labels"];
  const matches = isFields(selector) && labelSelector(selector)(fieldsOf(labels) as Record<string, string>);
  return [
    ...(selector === undefined ? [required("spec.selector")] : []),
    ...(selector !== undefined && !matches
      ? [wrong("spec.template.metadata.labels", labels ?? null, "`selector` does not match template `labels`")]
      : []),
    ...(old !== undefined && !isDeepStrictEqual(old["selector"], selector)
      ? [wrong("spec.selector", selector ?? null, "field is immutable")]
      : []),
    ...(isCount(replicas) ? [] : [wrong("spec.replicas", replicas, "must be greater than or equal to 0")]),
    ...podSpec(fieldsOf(template)["spec"], "spec.template.spec"),
  ];
}

function service(spec: Fields): Cause[] {
  const { ports, clusterIP, type } = spec;
  const portless = clusterIP === "None" || type === "ExternalName";
  const named = itemsOf(ports).length > 1;
  return [
    ...(itemsOf(ports).length === 0 && !portless ? [required("spec.ports")] : []),
    ...itemsOf(ports).flatMap((port, at) => {
      const { port: number, name } = fieldsOf(port);
      return [
        ...(isPort(number) ? [] : [wrong(`spec.ports[${at}].port`, number, "must be between 1 and 65535, inclusive")]),
        ...(named && name === undefined ? [required(`spec.ports[${at}].name`)] : []),
      ];
    }),
  ];
}

function autoscaler(spec: Fields): Cause[] {
  const { minReplicas, maxReplicas, scaleTargetRef } = spec;
  const { kind, name } = fieldsOf(scaleTargetRef);
  const above = isCount(maxReplicas) && isCount(minReplicas) && maxReplicas < minReplicas;
  return [
    ...(isCount(minReplicas) && minReplicas >= 1
      ? []
      : [wrong("spec.minReplicas", minReplicas, "must be greater than or equal to 1")]),
    ...(isCount(maxReplicas) && maxReplicas >= 1
      ? []
      : [wrong("spec.maxReplicas", maxReplicas ?? 0, "must be greater than 0")]),
    ...(above ? [wrong("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`")] : []),
    ...(kind === undefined ? [required("spec.scaleTargetRef.kind")] : []),
    ...(name === undefined ? [required("spec.scaleTargetRef.name")] : []),
  ];
}

function budget(spec: Fields): Cause[] {
  return spec["minAvailable"] !== undefined && spec["maxUnavailable"] !== undefined
    ? [wrong("spec", null, "minAvailable and maxUnavailable cannot be both set")]
    : [];
}

function secret(object: ObjectInput, old: ObjectInput | undefined): Cause[] {
  const bad = Object.entries(fieldsOf(object["data"])).filter(
    ([, value]) => typeof value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0,
  );
  const type = object["type"];
  return [
    ...bad.map(([key]) => ({
      reason: "FieldValueInvalid",
      message: "Invalid value: not base64",
      field: `data[${key}]`,
    })),
    ...(old !== undefined && old["type"] !== type ? [wrong("type", type, "field is immutable")] : []),
    ...(type === "kubernetes.io/tls"
      ? ["tls.crt", "tls.key"]
          .filter((key) => !(key in fieldsOf(object["data"])))
          .map((key) => required(`data[${key}]`))
      : []),
  ];
}

function binding(spec: Fields, old: Fields | undefined): Cause[] {
  const { serviceRef, targetGroupARN, targetType } = spec;
  const { name, port } = fieldsOf(serviceRef);
  const moved = old !== undefined && (old["targetGroupARN"] !== targetGroupARN || old["targetType"] !== targetType);
  return [
    ...(typeof targetGroupARN === "string" && targetGroupARN !== "" ? [] : [required("spec.targetGroupARN")]),
    ...(typeof name === "string" ? [] : [required("spec.serviceRef.name")]),
    ...(typeof port === "string" || isPort(port) ? [] : [required("spec.serviceRef.port")]),
    ...(targetType === "ip" ? [] : [unsupported("spec.targetType", 'registers pods only (targetType "ip")')]),
    ...(moved ? [wrong("spec", null, "TargetGroupBinding update may not mutate targetGroupARN or targetType")] : []),
  ];
}

function networkPolicy(spec: Fields): Cause[] {
  return spec["podSelector"] === undefined ? [required("spec.podSelector")] : [];
}

const SPEC_RULES: Readonly<Record<string, (spec: Fields, old: Fields | undefined) => Cause[]>> = {
  Deployment: deployment,
  Pod: (spec) => podSpec(spec, "spec"),
  Service: service,
  HorizontalPodAutoscaler: autoscaler,
  PodDisruptionBudget: budget,
  NetworkPolicy: networkPolicy,
  TargetGroupBinding: binding,
};

/** What is wrong with an object, after the defaults. Empty when nothing is. `old` is the object before an update. */
export function validate(kind: Kind, object: ObjectInput, old: ObjectInput | undefined): readonly Cause[] {
  const name = object.metadata?.name ?? "";
  const pattern = kind.kind === "Service" || kind.kind === "Namespace" ? LABEL : NAME;
  const rules = SPEC_RULES[kind.kind];
  const spec = object["spec"];
  return [
    ...(name === "" ? [required("metadata.name")] : []),
    ...(name !== "" && (!pattern.test(name) || name.length > 253) ? [wrong("metadata.name", name, NAME_RULE)] : []),
    ...(rules === undefined
      ? []
      : isFields(spec)
        ? rules(spec, old === undefined ? undefined : fieldsOf(old["spec"]))
        : rules({}, undefined)),
    ...(kind.kind === "Secret" ? secret(object, old) : []),
  ];
}
