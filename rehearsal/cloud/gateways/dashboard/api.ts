import { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { BlockList } from "node:net";
import { type Pool } from "pg";
import { type DashboardConfiguration } from "../../kubernetes/rendered";
import { type KeyPair } from "../common/authority";
import { databaseProblem } from "../common/database";
import { HttpError, sendJson } from "../common/http";
import { messageOf, type Log } from "../common/log";
import { type Pod } from "../common/pod";
import { authenticate, login, type Caller } from "./accounts";
import { adminApi } from "./adminApi";
import { controlApi } from "./controlApi";

/** What the handlers work with. */
export interface Context {
  readonly pod: Pod;
  readonly pool: Pool;
  readonly authority: KeyPair;
  /** Without "v". */
  readonly version: string;
  readonly configuration: DashboardConfiguration;
  readonly log: Log;
}

/** One call: what was asked, and by whom. */
export interface Call {
  readonly method: string;
  /** Path without query, split at slashes and decoded; no empty parts. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly caller: Caller;
}

/** A handler's answer: status, body, and headers when it has some. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The dashboard's HTTP interface: `/healthz` for probes, `/api/...` for the control plane, `/apisix/admin/...` for
 * configuration. Each call but the health check is written to the audit log.
 */
export function dashboardApi(context: Context): RequestListener {
  const mayConnect = addressFilter(context.configuration);
  return (request, response) => {
    if (request.url === "/healthz") {
      void health(context, response);
      return;
    }
    void serve(context, mayConnect, request, response);
  };
}

/** Reports the database too. Whether API7's `/healthz` does is not documented (facts/api7.md 1.3); this is our reading. */
async function health({ pool }: Context, response: ServerResponse): Promise<void> {
  const problem = await databaseProblem(pool);
  if (problem === undefined) sendJson(response, 200, { status: "ok" });
  else sendJson(response, 503, { status: "error", message: `database: ${problem}` });
}

async function serve(
  context: Context,
  mayConnect: (address: string) => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = request.socket.remoteAddress ?? "";
  let username = "";
  let answer: Answer;
  try {
    if (!mayConnect(address)) throw new HttpError(forbiddenStatus(context), forbiddenMessage(context));
    const url = new URL(request.url ?? "/", "http://dashboard");
    const path = url.pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    const method = request.method ?? "GET";
    if (method === "POST" && path.join("/") === "api/login") {
      const session = await login(context.pool, request);
      username = session.username;
      answer = session.answer;
    } else {
      const caller = await authenticate(context.pool, request);
      username = caller.username;
      answer = await route(context, { method, path, query: url.searchParams, request, caller });
    }
  } catch (error) {
    answer = failure(context, error);
  }
  await audit(context, {
    username,
    address,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    status: answer.status,
  });
  sendJson(response, answer.status, answer.body, answer.headers);
}

async function route(context: Context, call: Call): Promise<Answer> {
  if (call.method !== "GET" && !call.caller.mayWrite && !call.caller.isAdminKey) {
    throw new HttpError(403, "permission denied");
  }
  const answer =
    call.path[0] === "api" && !call.caller.isAdminKey
      ? await controlApi(context, call)
      : call.path[0] === "apisix" && call.path[1] === "admin"
        ? await adminApi(context, call)
        : undefined;
  if (!answer) throw new HttpError(404, `no such API: ${call.method} /${call.path.join("/")}`);
  return answer;
}

function failure({ log }: Context, error: unknown): Answer {
  if (error instanceof URIError) return { status: 400, body: { message: "the path is not valid" } };
  if (error instanceof HttpError) return { status: error.status, body: { message: error.message } };
  const code = (error as { readonly code?: unknown }).code;
  // Classes 22 and 23 of PostgreSQL: the caller's values do not fit the tables.
  if (typeof code === "string" && /^2[23]/.test(code)) return { status: 400, body: { message: messageOf(error) } };
  log("error", `request failed: ${messageOf(error)}`);
  return { status: 500, body: { message: "internal error" } };
}

async function audit(
  { pool, log }: Context,
  entry: {
    readonly username: string;
    readonly address: string;
    readonly method: string;
    readonly path: string;
    readonly status: number;
  },
): Promise<void> {
  try {
    await pool.query("insert into audit_log (username, client_ip, method, path, status) values ($1, $2, $3, $4, $5)", [
      entry.username,
      entry.address,
      entry.method,
      entry.path.slice(0, 500),
      entry.status,
    ]);
  } catch (error) {
    log("error", `failed to write the audit log: ${messageOf(error)}`);
  }
}

/**
 * `security.ip_restriction` of the config file: a deny list outranks an allow list; without lists everybody may connect.
 * The health check is not restricted (what API7 does there is not documented, facts/api7.md 4.5).
 */
function addressFilter({ security }: DashboardConfiguration): (address: string) => boolean {
  const allow = blockList(security?.ip_restriction?.allow_list ?? []);
  const deny = blockList(security?.ip_restriction?.deny_list ?? []);
  return (address) => !(deny?.check(address) ?? false) && (allow?.check(address) ?? true);
}

function blockList(entries: readonly string[]): BlockList | undefined {
  if (entries.length === 0) return undefined;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    if (prefix === undefined) list.addAddress(address);
    else list.addSubnet(address, Number(prefix));
  }
  return list;
}

function forbiddenStatus({ configuration }: Context): number {
  return configuration.security?.ip_restriction?.response_code ?? 403;
}

function forbiddenMessage({ configuration }: Context): string {
  return configuration.security?.ip_restriction?.message ?? "Your IP address is not allowed";
}
