import { createHash } from "node:crypto";
import { z } from "zod";
import { type Licence } from "../../migration/expiry";
import { CouldNotLook } from "../result";
import { type HttpAnswer } from "./http";
import { readJson } from "./kubernetes";
import { type Probe } from "./probe";

/** The control plane's own API (facts/api7.md 2.1), asked through the cluster's API server. */

/** HTTPS port of the dashboard, which serves the API (facts/api7.md 1.2). */
export const DASHBOARD_PORT = 7443;
const PAGE_SIZE = 100;
const MAX_PAGES = 20;
const SYSTEM_SETTINGS = "/api/system_settings";
const ALERT_POLICIES = "/api/alert/policies";

type Method = "GET" | "POST" | "PUT" | "PATCH";

/** A data plane instance as the control plane lists it. */
export interface Instance {
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly version: string;
  readonly status: string;
  readonly lastHeartbeat: Date | undefined;
}

export interface GatewayGroup {
  readonly id: string;
  readonly shortId: string;
}

/** Gateway Settings > Deployment. */
export interface DeploymentSettings {
  /** Addresses that "add instance" tells new gateways. */
  readonly dpManagerAddress: readonly string[];
  /** Name of that setting in this version (facts/api7.md 2.1: older ones say `control_plane_address`). */
  readonly key: "dp_manager_address" | "control_plane_address";
  /** Names of all other settings with a digest of each value: whether a write touched more than it should. */
  readonly others: Readonly<Record<string, string>>;
}

export interface AlertPolicy {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
}

const TEXT = z.union([z.string(), z.number()]).transform(String);
const GROUP = z.object({ id: TEXT, short_id: z.string().nullish() });
const INSTANCE = z.object({
  instance_id: TEXT.optional(),
  id: TEXT.optional(),
  hostname: z.string().nullish(),
  ip: z.string().nullish(),
  version: z.string().nullish(),
  status: TEXT.nullish(),
  last_heartbeat_time: z.union([z.string(), z.number()]).nullish(),
});

const ADDRESSES = z.array(z.string()).nullish();
const SETTINGS = z.looseObject({ dp_manager_address: ADDRESSES, control_plane_address: ADDRESSES });
/** `enable` in the API's description of 3.2; `enabled` is taken as well. */
const POLICY = z.object({
  id: TEXT,
  name: z.string().nullish(),
  enable: z.boolean().optional(),
  enabled: z.boolean().optional(),
});

const LICENCE = z.object({
  effective_at: z.union([z.string(), z.number()]).nullish(),
  expired_at: z.union([z.string(), z.number()]),
  max_dp_cores: z.number().nullish(),
  runtime: z
    .object({ status: z.string().nullish(), dp_cores: z.number().nullish(), used_dp_cores: z.number().nullish() })
    .nullish(),
});

