import { isFields } from "./fields";
import { type ObjectInput } from "./objects";

/**
 * What the API server fills in where a client says nothing. Only fields that something in the rehearsal reads, or
 * whose default is what a field falls back to when its owner lets go (facts/pulumi.md 7).
 */

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** Defaults below what is there; `null` counts as not given. */
function over(value: unknown, defaults: Fields): Fields {
  const given = Object.entries(fields(value)).filter(([, child]) => child !== null && child !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** Changes one field if it is there. */
function within(object: Fields, key: string, change: (value: unknown) => unknown): Fields {
  return object[key] === undefined ? object : { ...object, [key]: change(object[key]) };
}

function probe(value: unknown): unknown {
  const defaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  return within(over(value, defaults), "httpGet", (get) => over(get, { path: "/", scheme: "HTTP" }));
}

function container(value: unknown): unknown {
  const image = fields(value)["image"];
  const floating = typeof image === "string" && (image.endsWith(":latest") || !image.includes(":"));
  const defaults = {
    imagePullPolicy: floating ? "Always" : "IfNotPresent",
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
  };
  return ["livenessProbe", "readinessProbe", "startupProbe"].reduce(
    (object, name) => within(object, name, probe),
    within(over(value, defaults), "ports", (ports) => items(ports).map((port) => over(port, { protocol: "TCP" }))),
  );
}

function volume(value: unknown): unknown {
  return ["configMap", "secret"].reduce(
    (object, source) => within(object, source, (files) => over(files, { defaultMode: 420 })),
    fields(value),
  );
}

/** Defaults of a pod's spec. */
export function podSpec(value: unknown): Fields {
  const defaults = {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  };
  return within(
    within(over(value, defaults), "containers", (list) => items(list).map(container)),
    "volumes",
    (list) => items(list).map(volume),
  );
}

function deploymentSpec(value: unknown): Fields {
  const spec = over(value, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = over(spec["strategy"], { type: "RollingUpdate" });
  const rolling = { maxSurge: "25%", maxUnavailable: "25%" };
  return {
    ...within(spec, "template", (template) => within(fields(template), "spec", podSpec)),
    strategy:
      strategy["type"] === "RollingUpdate"
        ? { ...strategy, rollingUpdate: over(strategy["rollingUpdate"], rolling) }
        : strategy,
  };
}

function servicePort(value: unknown): Fields {
  return over(value, { protocol: "TCP", targetPort: fields(value)["port"] });
}

function serviceSpec(value: unknown): Fields {
  const spec = over(value, { type: "ClusterIP", sessionAffinity: "None", internalTrafficPolicy: "Cluster" });
  const reachable = spec["type"] === "NodePort" || spec["type"] === "LoadBalancer";
  return within(reachable ? over(spec, { externalTrafficPolicy: "Cluster" }) : spec, "ports", (ports) =>
    items(ports).map(servicePort),
  );
}

function networkPolicySpec(value: unknown): Fields {
  const policyTypes = fields(value)["egress"] === undefined ? ["Ingress"] : ["Ingress", "Egress"];
  return over(value, { policyTypes });
}

function autoscalerSpec(value: unknown): Fields {
  const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } };
  const spec = over(value, { minReplicas: 1, metrics: [cpu] });
  return items(spec["metrics"]).length === 0 ? { ...spec, metrics: [cpu] } : spec;
}

/** `stringData` is write-only: it ends up in `data`. */
function secret(object: ObjectInput): ObjectInput {
  const { stringData, ...rest } = object;
  const texts = Object.entries(fields(stringData)).map(
    ([key, text]) => [key, Buffer.from(String(text), "utf8").toString("base64")] as const,
  );
  const data = { ...fields(rest["data"]), ...Object.fromEntries(texts) };
  return { ...rest, type: rest["type"] ?? "Opaque", ...(Object.keys(data).length === 0 ? {} : { data }) };
}

function namespace(object: ObjectInput): ObjectInput {
  const labels = { ...object.metadata?.labels, "kubernetes.io/metadata.name": object.metadata?.name ?? "" };
  return {
    ...object,
    metadata: { ...object.metadata, labels },
    spec: over(object["spec"], { finalizers: ["kubernetes"] }),
    status: over(object["status"], { phase: "Active" }),
  };
}

const SPECS: Readonly<Record<string, (spec: unknown) => Fields>> = {
  Deployment: deploymentSpec,
  Pod: podSpec,
  Service: serviceSpec,
  NetworkPolicy: networkPolicySpec,
  HorizontalPodAutoscaler: autoscalerSpec,
  TargetGroupBinding: (spec) => over(spec, { targetType: "ip" }),
};

/** The object with the server's defaults for its kind. A missing spec stays missing: validation names it. */
export function withDefaults(kind: string, object: ObjectInput): ObjectInput {
  if (kind === "Secret") {
    return secret(object);
  }
  if (kind === "Namespace") {
    return namespace(object);
  }
  const spec = SPECS[kind];
  return spec === undefined || !isFields(object["spec"]) ? object : { ...object, spec: spec(object["spec"]) };
}
