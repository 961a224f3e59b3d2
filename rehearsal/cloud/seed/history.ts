/**
 * What has collected over months of use: audit log, alerts, statistics, sessions, data planes seen, developers. Times
 * are relative to now, because retention and states are.
 */
export function runtimeHistory(version: string): readonly string[] {
  return [
    `do $$
     declare
       month timestamptz;
     begin
       for month in select generate_series(date_trunc('month', now()) - interval '2 months', date_trunc('month', now()) + interval '1 month', interval '1 month') loop
         execute format('create table %I partition of audit_log for values from (%L) to (%L)',
           'audit_log_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
       end loop;
     end $$`,
    `insert into audit_log (created_at, username, client_ip, method, path, status)
     select now() - n * interval '11 minutes', (array['admin', 'deploy', 'operator'])[1 + n % 3], ('10.20.' || n % 8 || '.' || n % 250)::inet,
       (array['GET', 'GET', 'PUT', 'POST'])[1 + n % 4], '/apisix/admin/routes/' || md5(n::text), case when n % 97 = 0 then 403 else 200 end
     from generate_series(1, 5000) n`,
    `insert into gateway_instance (instance_id, hostname, ip, gateway_group_id, version, status, cores, config_version, last_heartbeat_time, created_at)
     select gen_random_uuid(), 'api7-gateway-' || substr(md5(n::text), 1, 10), ('10.30.0.' || n)::inet, id, '${version.replaceAll("'", "")}', 'Offline', 4, 1,
       now() - n * interval '3 days', now() - interval '90 days'
     from gateway_group, generate_series(1, 2) n`,
    `insert into alert_policy (id, gateway_group_id, name, event, threshold, channels)
     select 'policy-' || n, id, 'policy ' || n, (array['status_code', 'instance_offline', 'ssl_expiry', 'license_expiry'])[1 + n % 4],
       n * 1.25, array['mail', 'chat']
     from gateway_group, generate_series(1, 8) n`,
    `insert into alert_history (policy_id, severity, message, fired_at)
     select 'policy-' || (1 + n % 8), (array['info', 'warning', 'critical'])[1 + n % 3], 'threshold reached', now() - n * interval '1 hour'
     from generate_series(1, 500) n`,
    `insert into api_call_statistics (gateway_group_id, service_id, hour, calls, bytes)
     select s.gateway_group_id, s.id, date_trunc('hour', now()) - n * interval '1 hour', 1000 + n, (1000 + n) * 2048
     from service s, generate_series(1, 24) n`,
    `insert into core_usage (measured_at, instances, cores) select now() - n * interval '1 hour', 2, 8 from generate_series(1, 200) n`,
    `insert into session (id, user_id, hash, created_at, expires_at)
     select 'session-' || n, 'admin', digest(gen_random_bytes(16), 'sha256'), now() - n * interval '1 day', now() - n * interval '23 hours'
     from generate_series(1, 20) n`,
    `insert into portal.developer (email) select 'developer' || n || '@partner.example' from generate_series(1, 40) n`,
    `insert into portal.application (developer_id, name, settings) select id, 'app of ' || email, '{"limits": {"perSecond": 10.50}}' from portal.developer`,
    // The key-value table's own bookkeeping, as kine keeps it.
    `insert into kine (name, created, deleted, create_revision, prev_revision, value) values ('compact_rev_key', 1, 0, 0, 0, '')`,
  ];
}
