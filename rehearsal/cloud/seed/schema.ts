/**
 * The control plane's database: tables under the names of facts/api7.md 4.3 where they are known, plausible ones
 * elsewhere, with the features that a copy has to carry over (sequences, triggers, functions, a partitioned table, an
 * enumeration, arrays, a second schema, an extension, a view, a generated column).
 *
 * The dashboard of an empty database runs this as well: it owns the migrations (facts/api7.md 4.1).
 */
export const SCHEMA = `
create extension if not exists pgcrypto;
create schema portal;

create type resource_status as enum ('enabled', 'disabled');

create table gateway_group (
  id text primary key,
  short_id text not null unique,
  name text not null unique,
  org_id text not null,
  type text not null,
  description text not null default '',
  labels jsonb not null default '{}',
  config jsonb not null default '{}',
  running_config_id text,
  config_version bigint not null default 0,
  admin_key_salt text,
  encrypted_admin_key text,
  enforce_service_publishing boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table dataplane_certificate (
  id text primary key,
  certificate text not null,
  private_key text not null,
  expiry timestamptz not null,
  type text not null check (type in ('Endpoint', 'Intermediate', 'Root')),
  gateway_group_id text not null default '',
  ca_certificate text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- Two control planes that start on one empty database at the same time must not make two authorities.
create unique index dataplane_certificate_one_root on dataplane_certificate (type) where type = 'Root';

create table gateway_instance (
  instance_id text primary key,
  hostname text not null,
  ip inet not null,
  gateway_group_id text not null references gateway_group (id),
  version text not null,
  status text not null check (status in ('Healthy', 'OutOfSync', 'LostConnection', 'Offline')),
  cores integer not null default 1,
  config_version bigint not null default 0,
  last_heartbeat_time timestamptz not null,
  created_at timestamptz not null default now()
);

create table secret_provider (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  manager text not null,
  config jsonb not null,
  updated_at timestamptz not null default now()
);

create table service_template (
  id text primary key,
  name text not null unique,
  description text not null default '',
  labels jsonb not null default '{}',
  hosts text[] not null default '{}',
  plugins jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table service (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  template_id text references service_template (id),
  name text not null,
  labels jsonb not null default '{}',
  hosts text[] not null default '{}',
  path_prefix text not null default '',
  plugins jsonb not null default '{}',
  upstream_id text,
  status resource_status not null default 'enabled',
  version text not null default '1.0.0',
  published_at timestamptz,
  updated_at timestamptz not null default now(),
  unique (gateway_group_id, name)
);

create table upstream (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  service_id text references service (id) on delete cascade,
  name text not null,
  scheme text not null default 'http',
  type text not null default 'roundrobin',
  pass_host text not null default 'pass',
  nodes jsonb not null,
  timeout jsonb not null default '{"connect": 60, "send": 60, "read": 60}',
  checks jsonb,
  updated_at timestamptz not null default now()
);

create table route (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  service_id text not null references service (id) on delete cascade,
  name text not null,
  paths text[] not null check (cardinality(paths) > 0),
  methods text[] not null default '{}',
  plugins jsonb not null default '{}',
  priority integer not null default 0,
  enable_websocket boolean not null default false,
  timeout jsonb,
  status resource_status not null default 'enabled',
  labels jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  unique (service_id, name)
);
create index route_paths on route using gin (paths);

create table consumer (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  username text not null,
  username_lower text generated always as (lower(username)) stored,
  description text not null default '',
  labels jsonb not null default '{}',
  plugins jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  unique (gateway_group_id, username)
);

create table credential (
  id text primary key,
  consumer_id text not null references consumer (id) on delete cascade,
  name text not null,
  plugin text not null,
  config jsonb not null,
  fingerprint bytea not null,
  updated_at timestamptz not null default now(),
  unique (consumer_id, name)
);

create table ssl (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  name text not null,
  snis text[] not null,
  cert text not null,
  key text not null,
  not_after timestamptz not null,
  status resource_status not null default 'enabled',
  updated_at timestamptz not null default now()
);

create table plugin_metadata (
  gateway_group_id text not null references gateway_group (id),
  plugin text not null,
  config jsonb not null,
  updated_at timestamptz not null default now(),
  primary key (gateway_group_id, plugin)
);

create table global_rule (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  plugins jsonb not null,
  updated_at timestamptz not null default now()
);

create table system_setting (
  key text primary key,
  value jsonb not null,
  updated_at timestamptz not null default now()
);

create table license (
  id text primary key,
  customer text not null,
  max_dp_cores integer not null,
  effective_at timestamptz not null,
  expired_at timestamptz not null,
  content text not null,
  uploaded_at timestamptz not null default now()
);

create table role (id text primary key, name text not null unique, permissions jsonb not null);

create table "user" (
  id text primary key,
  username text not null unique,
  password_salt bytea not null,
  password_hash bytea not null,
  role_id text not null references role (id),
  must_change_password boolean not null default false,
  last_login_at timestamptz,
  created_at timestamptz not null default now()
);

create table token (
  id text primary key,
  name text not null,
  user_id text not null references "user" (id) on delete cascade,
  salt bytea not null,
  hash bytea not null,
  expires_at bigint not null default 0,
  last_used_at timestamptz,
  created_at timestamptz not null default now()
);

create table session (
  id text primary key,
  user_id text not null references "user" (id) on delete cascade,
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

create table audit_log (
  id bigint generated always as identity,
  created_at timestamptz not null default now(),
  username text not null,
  client_ip inet not null,
  method text not null,
  path text not null,
  status integer not null,
  primary key (id, created_at)
) partition by range (created_at);
create index audit_log_time on audit_log (created_at);
create table audit_log_default partition of audit_log default;

create table alert_policy (
  id text primary key,
  gateway_group_id text not null references gateway_group (id),
  name text not null,
  event text not null,
  threshold numeric(12, 4) not null,
  channels text[] not null default '{}',
  enabled boolean not null default true
);

create table alert_history (
  id bigserial primary key,
  policy_id text not null references alert_policy (id) on delete cascade,
  severity text not null,
  message text not null,
  fired_at timestamptz not null default now()
);

create table api_call_statistics (
  gateway_group_id text not null references gateway_group (id),
  service_id text not null,
  hour timestamptz not null,
  calls numeric(20, 0) not null default 0,
  bytes numeric(20, 0) not null default 0,
  primary key (gateway_group_id, service_id, hour)
);

create table core_usage (
  id bigserial primary key,
  measured_at timestamptz not null default now(),
  instances integer not null,
  cores integer not null
);

create table portal.developer (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  status resource_status not null default 'enabled',
  created_at timestamptz not null default now()
);

create table portal.application (
  id uuid primary key default gen_random_uuid(),
  developer_id uuid not null references portal.developer (id),
  name text not null,
  settings jsonb not null default '{}'
);

-- The key-value table that the DP Manager serves as etcd, in the shape of kine (facts/api7.md 4.3).
create table kine (
  id bigserial primary key,
  name varchar(630) not null,
  created integer not null,
  deleted integer not null,
  create_revision bigint not null,
  prev_revision bigint not null,
  lease integer not null default 0,
  value bytea,
  old_value bytea
);
create index kine_name_id on kine (name, id);
create unique index kine_name_prev_revision on kine (name, prev_revision);

create view published_route as
  select g.short_id, s.name as service, r.name as route, s.hosts, r.paths, r.methods
  from route r join service s on s.id = r.service_id join gateway_group g on g.id = r.gateway_group_id
  where r.status = 'enabled' and s.status = 'enabled';
`;
