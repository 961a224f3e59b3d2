import { z } from "zod";
import { type GateRequest, type MigrationScope } from "../migration/gateRequest";
import { type Inspection, NO_INSPECTION } from "../migration/inspection";
import { blackouts, windows } from "../migration/settings/calendarSchema";
import { judge } from "../migration/settings/judgeSchema";
import { metrics } from "../migration/settings/metricsSchema";
import { isStage, type Stage } from "../migration/stages";
import { type Calendar } from "../migration/windows";
import { INSPECTION } from "./inspectionRequest";

/** Standard input of the commands: parsed strictly, since a misread request would look at the wrong systems. */

const NAME = z.string().min(1).max(2048);
const STAGE = z
  .string()
  .refine(
    (text): text is Stage =>
      /^(traffic-\d{1,3}|prepare|freeze|restore|start|complete|decommission|rollback|abandon)$/.test(text),
    {
      error: "not a stage",
    },
  );

const DATA_PLANE = z.strictObject({
  group: NAME,
  deployment: NAME,
  replicas: z.int().min(1),
  autoscaler: NAME.optional(),
  targetGroup: NAME,
});

/** How to reach one cluster. */
export const CLUSTER = z.strictObject({
  kubeconfig: NAME,
  context: NAME.optional(),
  namespace: NAME,
  controlPlane: NAME,
  dataPlanes: z.array(DATA_PLANE).min(1),
});

const RULE = z
  .strictObject({
    group: NAME,
    listenerArn: NAME.optional(),
    loadBalancerName: NAME.optional(),
    port: z.int().min(1).max(65535).optional(),
    priority: z.int().min(1).max(50000).optional(),
  })
  .refine(
    (rule) => rule.listenerArn !== undefined || (rule.loadBalancerName !== undefined && rule.port !== undefined),
    {
      error: "needs listenerArn, or loadBalancerName and port",
    },
  );

const SCOPE = z
  .strictObject({
    stack: NAME,
    region: NAME,
    version: z.string().regex(/^\d+\.\d+\.\d+\S*$/, "a version without a leading v, such as 3.9.18"),
    clusterA: CLUSTER,
    clusterB: CLUSTER,
    domainB: z.strictObject({ name: NAME, target: NAME.optional() }).optional(),
    freezeMode: z.enum(["writes-only", "scale-dashboard", "announced"]),
    writesRefused: z.strictObject({ listenerArn: NAME, priority: z.int().min(1), targetGroupArn: NAME }).optional(),
    databaseB: z.strictObject({
      instanceIdentifier: NAME.optional(),
      database: NAME,
      username: NAME,
      copy: z.int().min(1),
      sslMode: z.enum(["disable", "prefer", "require", "verify-ca", "verify-full"]),
    }),
    rules: z.array(RULE).min(1),
    volatile: z.array(z.strictObject({ table: NAME, columns: z.array(NAME).optional(), reason: NAME })),
    proof: z
      .strictObject({
        connections: z.int().min(1).max(16),
        statementTimeoutMinutes: z.number().positive(),
        keysShown: z.int().min(1),
      })
      .optional(),
    heartbeatSeconds: z.number().positive(),
  })
  .refine(
    (scope) =>
      scope.rules.every(({ group }) => [scope.clusterA, scope.clusterB].every((cluster) => hasGroup(cluster, group))),
    { error: "every rule's group needs a data plane in both clusters" },
  );

const CALENDAR = z.strictObject({ windows, blackouts });

const VALUE = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const DIFFERENCES = z.array(z.strictObject({ object: NAME, field: NAME, from: VALUE, to: VALUE, reason: NAME }));

const METRICS = z.strictObject({
  source: metrics.unwrap(),
  judge,
  gatewaysB: z.strictObject({ cpuCores: z.number().positive(), memoryBytes: z.number().positive() }),
  databaseConnections: z.int().min(1),
});

const REQUEST = z
  .strictObject({
    scope: SCOPE,
    stage: STAGE,
    trafficSteps: z.array(z.int().min(1).max(100)).min(1),
    soakHours: z.number().min(0),
    standbyHours: z.number().min(0),
    calendar: CALENDAR,
    recordFolder: NAME,
    override: z.strictObject({ from: STAGE, to: STAGE, by: NAME, reason: NAME }).optional(),
    acknowledgeRollback: z.string().optional(),
    emergencyChange: z.strictObject({ by: NAME, reason: NAME }).optional(),
    differences: DIFFERENCES.optional(),
    inspection: INSPECTION.optional(),
    metrics: METRICS.optional(),
  })
  .refine((request) => isStage(request.stage, request.trafficSteps), {
    error: "stage is not one of these traffic steps' stages",
    path: ["stage"],
  });

const WAY_BACK = z.object({ stage: z.literal("rollback"), recordFolder: NAME.optional().catch(undefined) });

/** The input is not what the command expects. The message lists every difference; values are not repeated. */
export class BadInput extends Error {
  override readonly name = "BadInput";
}

/** @throws BadInput */
export function parseGateRequest(text: string): GateRequest {
  return parse(
    REQUEST,
    text,
    "a gate request {scope, stage, trafficSteps, soakHours, standbyHours, recordFolder, ...}",
  );
}

/** The scope alone, or a gate request that holds one. @throws BadInput */
export function parseScope(text: string): MigrationScope {
  const json = readJson(text, "a migration scope {stack, region, version, clusterA, clusterB, ...}");
  const scope = typeof json === "object" && json !== null && "scope" in json ? json.scope : json;
  return check(SCOPE, scope, "a migration scope");
}

/** Windows and blackouts as settings hold them. @throws BadInput */
export function parseCalendar(value: unknown, where: string): Calendar {
  const parsed = CALENDAR.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: expected ${issue.message}`);
  throw new BadInput(`The calendar of ${where} does not fit:\n${lines.join("\n")}`);
}

/** The operators' decisions in a gate request; nothing is decided where it, or a scope alone, has none. @throws BadInput */
export function parseInspection(text: string): Inspection {
  const json = readJson(text, "a migration scope or a gate request");
  if (typeof json !== "object" || json === null || !("inspection" in json)) return NO_INSPECTION;
  return check(INSPECTION, json.inspection, "an inspection {statefulPlugins, unreachable, parity, ...}");
}

/** What little a rollback needs, from a request that may be wrong in everything else; undefined for other stages. */
export function parseWayBack(text: string): { readonly recordFolder?: string | undefined } | undefined {
  try {
    const parsed = WAY_BACK.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** @throws BadInput with every difference from the schema */
export function parse<T>(schema: z.ZodType<T>, text: string, expected: string): T {
  return check(schema, readJson(text, expected), expected);
}

function readJson(text: string, expected: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadInput(
      `Standard input is not JSON (${text.length} characters). Expected: ${expected}, as one JSON document.`,
    );
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown, expected: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "(whole)"}: ${issue.message}`);
  throw new BadInput(`Standard input does not fit. Expected: ${expected}. Differences:\n${lines.join("\n")}`);
}

function hasGroup(cluster: MigrationScope["clusterA"], group: string): boolean {
  return cluster.dataPlanes.some((dataPlane) => dataPlane.group === group);
}
