import { paced, type Pod } from "./pod";

/**
 * Columns of `gateway_instance` with the state as of now; parameter $1 is after how many seconds without a heartbeat an
 * instance counts as lost. States and times: facts/api7.md 3.2 (lost after 30 s, offline after 2 hours).
 */
export const INSTANCE_COLUMNS = `instance_id, hostname, host(ip) as ip, gateway_group_id, version, cores, config_version::float8 as config_version,
  last_heartbeat_time, created_at, ${stateNow("$1")} as status`;

/** SQL for the state that follows from the time of the last heartbeat. */
export function stateNow(lostAfterSeconds: string): string {
  return `case when last_heartbeat_time < now() - interval '2 hours' then 'Offline'
    when last_heartbeat_time < now() - ${lostAfterSeconds} * interval '1 second' then 'LostConnection' else status end`;
}

/** 30 s without a heartbeat, shortened by the pace as the heartbeats are. */
export function lostAfterSeconds(pod: Pod): number {
  return paced(pod, 30_000, 3_000) / 1000;
}
