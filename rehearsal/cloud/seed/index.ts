import { Client } from "pg";
import { newAuthority, seal, selfSigned } from "../gateways/common/authority";
import { hashPassword, hashToken, newToken, type Hashed } from "../gateways/common/credentials";
import { type TrafficSample } from "../traffic/types";
import { buildConfiguration, type Configuration, type Row } from "./configuration";
import { runtimeHistory } from "./history";
import { PUBLISHED_TABLES, PUBLISHING, TRIGGERS, publishAll } from "./publishing";
import { SCHEMA } from "./schema";

/** What `seedDatabase` is told. */
export interface SeedOptions {
  /** Of the database's owner. The database is empty. */
  readonly connectionString: string;
  /** Where all routes lead. */
  readonly upstream: { readonly host: string; readonly port: number };
  /** Host of Redis, secret store, identity provider, log store and mail. Default: names that cannot be reached. */
  readonly outside?: string;
  /** Number of routes. Default 10,200; at least 1,000 so that the catalogue's routes are among them. */
  readonly routes?: number;
  /** API7's version without "v", for example "3.9.18". */
  readonly version: string;
  /** The DP Manager's address of the cluster that the database belongs to, for the system settings. */
  readonly dpManagerAddress?: string;
  /** Default 1. The same number gives the same configuration; secrets, certificates and times are new each time. */
  readonly seed?: number;
}

/** What was written, and how to use it. The token and the password are shown here once; the database has their hashes. */
export interface Seeded {
  /** For the header `X-API-KEY`. */
  readonly token: string;
  readonly administrator: { readonly username: string; readonly password: string };
  readonly gatewayGroupId: string;
  /** Requests that the configuration answers. */
  readonly catalogue: TrafficSample[];
  /** Names of all services, most of which get no traffic. */
  readonly services: readonly string[];
  /** Base tables, partitions included. */
  readonly tables: number;
  /** Rows of all of them. */
  readonly rows: number;
}

const DEFAULT_ROUTES = 10_200;
const MINIMUM_ROUTES = 1_000;
const LICENCE_DAYS = 365;

/** Fills an empty database with the configuration of an installation that has been in use for months. Takes seconds. */
export async function seedDatabase(o: SeedOptions): Promise<Seeded> {
  const routes = o.routes ?? DEFAULT_ROUTES;
  if (routes < MINIMUM_ROUTES)
    throw new Error(`routes is ${routes}; at least ${MINIMUM_ROUTES} are needed for the catalogue.`);
  const configuration = buildConfiguration({ seed: o.seed ?? 1, routes, upstream: o.upstream, outside: o.outside });
  const token = newToken();
  const password = newToken("pw");
  const client = new Client({ connectionString: o.connectionString });
  await client.connect();
  try {
    await client.query("begin");
    await client.query(SCHEMA + PUBLISHING);
    await insertInstallation(client, o, configuration.gatewayGroupId);
    await insertAccounts(client, hashPassword(password), hashToken(token));
    await insertConfiguration(client, configuration, o.outside);
    for (const table of [...PUBLISHED_TABLES, "credential"] as const) await client.query(publishAll(table));
    await client.query(TRIGGERS);
    for (const statement of runtimeHistory(o.version)) await client.query(statement);
    await client.query("commit");
    await client.query("analyze");
    const counted = await countRows(client);
    return {
      token,
      administrator: { username: "admin", password },
      gatewayGroupId: configuration.gatewayGroupId,
      catalogue: [...configuration.catalogue],
      services: configuration.services.map(({ name }) => String(name)),
      ...counted,
    };
  } finally {
    await client.end();
  }
}

/** One statement a table: the rows travel as one JSON text, and the column types come from the table itself. */
async function insert(client: Client, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(Object.assign({}, ...rows) as object).map((column) => `"${column}"`);
  const list = columns.join(", ");
  const text = `insert into ${table} (${list}) select ${list} from jsonb_populate_recordset(null::${table}, $1::jsonb)`;
  await client.query(text, [JSON.stringify(rows)]);
}

async function insertInstallation(client: Client, o: SeedOptions, groupId: string): Promise<void> {
  const authority = await newAuthority();
  const expiry = new Date(Date.now() + 3652 * 24 * 3600 * 1000).toISOString();
  await insert(client, "gateway_group", [
    {
      id: groupId,
      short_id: groupId,
      name: "default",
      org_id: "default",
      type: "api7_gateway",
      description: "Production traffic",
      labels: { env: "production" },
      config: { ui: { prometheus: true }, enforce: false },
      running_config_id: "1",
      config_version: 1,
      enforce_service_publishing: false,
      created_at: "2026-01-12T08:00:00Z",
      updated_at: "2026-01-12T08:00:00Z",
    },
  ]);
  await insert(client, "dataplane_certificate", [
    {
      id: "root",
      certificate: authority.certificate,
      private_key: seal(authority.privateKey),
      expiry,
      type: "Root",
      gateway_group_id: "",
      ca_certificate: "",
      created_at: "2026-01-12T08:00:00Z",
      updated_at: "2026-01-12T08:00:00Z",
    },
  ]);
  const address = o.dpManagerAddress ?? "https://api7ee3-dp-manager.api7.svc.cluster.local:7943";
  await insert(
    client,
    "system_setting",
    [
      { key: "dp_manager_address", value: [address] },
      { key: "schema_version", value: o.version },
      { key: "session_timeout_minutes", value: 60 },
      { key: "smtp", value: { host: o.outside ?? "smtp.shop.example", port: 587, from: "gateway@shop.example" } },
    ].map((row) => ({ ...row, updated_at: "2026-01-12T08:00:00Z" })),
  );
  await insert(client, "license", [
    {
      id: "current",
      customer: "Rehearsal",
      max_dp_cores: 64,
      effective_at: new Date(Date.now() - 30 * 24 * 3600 * 1000).toISOString(),
      expired_at: new Date(Date.now() + LICENCE_DAYS * 24 * 3600 * 1000).toISOString(),
      content: "rehearsal",
      uploaded_at: "2026-01-12T08:00:00Z",
    },
  ]);
}

