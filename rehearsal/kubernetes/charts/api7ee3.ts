import {
  COMPONENT,
  CONTROL_PLANE_CERTIFICATES,
  DASHBOARD_FILE,
  DEVELOPER_PORTAL_FILE,
  DP_MANAGER_FILE,
  type RenderedFile,
} from "../../cloud/kubernetes/rendered";
import {
  checksum,
  commonLabels,
  fullname,
  present,
  refuseIf,
  refuseTemplates,
  selectorLabels,
  serviceAccount,
  serviceAccountName,
  texts,
  toYaml,
  type RenderContext,
  type RenderedObject,
} from "./objects";
import { at, count, flag, list, map, text, type Values } from "./values";

/** One of the control plane's three programs. */
interface Component {
  readonly name: string;
  /** Its block of the values: image, replicas, probes, extras. */
  readonly values: string;
  /** Its block that becomes the config file. */
  readonly configuration: string;
  readonly file: RenderedFile;
  readonly ports: (values: Values) => readonly (readonly [name: string, port: number])[];
  /** Port and scheme of the probes (facts/api7.md 1.3). */
  readonly probe: (values: Values) => { readonly port: string; readonly scheme: "HTTP" | "HTTPS" };
  readonly command?: readonly string[];
  /** Value that names the Secret with its certificate. */
  readonly certificate?: string;
}

const COMPONENTS: readonly Component[] = [
  {
    name: COMPONENT.dashboard,
    values: "dashboard",
    configuration: "dashboard_configuration",
    file: DASHBOARD_FILE,
    ports: (values) => [
      ["http", count(values, "dashboard_configuration.server.listen.port")],
      ["https", count(values, "dashboard_configuration.server.tls.port")],
    ],
    probe: (values) =>
      flag(values, "dashboard_configuration.server.listen.disable")
        ? { port: "https", scheme: "HTTPS" }
        : { port: "http", scheme: "HTTP" },
    certificate: "dashboard.keyCertSecret",
  },
  {
    name: COMPONENT.dpManager,
    values: "dp_manager",
    configuration: "dp_manager_configuration",
    file: DP_MANAGER_FILE,
    ports: (values) => [
      ["http", count(values, "dp_manager_configuration.server.listen.port")],
      ["https", count(values, "dp_manager_configuration.server.tls.port")],
    ],
    probe: () => ({ port: "http", scheme: "HTTP" }),
    command: ["/usr/local/api7/api7-ee-dp-manager", "-c", "/api7-ee/config.yaml"],
  },
  {
    name: COMPONENT.developerPortal,
    values: "developer_portal",
    configuration: "developer_portal_configuration",
    file: DEVELOPER_PORTAL_FILE,
    ports: (values) => [["http", count(values, "developer_portal_configuration.server.listen.port")]],
    probe: (values) => ({
      port: "http",
      scheme: flag(values, "developer_portal_configuration.server.listen.tls.enabled") ? "HTTPS" : "HTTP",
    }),
    certificate: "developer_portal.keyCertSecret",
  },
];

/** What needs parts that this computer does not run. */
function refuseUnmodelled(values: Values): void {
  for (const part of ["postgresql", "prometheus", "jaeger"]) {
    refuseIf(flag(values, `${part}.builtin`), `${part}.builtin`, `Set ${part}.builtin to false.`);
  }
  refuseIf(flag(values, "file_server.enabled"), "file_server.enabled", "Set it to false.");
  for (const service of ["dashboard_service", "dp_manager_service", "developer_portal_service"]) {
    refuseIf(flag(values, `${service}.ingress.enabled`), `${service}.ingress.enabled`, "Set it to false.");
  }
}

/** The objects of chart `api7ee3` for the values in use, under the names of the official chart (facts/api7.md 1.2). */
export function renderControlPlane(context: RenderContext): readonly RenderedObject[] {
  const { values } = context;
  refuseUnmodelled(values);
  const components = COMPONENTS.filter(
    ({ name }) => name !== COMPONENT.developerPortal || flag(values, "developer_portal_configuration.enable"),
  );
  const configMaps = components.map((component) => configMap(context, component));
  return [
    ...serviceAccount(context),
    ...configMaps,
    ...components.map((component) => service(context, component)),
    ...components.flatMap((component, index) => {
      const config = configMaps[index];
      return config === undefined ? [] : [deployment(context, component, config)];
    }),
  ];
}

function configMap(context: RenderContext, { configuration, file }: Component): RenderedObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: file.configMap(fullname(context)), namespace: context.namespace },
    data: { [file.key]: toYaml(map(context.values, configuration)) },
  };
}

