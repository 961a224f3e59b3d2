import { ETCD_CERTIFICATES, GATEWAY_CA_FOLDER, type GatewayConfiguration } from "../../cloud/kubernetes/rendered";
import { present } from "./objects";
import { at, count, flag, isMap, list, map, mergeValues, text, type Values } from "./values";

/** One extra trusted CA of `gateway.tls.additionalTrustedCAs`. */
export interface TrustedCa {
  readonly secretName: string;
  readonly filename: string;
}

/** @throws Error when an entry lacks one of its two names */
export function additionalCas(values: Values): readonly TrustedCa[] {
  return list(values, "gateway.tls.additionalTrustedCAs").map((entry, index) => {
    const { secretName, filename } = isMap(entry) ? entry : {};
    if (typeof secretName !== "string" || typeof filename !== "string") {
      throw new Error(
        `Chart value gateway.tls.additionalTrustedCAs[${index}] needs the texts secretName and filename.`,
      );
    }
    return { secretName, filename };
  });
}

/** `system,<file>,<file>`, or nothing without a CA (facts/api7.md 1.4). */
function trustedCertificates(values: Values): string | undefined {
  const own =
    text(values, "gateway.tls.existingCASecret") === ""
      ? []
      : [`${GATEWAY_CA_FOLDER}/${text(values, "gateway.tls.certCAFilename")}`];
  const more = additionalCas(values).map(
    ({ filename }, index) => `${GATEWAY_CA_FOLDER}/additional-ca-${index}/${filename}`,
  );
  const files = [...own, ...more];
  return files.length === 0 ? undefined : ["system", ...files].join(",");
}

function apisix(values: Values): Values {
  const status = "api7ee.status_endpoint";
  return {
    node_listen: [
      { ip: text(values, "gateway.http.ip"), port: count(values, "gateway.http.containerPort") },
      ...list(values, "gateway.http.additionalContainerPorts"),
    ],
    enable_heartbeat: true,
    enable_admin: flag(values, "admin.enabled"),
    enable_admin_cors: flag(values, "admin.cors"),
    enable_debug: false,
    enable_dev_mode: false,
    enable_reuseport: true,
    enable_ipv6: flag(values, "apisix.enableIPv6"),
    enable_server_tokens: flag(values, "apisix.enableServerTokens"),
    delete_uri_tail_slash: flag(values, "apisix.deleteURITailSlash"),
    normalize_uri_like_servlet: flag(values, "apisix.normalizeURILikeServlet"),
    match_uri_encoded_slash: flag(values, "apisix.matchURIEncodedSlash"),
    max_post_args_readable_size: at(values, "apisix.maxPostArgsReadableSize"),
    ...present({ trusted_addresses: list(values, "apisix.trustedAddresses") }),
    router: { http: text(values, "apisix.httpRouter"), ssl: "radixtree_sni" },
    dns_resolver_valid: at(values, "dns.validity"),
    resolver_timeout: at(values, "dns.timeout"),
    ssl: {
      enable: flag(values, "gateway.tls.enabled"),
      listen: [
        {
          ip: text(values, "gateway.tls.ip"),
          port: count(values, "gateway.tls.containerPort"),
          enable_http2: flag(values, "gateway.tls.http2.enabled"),
        },
        ...list(values, "gateway.tls.additionalContainerPorts"),
      ],
      ssl_protocols: text(values, "gateway.tls.sslProtocols"),
      ...present({
        ssl_trusted_certificate: trustedCertificates(values),
        fallback_sni: at(values, "gateway.tls.fallbackSNI"),
      }),
    },
    ...(flag(values, `${status}.enabled`)
      ? { status: { ip: text(values, `${status}.ip`), port: count(values, `${status}.port`) } }
      : {}),
    enable_control: flag(values, "control.enabled"),
    ...(flag(values, "control.enabled")
      ? { control: { ip: text(values, "control.ip"), port: count(values, "control.port") } }
      : {}),
    disable_upstream_healthcheck: flag(values, "api7ee.disable_upstream_healthcheck"),
    lru: map(values, "apisix.lru"),
    tracing: flag(values, "apisix.tracing"),
  };
}

function nginx(values: Values): Values {
  const http = "nginx.http";
  return {
    error_log: text(values, "logs.errorLog"),
    error_log_level: text(values, "logs.errorLogLevel"),
    worker_processes: text(values, "nginx.workerProcesses"),
    enable_cpu_affinity: flag(values, "nginx.enableCPUAffinity"),
    worker_rlimit_nofile: Number(at(values, "nginx.workerRlimitNofile")),
    worker_shutdown_timeout: text(values, "nginx.workerShutdownTimeout"),
    event: { worker_connections: Number(at(values, "nginx.workerConnections")) },
    ...present({ envs: list(values, "nginx.envs") }),
    meta: { lua_shared_dict: map(values, "apisix.meta.luaSharedDict") },
    http: {
      enable_access_log: flag(values, "logs.enableAccessLog"),
      ...(flag(values, "logs.enableAccessLog") ? { access_log: text(values, "logs.accessLog") } : {}),
      keepalive_timeout: text(values, `${http}.keepaliveTimeout`),
      client_header_timeout: text(values, `${http}.clientHeaderTimeout`),
      client_body_timeout: text(values, `${http}.clientBodyTimeout`),
      send_timeout: text(values, `${http}.sendTimeout`),
      client_max_body_size: at(values, `${http}.clientMaxBodySize`),
      underscores_in_headers: "on",
      real_ip_header: "X-Real-IP",
      real_ip_from: ["127.0.0.1", "unix:"],
      lua_shared_dict: map(values, "apisix.http.luaSharedDict"),
    },
  };
}

/** The exporter's own address with a ServiceMonitor; given attributes win. */
function pluginAttributes(values: Values): Values {
  const monitor = "serviceMonitor";
  const prometheus = flag(values, `${monitor}.enabled`)
    ? {
        prometheus: {
          export_addr: { ip: "0.0.0.0", port: count(values, `${monitor}.containerPort`) },
          export_uri: text(values, `${monitor}.path`),
          metric_prefix: text(values, `${monitor}.metricPrefix`),
        },
      }
    : {};
  return mergeValues(prometheus, map(values, "pluginAttrs"));
}

function etcd(values: Values): Values {
  const tls = "etcd.auth.tls";
  const files = flag(values, `${tls}.enabled`)
    ? {
        cert: `${ETCD_CERTIFICATES}/${text(values, `${tls}.certFilename`)}`,
        key: `${ETCD_CERTIFICATES}/${text(values, `${tls}.certKeyFilename`)}`,
      }
    : {};
  return {
    host: list(values, "etcd.host"),
    prefix: text(values, "etcd.prefix"),
    timeout: count(values, "etcd.timeout"),
    ...present({ user: at(values, "etcd.user"), password: at(values, "etcd.password") }),
    tls: { ...files, verify: flag(values, `${tls}.verify`), ...present({ sni: at(values, `${tls}.sni`) }) },
  };
}

/** The gateway's config file for the values in use. */
export function gatewayConfiguration(values: Values): GatewayConfiguration {
  const configuration = {
    api7ee: map(values, "api7ee"),
    apisix: apisix(values),
    nginx_config: nginx(values),
    ...present({ plugin_attr: pluginAttributes(values) }),
    deployment: { role: "traditional", role_traditional: { config_provider: "etcd" }, etcd: etcd(values) },
  };
  return configuration as unknown as GatewayConfiguration;
}
