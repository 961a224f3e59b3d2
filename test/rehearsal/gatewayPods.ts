import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { podCommand } from "../../rehearsal/cloud/gateways";
import { writeGatewayFault, type GatewayFault } from "../../rehearsal/cloud/gateways/gateway/faults";
import {
  DASHBOARD_FILE,
  DEVELOPER_PORTAL_FILE,
  DP_MANAGER_FILE,
  GATEWAY_FILE,
  type DashboardConfiguration,
  type DeveloperPortalConfiguration,
  type DpManagerConfiguration,
  type GatewayConfiguration,
} from "../../rehearsal/cloud/kubernetes/rendered";

export const VERSION = "3.9.18";
export const NAMESPACE = "api7";
export const DP_MANAGER_NAME = `api7ee3-dp-manager.${NAMESPACE}.svc.cluster.local`;
/** Heartbeats every 0.5 s, changes read every 0.2 s. */
const PACE = 20;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One process of the stand-ins, with its mounted files, as the pods' runner starts it. */
export class TestPod {
  output = "";
  private readonly child: ChildProcess;
  private readonly root: string;
  readonly exited: Promise<number | null>;

  constructor(o: {
    readonly home: string;
    readonly cluster: "a" | "b";
    readonly name: string;
    readonly ip: string;
    readonly image: string;
    readonly files: Readonly<Record<string, string>>;
    readonly hosts: Readonly<Record<string, readonly string[]>>;
    readonly env?: Readonly<Record<string, string>>;
  }) {
    const root = join(o.home, o.name);
    this.root = root;
    for (const [path, content] of Object.entries(o.files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const hosts = join(root, "hosts.json");
    writeFileSync(hosts, JSON.stringify(o.hosts));
    const [command = "", ...argv] = podCommand(o.image) ?? [];
    const env = {
      POD_NAME: o.name,
      POD_IP: o.ip,
      POD_NAMESPACE: NAMESPACE,
      HOSTNAME: o.name,
      REHEARSAL_ROOT: root,
      REHEARSAL_CLUSTER: o.cluster,
      REHEARSAL_HOSTS: hosts,
      REHEARSAL_PACE: String(PACE),
      ...o.env,
    };
    this.child = spawn(command, argv, { env, stdio: ["pipe", "pipe", "pipe", "ipc"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    }
    this.exited = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Its table of names is its own here, and so is its fault. */
  fault(fault: GatewayFault): void {
    writeGatewayFault(this.root, fault);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}

const DATABASE = { max_open_conns: 8, max_idle_time: "30s", max_lifetime: "1h", timeout: "5s" } as const;
const LOG = { level: "info", output: "stdout", access_log: "stdout" } as const;
const TLS_FILES = { key_file: "", cert_file: "" } as const;

export function dashboardFiles(dsn: string, security?: DashboardConfiguration["security"]): Record<string, string> {
  const configuration: DashboardConfiguration = {
    server: {
      listen: { disable: true, host: "0.0.0.0", port: 7080 },
      tls: { disable: false, host: "0.0.0.0", port: 7443, ...TLS_FILES },
      status: { disable: false, host: "127.0.0.1", port: 7081 },
    },
    log: LOG,
    database: { dsn, ...DATABASE },
    ...(security ? { security } : {}),
  };
  return { [DASHBOARD_FILE.file]: stringify(configuration) };
}

export function dpManagerFiles(dsn: string): Record<string, string> {
  const configuration: DpManagerConfiguration = {
    server: {
      listen: { host: "0.0.0.0", port: 7900 },
      tls: { host: "0.0.0.0", port: 7943 },
      status: { host: "127.0.0.1", port: 7901 },
    },
    log: LOG,
    database: { dsn, ...DATABASE },
  };
  return { [DP_MANAGER_FILE.file]: stringify(configuration) };
}

export function portalFiles(dsn: string): Record<string, string> {
  const configuration: DeveloperPortalConfiguration = {
    enable: true,
    server: {
      listen: { host: "0.0.0.0", port: 4321, tls: { enabled: true, ...TLS_FILES } },
      status: { host: "127.0.0.1", port: 4322 },
    },
    log: LOG,
    database: { dsn, ...DATABASE },
  };
  return { [DEVELOPER_PORTAL_FILE.file]: stringify(configuration) };
}

export interface Issued {
  readonly certificate: string;
  readonly private_key: string;
  readonly ca_certificate: string;
}

export function gatewayFiles(
  certificate: Issued,
  hosts: readonly string[],
  o: { readonly verify?: boolean; readonly exporter?: boolean } = {},
): Record<string, string> {
  const configuration: GatewayConfiguration = {
    api7ee: {
      healthcheck_report_interval: 120,
      status_endpoint: { enabled: true, ip: "0.0.0.0", port: 7085 },
      disable_upstream_healthcheck: false,
    },
    apisix: {
      node_listen: [{ ip: "0.0.0.0", port: 9080 }],
      ssl: {
        enable: true,
        listen: [{ ip: "0.0.0.0", port: 9443 }],
        ssl_trusted_certificate: "system,/usr/local/apisix/conf/ssl/ca.crt",
      },
      status: { ip: "0.0.0.0", port: 7085 },
      enable_control: true,
      control: { ip: "127.0.0.1", port: 9090 },
    },
    nginx_config: { worker_shutdown_timeout: "240s", http: { keepalive_timeout: "75s" } },
    ...(o.exporter === false ? {} : { plugin_attr: { prometheus: { export_addr: { ip: "0.0.0.0", port: 9091 } } } }),
    deployment: {
      role: "traditional",
      etcd: {
        host: hosts,
        prefix: "/apisix",
        timeout: 5,
        tls: { cert: "/etcd-ssl/tls.crt", key: "/etcd-ssl/tls.key", verify: o.verify ?? true },
      },
    },
  };
  return {
    [GATEWAY_FILE.file]: stringify(configuration),
    "/etcd-ssl/tls.crt": certificate.certificate,
    "/etcd-ssl/tls.key": certificate.private_key,
    "/usr/local/apisix/conf/ssl/ca.crt": certificate.ca_certificate,
  };
}

/** One request without keep-alive; TLS certificates are not verified (the dashboard's is self-signed). */
export function ask(
  url: string,
  o: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly servername?: string;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method: o.method ?? "GET", headers: o.headers ?? {}, agent: false, timeout: 10_000 } as const;
    const secure = {
      ...options,
      rejectUnauthorized: false,
      ...(o.servername === undefined ? {} : { servername: o.servername }),
    };
    const request = url.startsWith("https:") ? httpsRequest(url, secure) : httpRequest(url, options);
    request.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer from ${url} within 10 s`)));
    request.on("error", reject);
    request.end(o.body);
  });
}

/** Waits until `attempt` resolves to something truthy; its last error or result is in the message when it does not. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined | false>,
  seconds = 15,
): Promise<T> {
  let last: unknown;
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline;) {
    try {
      const result = await attempt();
      if (result) return result;
      last = result;
    } catch (error) {
      last = error;
    }
    await delay(50);
  }
  return assert.fail(
    `${what}: not within ${seconds} s (${last instanceof Error ? last.message : JSON.stringify(last)})`,
  );
}

export async function answers(url: string, status = 200): Promise<void> {
  await eventually(`${url} answers ${status}`, async () => (await ask(url)).status === status);
}
