import { createHash, X509Certificate } from "node:crypto";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { type GatewayFacts } from "../migration/parity";
import { subjectOf } from "./certificates";
import { type KubernetesApi } from "./clients/kubernetes";
import { CONTAINER as COMMON_CONTAINER, getConfigMap, podsOf, type Deployment } from "./clients/objects";
import { variablesOf } from "./pinningEnvironment";
import { CouldNotLook, textOf } from "./result";

/** What a cluster's gateways have outside of the database, read from its API server. */

const CONTAINER = COMMON_CONTAINER.extend({
  ports: z.array(z.object({ containerPort: z.number(), protocol: z.string().default("TCP") })).optional(),
  volumeMounts: z
    .array(z.object({ name: z.string(), mountPath: z.string(), subPath: z.string().optional() }))
    .optional(),
});
const VOLUME = z.object({
  name: z.string(),
  configMap: z.object({ name: z.string() }).optional(),
  secret: z.object({ secretName: z.string() }).optional(),
});
const DEPLOYMENT = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number().default(1),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()).optional() }),
    template: z.object({
      spec: z.object({ containers: z.array(CONTAINER).min(1), volumes: z.array(VOLUME).optional() }),
    }),
  }),
});
const SECRET = z.object({ data: z.record(z.string(), z.string()).optional() });
type Spec = z.infer<typeof DEPLOYMENT>["spec"]["template"]["spec"];

const CONFIG_FILE = "config.yaml";

/** @throws CouldNotLook when anything of it cannot be read: what is not known is not equal */
export async function gatewayFacts(api: KubernetesApi, name: string, signal: AbortSignal): Promise<GatewayFacts> {
  const subject = `${api.label}, Deployment ${name}`;
  const deployment = await api.get(DEPLOYMENT, api.path("apps/v1", "deployments", name), signal);
  if (!deployment) throw new CouldNotLook(subject, "there is none", "correct the names in the settings");
  const { spec } = deployment.spec.template;
  const gateway = spec.containers.find(({ image }) => image.includes("api7-ee-3-gateway")) ?? spec.containers[0];
  if (gateway === undefined) throw new CouldNotLook(subject, "it has no container", "look at the Deployment");
  const configMaps = await readConfigMaps(api, spec, signal);
  const [imageDigests, variables, trustedCas] = await Promise.all([
    digestsOf(api, deployment, gateway.name, subject, signal),
    variablesOf(api, gateway, signal),
    casOf(api, spec, signal),
  ]);
  return {
    imageDigests,
    configuration: configurationOf(configMaps, subject),
    environment: [...new Set(variables.map((variable) => variable.name))].sort(),
    ports: (gateway.ports ?? []).map((port) => `${port.protocol.toLowerCase()} ${port.containerPort}`).sort(),
    trustedCas,
    mounted: mountedFiles(gateway.volumeMounts ?? [], spec, configMaps),
  };
}

async function digestsOf(
  api: KubernetesApi,
  deployment: z.infer<typeof DEPLOYMENT>,
  container: string,
  subject: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const pods = (await podsOf(api, deployment as unknown as Deployment, signal)).filter(
    (pod) => pod.metadata.deletionTimestamp === undefined,
  );
  const digests = pods.map((pod) => {
    const running = pod.status?.containerStatuses?.find(({ name }) => name === container);
    const digest = /sha256:[0-9a-f]{64}/.exec(running?.imageID ?? "")?.[0];
    if (digest !== undefined) return digest;
    throw new CouldNotLook(
      `${api.label}, pod ${pod.metadata.name}`,
      "its status names no digest of its image",
      "wait until the pod runs",
    );
  });
  if (digests.length === 0) throw new CouldNotLook(subject, "it has no pod", "wait until its gateways run");
  return [...new Set(digests)].sort();
}

type ConfigMaps = ReadonlyMap<string, Readonly<Record<string, string>>>;

async function readConfigMaps(api: KubernetesApi, spec: Spec, signal: AbortSignal): Promise<ConfigMaps> {
  const names = (spec.volumes ?? []).flatMap(({ configMap }) => (configMap ? [configMap.name] : []));
  const found = await Promise.all(
    [...new Set(names)].map(async (name) => [name, (await getConfigMap(api, name, signal)) ?? {}] as const),
  );
  return new Map(found);
}

function configurationOf(configMaps: ConfigMaps, subject: string): unknown {
  const texts = [...configMaps.values()].flatMap((data) => data[CONFIG_FILE] ?? []);
  const [text] = texts;
  if (text === undefined) {
    throw new CouldNotLook(subject, `it mounts no ${CONFIG_FILE}`, "install the gateways by the official chart");
  }
  try {
    return parseYaml(text);
  } catch (error) {
    throw new CouldNotLook(subject, `${CONFIG_FILE} is not YAML: ${textOf(error)}`, "look at the ConfigMap");
  }
}

/** Certificates of authorities in the mounted Secrets; a client's own certificate is none. */
async function casOf(api: KubernetesApi, spec: Spec, signal: AbortSignal): Promise<readonly string[]> {
  const names = (spec.volumes ?? []).flatMap(({ secret }) => (secret ? [secret.secretName] : []));
  const lists = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const secret = await api.get(SECRET, api.path("v1", "secrets", name), signal);
      return Object.values(secret?.data ?? {}).flatMap((value) =>
        authoritiesIn(Buffer.from(value, "base64").toString()),
      );
    }),
  );
  return [...new Set(lists.flat())].sort();
}

function authoritiesIn(text: string): readonly string[] {
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)].flatMap(([pem]) => {
    try {
      const certificate = new X509Certificate(pem);
      const id = certificate.fingerprint256.replaceAll(":", "").slice(0, 16).toLowerCase();
      return certificate.ca ? [`${id} (${subjectOf(certificate)})`] : [];
    } catch {
      return [];
    }
  });
}

/** What is mounted beside config file and certificates: custom plugins, templates. By content, not by name. */
function mountedFiles(
  mounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string | undefined }[],
  spec: Spec,
  configMaps: ConfigMaps,
): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { name, mountPath, subPath } of mounts) {
    const volume = spec.volumes?.find((one) => one.name === name);
    if (volume?.secret !== undefined) continue;
    const data = volume?.configMap === undefined ? undefined : configMaps.get(volume.configMap.name);
    if (data?.[CONFIG_FILE] !== undefined) continue;
    const content = subPath === undefined ? data : data?.[subPath];
    files[mountPath] =
      content === undefined
        ? "files that are not in a ConfigMap"
        : createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
  }
  return files;
}
