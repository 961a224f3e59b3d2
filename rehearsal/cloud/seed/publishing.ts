/**
 * How configuration reaches data planes: every change of a row becomes a revision of a key in the key-value table, in
 * the same transaction, under `/gateway_groups/{short_id}/` (facts/api7.md 4.3). What the database says is what is served.
 */

/** The tables whose rows data planes get; credentials are published beside, through their consumer. */
export const PUBLISHED_TABLES = [
  "route",
  "service",
  "upstream",
  "consumer",
  "ssl",
  "plugin_metadata",
  "global_rule",
  "secret_provider",
] as const;

/** Functions that turn rows into keys and values. */
export const PUBLISHING = `
-- Writes one revision of one key; a missing value deletes the key. Revisions must become visible in their order,
-- because readers ask for "all after n": writers take turns.
create function kine_write(key text, content jsonb) returns void language plpgsql as $$
declare
  last kine%rowtype;
  revision bigint;
begin
  perform pg_advisory_xact_lock(7943);
  select * into last from kine where name = key order by id desc limit 1;
  if content is null then
    if last.id is null or last.deleted = 1 then return; end if;
    insert into kine (name, created, deleted, create_revision, prev_revision, value, old_value)
      values (key, 0, 1, last.create_revision, last.id, null, last.value);
  elsif last.id is null or last.deleted = 1 then
    revision := nextval('kine_id_seq');
    insert into kine (id, name, created, deleted, create_revision, prev_revision, value)
      values (revision, key, 1, 0, revision, coalesce(last.id, 0), convert_to(content::text, 'UTF8'));
  else
    insert into kine (name, created, deleted, create_revision, prev_revision, value, old_value)
      values (key, 0, 0, last.create_revision, last.id, convert_to(content::text, 'UTF8'), last.value);
  end if;
end $$;

-- What a data plane gets for one row, under which key below its group; null: the row is not served.
create function kine_key(kind text, item jsonb) returns text language sql stable as $$
  select '/gateway_groups/' || short_id || case kind
    when 'consumer' then '/consumers/' || (item ->> 'username')
    when 'plugin_metadata' then '/plugin_metadata/' || (item ->> 'plugin')
    when 'global_rule' then '/global_rules/' || (item ->> 'id')
    when 'secret_provider' then '/secrets/' || (item ->> 'manager') || '/' || (item ->> 'id')
    else '/' || kind || 's/' || (item ->> 'id') end
  from gateway_group where id = item ->> 'gateway_group_id'
$$;

create function kine_content(kind text, item jsonb) returns jsonb language sql immutable as $$
  select case when item ->> 'status' = 'disabled' then null else jsonb_strip_nulls(case kind
    when 'route' then jsonb_build_object('id', item -> 'id', 'name', item -> 'name', 'uris', item -> 'paths',
      'methods', nullif(item -> 'methods', '[]'), 'service_id', item -> 'service_id', 'plugins', nullif(item -> 'plugins', '{}'),
      'priority', nullif(item -> 'priority', '0'), 'enable_websocket', nullif(item -> 'enable_websocket', 'false'), 'timeout', item -> 'timeout')
    when 'service' then jsonb_build_object('id', item -> 'id', 'name', item -> 'name', 'hosts', item -> 'hosts',
      'plugins', nullif(item -> 'plugins', '{}'), 'upstream_id', item -> 'upstream_id')
    when 'upstream' then jsonb_build_object('id', item -> 'id', 'scheme', item -> 'scheme', 'type', item -> 'type',
      'pass_host', item -> 'pass_host', 'nodes', item -> 'nodes', 'timeout', item -> 'timeout')
    when 'consumer' then jsonb_build_object('username', item -> 'username', 'plugins', nullif(item -> 'plugins', '{}'))
    when 'ssl' then jsonb_build_object('id', item -> 'id', 'snis', item -> 'snis', 'cert', item -> 'cert', 'key', item -> 'key')
    when 'plugin_metadata' then jsonb_build_object('plugin', item -> 'plugin', 'config', item -> 'config')
    when 'global_rule' then jsonb_build_object('id', item -> 'id', 'plugins', item -> 'plugins')
    when 'secret_provider' then jsonb_build_object('id', item -> 'id', 'manager', item -> 'manager', 'config', item -> 'config')
    end) end
$$;

-- Every change of a configuration table becomes a revision of its key in the same transaction.
create function publish_configuration() returns trigger language plpgsql as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
  if before is not null and (after is null or kine_key(tg_table_name, before) is distinct from kine_key(tg_table_name, after)) then
    perform kine_write(kine_key(tg_table_name, before), null);
  end if;
  if after is not null then
    perform kine_write(kine_key(tg_table_name, after), kine_content(tg_table_name, after));
  end if;
  return null;
end $$;

-- A credential belongs to a consumer, and through it to a group.
create function publish_credential() returns trigger language plpgsql as $$
declare
  item record;
begin
  if tg_op = 'DELETE' then item := old; else item := new; end if;
  perform kine_write(
    '/gateway_groups/' || g.short_id || '/consumers/' || c.username || '/credentials/' || item.id,
    case when tg_op = 'DELETE' then null
      else jsonb_build_object('id', item.id, 'username', c.username, 'plugins', jsonb_build_object(item.plugin, item.config)) end)
  from consumer c join gateway_group g on g.id = c.gateway_group_id where c.id = item.consumer_id;
  return null;
end $$;

-- A deleted consumer takes its credentials along before its own row is out of reach of the join above.
create function drop_credentials() returns trigger language plpgsql as $$
begin
  delete from credential where consumer_id = old.id;
  return old;
end $$;

create function touch() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end $$;
`;

/** Publishes every row of a table of {@link PUBLISHED_TABLES}, or of `credential`, into an empty key-value table. */
export function publishAll(table: (typeof PUBLISHED_TABLES)[number] | "credential"): string {
  const source =
    table === "credential"
      ? `select '/gateway_groups/' || g.short_id || '/consumers/' || c.username || '/credentials/' || t.id as key,
           jsonb_build_object('id', t.id, 'username', c.username, 'plugins', jsonb_build_object(t.plugin, t.config)) as content
         from credential t join consumer c on c.id = t.consumer_id join gateway_group g on g.id = c.gateway_group_id order by t.id`
      : `select kine_key('${table}', to_jsonb(t)) as key, kine_content('${table}', to_jsonb(t)) as content from ${table} t order by 1`;
  return `insert into kine (id, name, created, deleted, create_revision, prev_revision, value)
    select revision, key, 1, 0, revision, 0, convert_to(content::text, 'UTF8')
    from (select nextval('kine_id_seq') as revision, key, content from (${source}) rows where content is not null) numbered`;
}

/** Ties the tables to the key-value table. Apart from {@link SCHEMA} because a first fill publishes all rows at once. */
export const TRIGGERS = `
create trigger drop_credentials before delete on consumer for each row execute function drop_credentials();
create trigger publish after insert or update or delete on credential for each row execute function publish_credential();
create trigger touch before update on credential for each row execute function touch();

do $$
declare
  kind text;
begin
  foreach kind in array array['${PUBLISHED_TABLES.join("', '")}'] loop
    execute format('create trigger publish after insert or update or delete on %I for each row execute function publish_configuration()', kind);
    execute format('create trigger touch before update on %I for each row execute function touch()', kind);
  end loop;
end $$;
`;