function service(context: RenderContext, component: Component): RenderedObject {
  const { values, namespace } = context;
  const block = `${component.values}_service`;
  const type = text(values, `${block}.type`);
  const annotations = texts(map(values, `${block}.annotations`));
  const ports = component.ports(values).map(([name]) => ({
    name,
    port: count(values, `${block}.${name === "https" ? "tlsPort" : "port"}`),
    targetPort: name,
    protocol: "TCP",
    ...(type === "NodePort"
      ? present({ nodePort: at(values, `${block}.${name === "https" ? "tlsNodePort" : "nodePort"}`) })
      : {}),
  }));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: `${fullname(context)}-${component.name}`,
      namespace,
      labels: commonLabels(context),
      ...present({ annotations }),
    },
    spec: {
      type,
      ...present({ loadBalancerClass: at(values, `${block}.loadBalancerClass`) }),
      ports,
      selector: componentLabels(context, component),
    },
  };
}

function componentLabels(context: RenderContext, { name }: Component): Record<string, string> {
  return { ...selectorLabels(context), "app.kubernetes.io/component": name };
}

function deployment(context: RenderContext, component: Component, config: RenderedObject): RenderedObject {
  const { values, namespace } = context;
  const block = component.values;
  const labels = componentLabels(context, component);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: `${fullname(context)}-${component.name}`, namespace, labels: commonLabels(context) },
    spec: {
      replicas: count(values, `${block}.replicaCount`),
      selector: { matchLabels: labels },
      template: {
        metadata: {
          annotations: { "checksum/config": checksum(config), ...texts(map(values, "podAnnotations")) },
          labels: { ...labels, ...texts(map(values, `${block}.podLabels`)) },
        },
        spec: podSpec(context, component, config),
      },
    },
  };
}

function podSpec(context: RenderContext, component: Component, config: RenderedObject): Values {
  const { values } = context;
  const block = component.values;
  const pullSecret = text(values, "imagePullSecret");
  const certificate = component.certificate === undefined ? "" : text(values, component.certificate);
  return {
    serviceAccountName: serviceAccountName(context),
    securityContext: map(values, "podSecurityContext"),
    ...present({
      imagePullSecrets: pullSecret === "" ? [] : [{ name: pullSecret }],
      initContainers: list(values, `${block}.extraInitContainers`),
      nodeSelector: map(values, "nodeSelector"),
      affinity: map(values, "affinity"),
      tolerations: list(values, "tolerations"),
      topologySpreadConstraints: ownOrCommon(
        list(values, `${block}.topologySpreadConstraints`),
        list(values, "topologySpreadConstraints"),
      ),
    }),
    volumes: [
      { name: "config", configMap: { name: config.metadata.name } },
      ...list(values, `${block}.extraVolumes`),
      ...(certificate === "" ? [] : [{ name: "ssl", secret: { secretName: certificate } }]),
    ],
    containers: [container(context, component, certificate !== "")],
  };
}

function container(context: RenderContext, component: Component, hasCertificate: boolean): Values {
  const { values, chart } = context;
  const block = component.values;
  refuseTemplates(values, `${block}.extraEnvVars`);
  const tag = text(values, `${block}.image.tag`) || chart.appVersion;
  // The chart mounts the folder, not the file.
  const folder = component.file.file.slice(0, component.file.file.lastIndexOf("/"));
  return {
    name: component.name,
    image: `${text(values, `${block}.image.repository`)}:${tag}`,
    imagePullPolicy: text(values, `${block}.image.pullPolicy`),
    securityContext: map(values, "securityContext"),
    ...present({ command: component.command, env: list(values, `${block}.extraEnvVars`) }),
    ports: component.ports(values).map(([name, containerPort]) => ({ name, containerPort, protocol: "TCP" })),
    livenessProbe: probe(values, component, "livenessProbe"),
    readinessProbe: probe(values, component, "readinessProbe"),
    volumeMounts: [
      { name: "config", mountPath: folder },
      ...(hasCertificate ? [{ name: "ssl", mountPath: CONTROL_PLANE_CERTIFICATES, readOnly: true }] : []),
      ...list(values, `${block}.extraVolumeMounts`),
    ],
    resources: ownOrCommon(map(values, `${block}.resources`), map(values, "resources")),
  };
}

function probe(values: Values, component: Component, kind: "livenessProbe" | "readinessProbe"): Values {
  const { port, scheme } = component.probe(values);
  const path = `${component.values}.${kind}`;
  return {
    httpGet: { path: "/healthz", port, scheme },
    initialDelaySeconds: count(values, `${path}.initialDelaySeconds`),
    periodSeconds: count(values, `${path}.periodSeconds`),
    failureThreshold: count(values, `${path}.failureThreshold`),
  };
}

/** A component's own setting, or the one for all components. */
function ownOrCommon<T extends object>(own: T, common: T): T {
  return Object.keys(own).length > 0 ? own : common;
}