export class ControlPlane {
  /**
   * @param controlPlane Helm's full name: the service is `<fullname>-dashboard`
   * @param token sent as `X-API-KEY`
   */
  constructor(
    private readonly probe: Probe,
    private readonly label: string,
    private readonly controlPlane: string,
    private readonly token: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Version as the control plane says it, without a leading `v`. @throws CouldNotLook */
  async version(): Promise<string> {
    const named = z.object({ version: z.string() });
    const schema = z.union([z.object({ value: z.union([z.string(), named]) }), named]);
    const { data } = await this.ask(schema, "GET", "/api/version");
    const version = "version" in data ? data.version : typeof data.value === "string" ? data.value : data.value.version;
    return version.replace(/^v/, "");
  }

  /** @throws CouldNotLook */
  async gatewayGroups(): Promise<readonly GatewayGroup[]> {
    const { items } = await this.list(GROUP, "/api/gateway_groups");
    return items.map((group) => ({ id: group.id, shortId: group.short_id ?? group.id }));
  }

  /** The licence, and how much of it is used (facts/api7.md 2.1, 2.4). @throws CouldNotLook */
  async licence(): Promise<Licence> {
    const { data } = await this.ask(z.union([z.object({ value: LICENCE }), LICENCE]), "GET", "/api/license");
    const found = "value" in data ? data.value : data;
    const { runtime } = found;
    return {
      effectiveAt: parseTime(found.effective_at ?? undefined),
      expiredAt: parseTime(found.expired_at),
      maximumCores: found.max_dp_cores ?? undefined,
      usedCores: runtime?.dp_cores ?? runtime?.used_dp_cores ?? undefined,
      status: runtime?.status ?? "",
    };
  }

  /** The group with this short id. @throws CouldNotLook when there is none */
  async gatewayGroup(shortId: string): Promise<GatewayGroup> {
    const groups = await this.gatewayGroups();
    const found = groups.find((group) => group.shortId === shortId || group.id === shortId);
    if (found) return found;
    throw new CouldNotLook(
      `${this.label}, gateway group ${shortId}`,
      `the control plane lists ${groups.map((group) => group.shortId).join(", ") || "no group"}`,
      "correct the group's short id in the settings; after a restore it is the same as on A",
    );
  }

  /** Every instance of a group, and the time on the server's clock. @throws CouldNotLook */
  async instances(groupId: string): Promise<{ readonly instances: readonly Instance[]; readonly serverTime: Date }> {
    const path = `/api/gateway_groups/${encodeURIComponent(groupId)}/instances`;
    const { items, serverTime } = await this.list(INSTANCE, path);
    const instances = items.map((item) => ({
      id: item.instance_id ?? item.id ?? "",
      hostname: item.hostname ?? "",
      ip: item.ip ?? "",
      version: (item.version ?? "").replace(/^v/, ""),
      status: item.status ?? "",
      lastHeartbeat: parseTime(item.last_heartbeat_time ?? undefined),
    }));
    return { instances, serverTime };
  }

  /**
   * A client certificate for data planes of a group (facts/api7.md 2.1). The private key exists in this answer only.
   * @throws CouldNotLook without any part of the answer's body: it may hold the key
   */
  async issueCertificate(groupId: string): Promise<ClientCertificate> {
    const schema = z.object({
      value: z.object({ certificate: z.string(), private_key: z.string(), ca_certificate: z.string() }),
    });
    const path = `/api/gateway_groups/${encodeURIComponent(groupId)}/dp_client_certificates`;
    const { data } = await this.ask(schema, "POST", path, "{}");
    return { certificate: data.value.certificate, privateKey: data.value.private_key, ca: data.value.ca_certificate };
  }

  /** @throws CouldNotLook */
  async deploymentSettings(): Promise<DeploymentSettings> {
    const { data } = await this.ask(z.object({ value: SETTINGS }), "GET", SYSTEM_SETTINGS);
    const { dp_manager_address: address, control_plane_address: older, ...others } = data.value;
    const key = address === undefined && older !== undefined ? "control_plane_address" : "dp_manager_address";
    const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
    return {
      dpManagerAddress: address ?? older ?? [],
      key,
      others: Object.fromEntries(Object.entries(others).map(([name, value]) => [name, digest(value)])),
    };
  }

  /** Sets the addresses, and nothing else of the settings. @throws CouldNotLook */
  async setDpManagerAddress(key: DeploymentSettings["key"], addresses: readonly string[]): Promise<void> {
    await this.ask(z.unknown(), "PUT", SYSTEM_SETTINGS, JSON.stringify({ [key]: addresses }));
  }

  /** Every alert policy, of all gateway groups. @throws CouldNotLook */
  async alertPolicies(): Promise<readonly AlertPolicy[]> {
    const { items } = await this.list(POLICY, ALERT_POLICIES);
    return items.map(({ id, name, enable, enabled }) => {
      const on = enable ?? enabled;
      if (on !== undefined) return { id, name: name ?? id, enabled: on };
      throw new CouldNotLook(
        `${this.label} ${ALERT_POLICIES}`,
        `policy ${id} does not say whether it is enabled`,
        "compare the API of this version with checks/clients/controlPlane.ts",
        { lasting: true },
      );
    });
  }

  /**
   * Switches one alert policy, and changes nothing else of it. A body that is an object is what the API's description
   * says; versions that take JSON Patch alone refuse it, and get that.
   * @throws CouldNotLook
   */
  async switchAlertPolicy(id: string, enabled: boolean): Promise<void> {
    const path = `${ALERT_POLICIES}/${encodeURIComponent(id)}`;
    const answer = await this.send("PATCH", path, JSON.stringify({ enable: enabled }));
    if (answer.status === 200) return;
    if (answer.status !== 400 && answer.status !== 415) throw this.refusal(path, answer);
    await this.ask(z.unknown(), "PATCH", path, JSON.stringify([{ op: "replace", path: "/enable", value: enabled }]));
  }

  /** All pages of a listing: `{list, total}`, `{value: {list, total}}` or `{value: [...]}`. */
  private async list<T>(item: z.ZodType<T>, path: string): Promise<{ items: readonly T[]; serverTime: Date }> {
    const page = z.object({ list: z.array(item), total: z.number().optional() });
    const schema = z.union([page, z.object({ value: z.union([page, z.array(item)]) })]);
    const items: T[] = [];
    let serverTime = new Date();
    for (let number = 1; number <= MAX_PAGES; number += 1) {
      const answer = await this.ask(schema, "GET", `${path}?page=${number}&page_size=${PAGE_SIZE}`);
      serverTime = answer.date ?? serverTime;
      const data = "value" in answer.data ? answer.data.value : answer.data;
      const found = Array.isArray(data) ? data : data.list;
      items.push(...found);
      const total = Array.isArray(data) ? found.length : (data.total ?? found.length);
      if (items.length >= total || found.length === 0) return { items, serverTime };
    }
    throw new CouldNotLook(
      `${this.label} ${path}`,
      `more than ${MAX_PAGES} pages of ${PAGE_SIZE}`,
      "remove instances that are gone from the control plane",
    );
  }

  private async ask<T>(
    schema: z.ZodType<T>,
    method: Method,
    path: string,
    body?: string,
  ): Promise<{ readonly data: T; readonly date: Date | undefined }> {
    const answer = await this.send(method, path, body);
    if (answer.status !== 200 && answer.status !== 201) throw this.refusal(path, answer);
    return { data: readJson(schema, answer, this.subject(path)), date: answer.date };
  }

  private send(method: Method, path: string, body?: string): Promise<HttpAnswer> {
    const target = {
      kind: "services",
      name: `${this.controlPlane}-dashboard`,
      scheme: "https",
      port: DASHBOARD_PORT,
    } as const;
    const headers = { "x-api-key": this.token, ...(body !== undefined && { "content-type": "application/json" }) };
    return this.probe(target, { method, path, headers, body, signal: this.signal });
  }

  private subject(path: string): string {
    return `${this.label} ${path.replace(/\?.*/, "")}`;
  }

  /** The body of a failed answer is never repeated: it may hold what it was asked for. */
  private refusal(path: string, { status, contentType }: HttpAnswer): CouldNotLook {
    return new CouldNotLook(
      this.subject(path),
      `HTTP ${status} (${contentType || "no content type"})`,
      remedyOf(status),
    );
  }
}

export interface ClientCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM. Secret. */
  readonly privateKey: string;
  /** PEM. */
  readonly ca: string;
}

/** A heartbeat's time: ISO 8601, or seconds or milliseconds since 1970. */
export function parseTime(value: string | number | undefined): Date | undefined {
  if (value === undefined || value === "") return undefined;
  const number = typeof value === "number" ? value : /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
  // Milliseconds have thirteen digits in this century, seconds ten.
  const date = new Date(number === undefined ? value : number > 1e11 ? number : number * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function remedyOf(status: number): string {
  if (status === 401 || status === 403) {
    return "give a valid API7 token in the secret setting; A's tokens keep working on B, unless renewed after the copy";
  }
  if (status === 404) return "check the control plane's full name and version";
  return "look at the dashboard's log: kubectl logs deployment/<fullname>-dashboard";
}
