import { INIT_DIR } from "../common/etcd";
import { type Item } from "./controlPlane";

/** Values as the DP Manager delivers them; the tables' functions decide their shape. */
export interface RouteValue {
  readonly id: string;
  readonly name: string;
  readonly uris: readonly string[];
  readonly methods?: readonly string[];
  readonly service_id: string;
  readonly plugins?: PluginConfigurations;
  readonly priority?: number;
  readonly enable_websocket?: boolean;
  readonly timeout?: Timeouts;
}

export interface ServiceValue {
  readonly id: string;
  readonly name: string;
  readonly hosts?: readonly string[];
  readonly plugins?: PluginConfigurations;
  readonly upstream_id?: string;
}

export interface UpstreamValue {
  readonly id: string;
  readonly pass_host: string;
  readonly nodes: readonly { readonly host: string; readonly port: number; readonly weight: number }[];
  readonly timeout?: Timeouts;
}

/** Seconds. */
export interface Timeouts {
  readonly connect: number;
  readonly send: number;
  readonly read: number;
}

export type PluginConfigurations = Readonly<Record<string, unknown>>;

export interface CredentialValue {
  readonly id: string;
  readonly username: string;
  readonly plugins: PluginConfigurations;
}

export interface SslValue {
  readonly id: string;
  readonly snis: readonly string[];
  readonly cert: string;
  readonly key: string;
}

export interface GlobalRuleValue {
  readonly id: string;
  readonly plugins: PluginConfigurations;
}

/** What the control plane said, by directory and key; nothing is interpreted here. */
export class Configuration {
  readonly routes = new Map<string, RouteValue>();
  readonly services = new Map<string, ServiceValue>();
  readonly upstreams = new Map<string, UpstreamValue>();
  readonly credentials = new Map<string, CredentialValue>();
  readonly ssls = new Map<string, SslValue>();
  readonly globalRules = new Map<string, GlobalRuleValue>();
  /** Highest revision seen by directory, for the metric `apisix_etcd_modify_indexes`. */
  readonly modifyIndexes = new Map<string, number>();

  apply(items: readonly Item[]): void {
    for (const item of items) this.applyOne(item);
  }

  private applyOne({ key, value, revision }: Item): void {
    const [directory = "", ...rest] = key.split("/");
    this.modifyIndexes.set(directory, Math.max(revision, this.modifyIndexes.get(directory) ?? 0));
    if (value === INIT_DIR) return;
    const map = this.mapOf(directory, rest);
    if (!map) return;
    const id = rest.at(-1) ?? "";
    if (value === undefined) map.delete(id);
    else map.set(id, value);
  }

  /** Directories that this data plane does not act on (consumers' own rows, metadata, secrets) have no map. */
  private mapOf(directory: string, rest: readonly string[]): Map<string, unknown> | undefined {
    switch (directory) {
      case "routes":
        return this.routes;
      case "services":
        return this.services;
      case "upstreams":
        return this.upstreams;
      case "consumers":
        return rest[1] === "credentials" ? this.credentials : undefined;
      case "ssls":
        return this.ssls;
      case "global_rules":
        return this.globalRules;
      default:
        return undefined;
    }
  }
}