async function insertAccounts(client: Client, password: Hashed, token: Hashed): Promise<void> {
  await insert(client, "role", [
    { id: "super", name: "Super Admin", permissions: [{ effect: "allow", actions: ["<.*>"], resources: ["<.*>"] }] },
    {
      id: "viewer",
      name: "Viewer",
      permissions: [{ effect: "allow", actions: ["gateway:Get<.*>"], resources: ["<.*>"] }],
    },
  ]);
  const user = `insert into "user" (id, username, password_salt, password_hash, role_id, last_login_at) values ('admin', 'admin', $1, $2, 'super', now())`;
  await client.query(user, [password.salt, password.hash]);
  const text = `insert into token (id, name, user_id, salt, hash) values ('migration', 'migration', 'admin', $1, $2)`;
  await client.query(text, [token.salt, token.hash]);
}

async function insertConfiguration(
  client: Client,
  configuration: Configuration,
  outside: string | undefined,
): Promise<void> {
  const group = configuration.gatewayGroupId;
  await insert(client, "service_template", stamped(configuration.serviceTemplates, "created_at"));
  await insert(client, "service", stamped(configuration.services));
  await insert(
    client,
    "upstream",
    stamped(configuration.upstreams).map((row) => ({ scheme: "http", type: "roundrobin", pass_host: "pass", ...row })),
  );
  await insert(client, "route", stamped(configuration.routes));
  await insert(client, "consumer", stamped(configuration.consumers));
  await client.query(
    `insert into credential (id, consumer_id, name, plugin, config, fingerprint, updated_at)
     select id, consumer_id, name, plugin, config, digest(config::text, 'sha256'), '2026-02-01T00:00:00Z'
     from jsonb_populate_recordset(null::credential, $1::jsonb)`,
    [JSON.stringify(configuration.credentials)],
  );
  await insert(client, "ssl", stamped(await certificates(group)));
  await insert(
    client,
    "plugin_metadata",
    stamped([
      {
        gateway_group_id: group,
        plugin: "http-logger",
        config: { log_format: { host: "$host", client: "$remote_addr" } },
      },
      { gateway_group_id: group, plugin: "syslog", config: { log_format: { host: "$host" } } },
    ]),
  );
  await insert(
    client,
    "global_rule",
    stamped([{ id: "prometheus", gateway_group_id: group, plugins: { prometheus: { prefer_name: false } } }]),
  );
  await insert(
    client,
    "secret_provider",
    stamped([
      {
        id: "main",
        gateway_group_id: group,
        manager: "vault",
        config: {
          uri: outside === undefined ? "https://vault.shop.example" : `http://${outside}:8200`,
          prefix: "kv/gateway",
          token: "$env://VAULT_TOKEN",
        },
      },
    ]),
  );
}

function stamped(rows: readonly Row[], ...more: readonly string[]): readonly Row[] {
  const times = Object.fromEntries(["updated_at", ...more].map((column) => [column, "2026-02-01T00:00:00Z"]));
  return rows.map((row) => ({ ...times, ...row }));
}

async function certificates(group: string): Promise<readonly Row[]> {
  const names = [
    ["*.shop.example", "shop.example"],
    ["partners.shop.example"],
    ["media.shop.example", "cdn.shop.example"],
  ];
  return Promise.all(
    names.map(async (snis, index) => {
      const { certificate, privateKey, notAfter } = await selfSigned(snis);
      return {
        id: `cert-${index + 1}`,
        gateway_group_id: group,
        name: snis[0],
        snis,
        cert: certificate,
        key: privateKey,
        not_after: notAfter.toISOString(),
        status: "enabled",
      };
    }),
  );
}

async function countRows(client: Client): Promise<{ tables: number; rows: number }> {
  const found = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname in ('public', 'portal')`,
  );
  const counts = found.rows.map(({ name }) => `select count(*) as n from ${name}`).join(" union all ");
  const total = await client.query<{ rows: number }>(`select sum(n)::int as rows from (${counts}) counted`);
  return { tables: found.rows.length, rows: total.rows[0]?.rows ?? 0 };
}
