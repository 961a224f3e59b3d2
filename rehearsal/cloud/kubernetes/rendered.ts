/**
 * What the official charts render for the processes of API7: names, mount paths and the shape of each config file.
 *
 * The charts' stand-in writes these files (as ConfigMaps), the gateways' processes read them below `REHEARSAL_ROOT`.
 * Names and paths are those of chart api7ee3 3.9.5 and chart gateway 3.9.10 (facts/api7.md 1).
 */

/** One config file of a component: the ConfigMap that holds it and where a container finds it. */
export interface RenderedFile {
  /** Name of the ConfigMap, from Helm's full name of the release. */
  readonly configMap: (fullname: string) => string;
  /** Key inside the ConfigMap. */
  readonly key: string;
  /** Absolute path in the container; the process reads `$REHEARSAL_ROOT` + this path. YAML. */
  readonly file: string;
}

/** Component names: the label `app.kubernetes.io/component` of the control plane's pods. Gateway pods carry none. */
export const COMPONENT = {
  dashboard: "dashboard",
  dpManager: "dp-manager",
  developerPortal: "developer-portal",
} as const;

/** `dashboard_configuration` of the values, as {@link DashboardConfiguration}. */
export const DASHBOARD_FILE: RenderedFile = {
  configMap: (fullname) => `${fullname}-dashboard-config`,
  key: "config.yaml",
  file: "/app/conf/config.yaml",
};

/** `dp_manager_configuration` of the values, as {@link DpManagerConfiguration}. */
export const DP_MANAGER_FILE: RenderedFile = {
  configMap: (fullname) => `${fullname}-dp-manager-config`,
  key: "config.yaml",
  file: "/api7-ee/config.yaml",
};

/** `developer_portal_configuration` of the values, as {@link DeveloperPortalConfiguration}. */
export const DEVELOPER_PORTAL_FILE: RenderedFile = {
  configMap: (fullname) => `${fullname}-developer-portal-config`,
  key: "config.yaml",
  file: "/app/conf/config.yaml",
};

/** The gateway's config file, as {@link GatewayConfiguration}. */
export const GATEWAY_FILE: RenderedFile = {
  configMap: (fullname) => fullname,
  key: "config.yaml",
  file: "/usr/local/apisix/conf/config.yaml",
};

/** Where `dashboard.keyCertSecret` and `developer_portal.keyCertSecret` are mounted; the file names are in the config. */
export const CONTROL_PLANE_CERTIFICATES = "/app/certs";
/** Where `etcd.auth.tls.existingSecret` (the gateway's client certificate) is mounted. */
export const ETCD_CERTIFICATES = "/etcd-ssl";
/** Folder of `gateway.tls.certCAFilename` from `gateway.tls.existingCASecret`, and of additional trusted CAs. */
export const GATEWAY_CA_FOLDER = "/usr/local/apisix/conf/ssl";

/** `disable: true` closes a listener that has the field; `port` is 1-65535. */
export interface Listener {
  readonly disable?: boolean;
  readonly host: string;
  readonly port: number;
}

/** A TLS listener; empty file names mean a self-signed certificate made at start. */
export interface TlsListener extends Listener {
  readonly key_file?: string;
  readonly cert_file?: string;
}

/** Go durations such as `30s` and `1h`. The DSN's scheme must be `postgres://`, its password URL-encoded. Secret. */
export interface DatabaseConfiguration {
  readonly dsn: string;
  readonly max_open_conns: number;
  readonly max_idle_time: string;
  readonly max_lifetime: string;
  readonly timeout: string;
}

/** `output` and `access_log` are `stdout`, `stderr` or a path. */
export interface LogConfiguration {
  readonly level: string;
  readonly output: string;
  readonly access_log: string;
}

/** The part of the dashboard's config file that the processes use; unknown further keys are kept as they are. */
export interface DashboardConfiguration {
  readonly server: {
    /** HTTP, 7080; off by default. */
    readonly listen: Listener;
    /** HTTPS, 7443. */
    readonly tls: TlsListener;
    /** 127.0.0.1:7081: the pod's own loopback, so nobody outside of the pod reaches it. */
    readonly status: Listener;
  };
  readonly log: LogConfiguration;
  readonly database: DatabaseConfiguration;
  readonly audit?: { readonly retention_days: number };
  readonly security?: {
    readonly ip_restriction?: {
      readonly allow_list: readonly string[];
      readonly deny_list: readonly string[];
      readonly message: string;
      readonly response_code: number;
    };
  };
}

/** The part of the DP Manager's config file that the process uses. */
export interface DpManagerConfiguration {
  readonly server: {
    /** HTTP, 7900. */
    readonly listen: Listener;
    /** mTLS, 7943. */
    readonly tls: Listener;
    readonly status: Listener;
  };
  readonly log: LogConfiguration;
  readonly database: DatabaseConfiguration;
}

/** The part of the developer portal's config file that the process uses. */
export interface DeveloperPortalConfiguration {
  readonly enable: boolean;
  readonly server: {
    /** 4321; HTTPS unless `tls.enabled` is false. */
    readonly listen: Listener & {
      readonly tls: { readonly enabled: boolean; readonly key_file: string; readonly cert_file: string };
    };
    readonly status: Listener;
  };
  readonly log: LogConfiguration;
  readonly database: DatabaseConfiguration;
}

/** The part of the gateway's config file that the process uses. */
export interface GatewayConfiguration {
  readonly api7ee: {
    /** Seconds between reports of upstream health to the control plane. */
    readonly healthcheck_report_interval: number;
    readonly status_endpoint: { readonly enabled: boolean; readonly ip: string; readonly port: number };
    readonly disable_upstream_healthcheck: boolean;
  };
  readonly apisix: {
    readonly node_listen: readonly { readonly ip: string; readonly port: number }[];
    readonly ssl: {
      readonly enable: boolean;
      readonly listen: readonly { readonly ip: string; readonly port: number }[];
      /** `system,<path>,<path>`: absolute paths in the container. Missing when no CA is configured. */
      readonly ssl_trusted_certificate?: string;
    };
    /** Missing unless `api7ee.status_endpoint.enabled`: then nothing listens on 7085. */
    readonly status?: { readonly ip: string; readonly port: number };
    readonly enable_control: boolean;
    readonly control?: { readonly ip: string; readonly port: number };
  };
  readonly nginx_config: {
    /** nginx duration, `240s`: how long requests in flight may go on after a stop. */
    readonly worker_shutdown_timeout: string;
    readonly http: { readonly keepalive_timeout: string };
  };
  /** `prometheus.export_addr` is there when `serviceMonitor.enabled`; else the exporter listens on 127.0.0.1:9091 only. */
  readonly plugin_attr?: {
    readonly prometheus?: {
      readonly export_addr?: { readonly ip: string; readonly port: number };
      readonly export_uri?: string;
      readonly metric_prefix?: string;
    };
  };
  readonly deployment: {
    /** `traditional` with the DP Manager as its etcd; `data_plane` only with a fallback control plane. */
    readonly role: string;
    readonly etcd: {
      /** DP Manager addresses, `https://name:7943`. Heartbeats go to the first only (facts/api7.md 1.5). */
      readonly host: readonly string[];
      readonly prefix: string;
      /** Seconds. */
      readonly timeout: number;
      readonly tls: {
        /** Absolute paths in the container, below {@link ETCD_CERTIFICATES}; missing without a client certificate. */
        readonly cert?: string;
        readonly key?: string;
        readonly verify: boolean;
        readonly sni?: string;
      };
    };
  };
}
