import { type IncomingMessage } from "node:http";
import { type Pool } from "pg";
import { HttpError, readJson } from "../common/http";
import { lostAfterSeconds, stateNow } from "../common/instances";
import { type Log } from "../common/log";
import { type Pod } from "../common/pod";

/** What data planes report, written into the tables that change all the time (facts/api7.md 3.3 and 4.4). */
export class AgentApi {
  constructor(
    private readonly pod: Pod,
    private readonly pool: Pool,
    private readonly log: Log,
  ) {}

  /** `POST /api/dataplane/heartbeat`: the instance's row; answers with its group, without which an agent cannot go on. */
  async heartbeat(request: IncomingMessage): Promise<unknown> {
    const body = await readJson(request);
    const shortId = text(body.gateway_group_short_id, "gateway_group_short_id");
    const group = await this.pool.query<{ id: string }>("select id from gateway_group where short_id = $1", [shortId]);
    const groupId = group.rows[0]?.id;
    if (groupId === undefined) throw new HttpError(404, `gateway group ${shortId} not found`);
    const instanceId = header(request, "gateway-instance-id");
    const written = await this.pool.query<{ created: boolean }>(
      `insert into gateway_instance (instance_id, hostname, ip, gateway_group_id, version, status, cores, config_version, last_heartbeat_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now())
       on conflict (instance_id) do update set hostname = excluded.hostname, ip = excluded.ip, version = excluded.version,
         status = excluded.status, cores = excluded.cores, config_version = excluded.config_version, last_heartbeat_time = now()
       returning xmax = 0 as created`,
      [
        instanceId,
        text(body.hostname, "hostname"),
        text(body.ip, "ip"),
        groupId,
        header(request, "gateway-version"),
        body.synced === true ? "Healthy" : "OutOfSync",
        typeof body.cores === "number" ? body.cores : 1,
        typeof body.config_version === "number" ? body.config_version : 0,
      ],
    );
    if (written.rows[0]?.created === true)
      this.log("info", `new gateway instance ${instanceId} (${text(body.hostname, "hostname")})`);
    return { instance_id: instanceId, gateway_group_id: groupId, config: { config_version: body.config_version } };
  }

  /** `POST /api/dataplane/metrics`: calls and bytes by service since the last report. */
  async metrics(request: IncomingMessage): Promise<unknown> {
    const body = await readJson(request);
    const services = JSON.stringify(body.services ?? []);
    await this.pool.query(
      `insert into api_call_statistics (gateway_group_id, service_id, hour, calls, bytes)
       select $1, item ->> 'service_id', date_trunc('hour', now()), (item ->> 'calls')::numeric, (item ->> 'bytes')::numeric
       from jsonb_array_elements($2::jsonb) item order by 2
       on conflict (gateway_group_id, service_id, hour) do update
         set calls = api_call_statistics.calls + excluded.calls, bytes = api_call_statistics.bytes + excluded.bytes`,
      [text(body.gateway_group_id, "gateway_group_id"), services],
    );
    return {};
  }

  /** Turns instances without heartbeats into lost ones, forgets those of a week ago, and records the cores in use. */
  async sweep(): Promise<void> {
    await this.pool.query(
      `update gateway_instance set status = ${stateNow("$1")} where status is distinct from ${stateNow("$1")}`,
      [lostAfterSeconds(this.pod)],
    );
    const removed = await this.pool.query<{ instance_id: string }>(
      "delete from gateway_instance where last_heartbeat_time < now() - interval '7 days' returning instance_id",
    );
    for (const { instance_id: id } of removed.rows) {
      await this.pool.query(
        "insert into audit_log (username, client_ip, method, path, status) values ('system', $1, 'DELETE', $2, 200)",
        [this.pod.ip, `/api/instances/${id}`],
      );
    }
  }

  async recordCores(): Promise<void> {
    await this.pool.query(
      `insert into core_usage (instances, cores)
       select count(*), coalesce(sum(cores), 0) from gateway_instance where last_heartbeat_time > now() - $1 * interval '1 second'`,
      [lostAfterSeconds(this.pod)],
    );
  }
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new HttpError(400, `${name} is missing`);
  return value;
}

function header(request: IncomingMessage, name: string): string {
  return text(request.headers[name], name);
}
