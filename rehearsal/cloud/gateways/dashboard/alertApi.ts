import { HttpError, readJson } from "../common/http";
import { type Answer, type Call, type Context } from "./api";

/**
 * Alert policies, by the paths and fields of API7's own description: `GET /api/alert/policies`,
 * `PATCH /api/alert/policies/{id}` with the fields that change (documentation of 3.2.14.6; the paths in 3.8's list of
 * permissions too). Only what switches a policy is modelled.
 */

const COLUMNS = `id, name, array[gateway_group_id] as scope, event, threshold::float8 as threshold, enabled as enable`;

export async function listPolicies({ pool }: Context, { query }: Call): Promise<Answer> {
  const size = positive(query, "page_size", 10);
  const page = positive(query, "page", 1);
  const [found, counted] = await Promise.all([
    pool.query(`select ${COLUMNS} from alert_policy order by name, id limit $1 offset $2`, [size, (page - 1) * size]),
    pool.query<{ total: number }>("select count(*)::int as total from alert_policy"),
  ]);
  return { status: 200, body: { list: found.rows, total: counted.rows[0]?.total ?? 0 } };
}

export async function patchPolicy({ pool }: Context, { request }: Call, [id = ""]: readonly string[]): Promise<Answer> {
  const { enable, ...others } = await readJson(request);
  if (typeof enable !== "boolean" || Object.keys(others).length > 0) {
    throw new HttpError(400, "the stand-in changes `enable` alone, true or false");
  }
  const found = await pool.query<{ id: string }>(
    `update alert_policy set enabled = $2 where id = $1 returning ${COLUMNS}`,
    [id, enable],
  );
  if (found.rows.length === 0) throw new HttpError(404, `alert policy ${id} not found`);
  return { status: 200, body: { value: found.rows[0] } };
}

function positive(query: URLSearchParams, name: string, fallback: number): number {
  const value = Number(query.get(name) ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new HttpError(400, `${name} is no number from 1`);
  return value;
}
