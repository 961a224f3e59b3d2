import { z } from "zod";
import { type Inspection } from "../migration/inspection";

/** The part of a gate request that holds the operators' decisions; parsed as strictly as the rest. */

const TEXT = z.string().min(1).max(4096);
const COUNT = z.int().min(0);

const ANSWERS = z.strictObject({
  headerName: TEXT,
  headerValue: TEXT,
  address: TEXT.optional(),
  routes: COUNT,
  requests: z.array(
    z.strictObject({
      host: TEXT,
      path: TEXT,
      method: TEXT,
      headers: z.record(z.string(), z.string()),
      body: z.string().optional(),
      replayable: z.boolean(),
    }),
  ),
  differences: z.array(z.strictObject({ request: TEXT.optional(), part: TEXT, reason: TEXT })),
});

const PREREQUISITES = z.strictObject({
  databaseA: TEXT.optional(),
  needsEncryptedA: z.boolean().optional(),
  dumpMajor: z.int().min(9).optional(),
  engineVersion: TEXT,
  databaseSubnetIds: z.array(TEXT),
  loadBalancerSubnetIds: z.array(TEXT),
  certificateArn: TEXT.optional(),
  idleTimeoutSeconds: COUNT.optional(),
  charts: z.array(z.strictObject({ name: TEXT, file: TEXT, sha256: TEXT })),
  deploymentsA: z.array(z.strictObject({ name: TEXT, replicas: COUNT })),
  autoscalersA: z.array(z.strictObject({ name: TEXT, minimum: COUNT })),
});

export const INSPECTION: z.ZodType<Inspection> = z.strictObject({
  statefulPlugins: z.array(
    z.strictObject({
      redis: TEXT.optional(),
      plugin: TEXT.optional(),
      policy: z.enum(["shared", "separate", "accept"]),
      reason: TEXT,
    }),
  ),
  unreachable: z.array(z.strictObject({ address: TEXT, reason: TEXT })),
  parity: z.array(z.strictObject({ item: TEXT, reason: TEXT })),
  expiring: z.array(z.strictObject({ certificate: TEXT, reason: TEXT })).optional(),
  paused: z.array(z.strictObject({ manager: TEXT, reason: TEXT })).optional(),
  plannedEnd: TEXT.optional(),
  addressesA: z.array(TEXT).optional(),
  probeImage: TEXT.optional(),
  answers: ANSWERS.optional(),
  prerequisites: PREREQUISITES.optional(),
  rehearsal: z
    .strictObject({
      file: TEXT,
      maximumAgeDays: z.number().positive(),
      rehearsed: z.strictObject({ version: TEXT, trafficSteps: z.array(COUNT), source: TEXT }),
      without: z.strictObject({ by: TEXT, reason: TEXT }).optional(),
    })
    .optional(),
  connectionsB: z.strictObject({ needed: COUNT, user: TEXT.optional() }).optional(),
});
