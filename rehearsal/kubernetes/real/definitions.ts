import { setTimeout as sleep } from "node:timers/promises";
import { KubeError } from "../../cloud/kubernetes/client";
import { type RealApi } from "./api";

/** Kinds of object that a cluster has from others than Kubernetes itself. */

const PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** A new kind is served a moment after it is defined. */
const SERVED_SECONDS = 60;

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const portNumberOrName: Schema = {
  anyOf: [{ type: "integer" }, { type: "string" }],
  "x-kubernetes-int-or-string": true,
};

function object(properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema {
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

/** The AWS load balancer controller's own definition, v1beta1, without its descriptions. */
const TARGET_GROUP_BINDING: Schema = object({
  apiVersion: text,
  kind: text,
  metadata: { type: "object" },
  spec: object(
    {
      ipAddressType: { type: "string", enum: ["ipv4", "ipv6"] },
      multiClusterTargetGroup: { type: "boolean" },
      networking: object({
        ingress: list(
          object(
            {
              from: list(
                object({
                  ipBlock: object({ cidr: text }, "cidr"),
                  securityGroup: object({ groupID: text }, "groupID"),
                }),
              ),
              ports: list(object({ port: portNumberOrName, protocol: { type: "string", enum: ["TCP", "UDP"] } })),
            },
            "from",
            "ports",
          ),
        ),
      }),
      nodeSelector: {
        ...object({
          matchExpressions: list(object({ key: text, operator: text, values: list(text) }, "key", "operator")),
          matchLabels: { type: "object", additionalProperties: text },
        }),
        "x-kubernetes-map-type": "atomic",
      },
      serviceRef: object({ name: text, port: portNumberOrName }, "name", "port"),
      targetGroupARN: { type: "string", minLength: 1 },
      targetType: { type: "string", enum: ["instance", "ip"] },
      vpcID: { type: "string", pattern: "^vpc-[0-9a-f]{8}([0-9a-f]{9})?$" },
    },
    "serviceRef",
    "targetGroupARN",
  ),
  status: object({ observedGeneration: { type: "integer", format: "int64" } }),
});

/** The Prometheus operator's; nothing here reads its objects, so that their content is taken as it comes. */
const SERVICE_MONITOR: Schema = object({
  apiVersion: text,
  kind: text,
  metadata: { type: "object" },
  spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
});

function definition(group: string, version: string, kind: string, plural: string, schema: Schema): Schema {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        },
      ],
    },
  };
}

const DEFINITIONS = [
  definition("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding", "targetgroupbindings", TARGET_GROUP_BINDING),
  definition("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", SERVICE_MONITOR),
];

/** Defines what the load balancer controller and the Prometheus operator bring, and waits until it is served. */
export async function defineKinds(api: RealApi): Promise<void> {
  for (const one of DEFINITIONS) await api.post(PATH, one);
  const until = Date.now() + SERVED_SECONDS * 1000;
  for (const served of [
    "/apis/elbv2.k8s.aws/v1beta1/targetgroupbindings",
    "/apis/monitoring.coreos.com/v1/servicemonitors",
  ]) {
    while (!(await isServed(api, served))) {
      if (Date.now() > until) throw new Error(`the API server does not serve ${served} after ${SERVED_SECONDS} s`);
      await sleep(100);
    }
  }
}

async function isServed(api: RealApi, path: string): Promise<boolean> {
  try {
    await api.get(path);
    return true;
  } catch (error) {
    // Also while the new kind's storage is being opened: the server says 429 or 503 then.
    if (error instanceof KubeError && [404, 429, 503].includes(error.code)) return false;
    throw error;
  }
}
