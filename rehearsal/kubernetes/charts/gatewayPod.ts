import { ETCD_CERTIFICATES, GATEWAY_CA_FOLDER, GATEWAY_FILE } from "../../cloud/kubernetes/rendered";
import { additionalCas } from "./gatewayConfig";
import { present, refuseTemplates, serviceAccountName, type RenderContext, type RenderedObject } from "./objects";
import { at, count, flag, isMap, list, map, text, type Values } from "./values";

/** The spec of a gateway's pod: image, environment, ports, probes, and the files that the config file names. */
export function podSpec(context: RenderContext, config: RenderedObject): Values {
  const { values } = context;
  const caSecret = text(values, "gateway.tls.existingCASecret");
  const etcdSecret = flag(values, "etcd.auth.tls.enabled") ? text(values, "etcd.auth.tls.existingSecret") : "";
  return {
    serviceAccountName: serviceAccountName(context),
    terminationGracePeriodSeconds: count(values, "apisix.terminationGracePeriodSeconds"),
    ...present({
      imagePullSecrets: list(values, "global.imagePullSecrets").map((name) => ({ name })),
      securityContext: map(values, "apisix.podSecurityContext"),
      priorityClassName: at(values, "apisix.priorityClassName"),
      dnsConfig: map(values, "apisix.dnsConfig"),
      initContainers: list(values, "extraInitContainers"),
      nodeSelector: map(values, "apisix.nodeSelector"),
      affinity: map(values, "apisix.affinity"),
      tolerations: list(values, "apisix.tolerations"),
      topologySpreadConstraints: list(values, "apisix.topologySpreadConstraints"),
    }),
    volumes: [
      { name: "apisix-config", configMap: { name: config.metadata.name } },
      ...(caSecret === "" ? [] : [{ name: "ssl", secret: { secretName: caSecret } }]),
      ...additionalCas(values).map(({ secretName, filename }, index) => ({
        name: `additional-ca-${index}`,
        secret: { secretName, items: [{ key: filename, path: filename }] },
      })),
      ...(etcdSecret === "" ? [] : [{ name: "etcd-ssl", secret: { secretName: etcdSecret } }]),
      ...list(values, "extraVolumes"),
    ],
    containers: [container(context, etcdSecret !== "")],
  };
}

function container(context: RenderContext, hasCertificate: boolean): Values {
  const { values, chart } = context;
  const timezone = text(values, "apisix.timezone");
  const fromConfigMap = text(values, "apisix.extraEnvVarsCM");
  const fromSecret = text(values, "apisix.extraEnvVarsSecret");
  const caFile = text(values, "gateway.tls.certCAFilename");
  refuseTemplates(values, "apisix.extraEnvVars");
  return {
    name: chart.name,
    image: `${text(values, "apisix.image.repository")}:${text(values, "apisix.image.tag") || chart.appVersion}`,
    imagePullPolicy: text(values, "apisix.image.pullPolicy"),
    ...present({
      securityContext: map(values, "apisix.securityContext"),
      env: [...(timezone === "" ? [] : [{ name: "TZ", value: timezone }]), ...list(values, "apisix.extraEnvVars")],
      envFrom: [
        ...(fromConfigMap === "" ? [] : [{ configMapRef: { name: fromConfigMap } }]),
        ...(fromSecret === "" ? [] : [{ secretRef: { name: fromSecret } }]),
      ],
      lifecycle: preStop(count(values, "apisix.preStopSleepSeconds")),
      livenessProbe: map(values, "gateway.livenessProbe"),
    }),
    ports: containerPorts(values),
    readinessProbe: readiness(values),
    volumeMounts: [
      { name: "apisix-config", mountPath: GATEWAY_FILE.file, subPath: GATEWAY_FILE.key },
      ...(text(values, "gateway.tls.existingCASecret") === ""
        ? []
        : [{ name: "ssl", mountPath: `${GATEWAY_CA_FOLDER}/${caFile}`, subPath: caFile }]),
      ...additionalCas(values).map((_, index) => ({
        name: `additional-ca-${index}`,
        mountPath: `${GATEWAY_CA_FOLDER}/additional-ca-${index}`,
        readOnly: true,
      })),
      ...(hasCertificate ? [{ name: "etcd-ssl", mountPath: ETCD_CERTIFICATES }] : []),
      ...list(values, "extraVolumeMounts"),
    ],
    resources: map(values, "apisix.resources"),
  };
}

function containerPorts(values: Values): readonly Values[] {
  const more = (block: string): readonly Values[] =>
    list(values, `gateway.${block}.additionalContainerPorts`).map((entry) => {
      const port = isMap(entry) ? entry["port"] : undefined;
      return { name: `${block}-${String(port)}`, containerPort: port, protocol: "TCP" };
    });
  return [
    { name: "http", containerPort: count(values, "gateway.http.containerPort"), protocol: "TCP" },
    ...more("http"),
    { name: "tls", containerPort: count(values, "gateway.tls.containerPort"), protocol: "TCP" },
    ...more("tls"),
    ...(flag(values, "serviceMonitor.enabled")
      ? [{ name: "prometheus", containerPort: count(values, "serviceMonitor.containerPort"), protocol: "TCP" }]
      : []),
    ...(flag(values, "api7ee.status_endpoint.enabled")
      ? [{ name: "status", containerPort: count(values, "api7ee.status_endpoint.port"), protocol: "TCP" }]
      : []),
  ];
}

/** The given probe, else the chart's own: a TCP connection to the HTTP port. There is no liveness probe by default. */
function readiness(values: Values): Values {
  const given = map(values, "gateway.readinessProbe");
  return Object.keys(given).length > 0
    ? given
    : {
        failureThreshold: 6,
        initialDelaySeconds: 10,
        periodSeconds: 10,
        successThreshold: 1,
        tcpSocket: { port: count(values, "gateway.http.containerPort") },
        timeoutSeconds: 1,
      };
}

function preStop(seconds: number): Values {
  return seconds > 0 ? { preStop: { exec: { command: ["/bin/sh", "-c", `sleep ${seconds}`] } } } : {};
}
