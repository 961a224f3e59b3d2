import { Record } from "@pulumi/aws/route53";
import type * as pulumi from "@pulumi/pulumi";
import { type Settings } from "../migration/settings";

/**
 * The name by which B's gateways reach their DP Manager. It stands for B from the first moment on: the name is B's own,
 * or the zone is one that only B asks (a private zone of B's VPC). A check resolves it from B.
 */
export function dpManagerRecord(
  name: string,
  domain: NonNullable<Settings["controlPlane"]["domain"]>,
  options: pulumi.CustomResourceOptions,
): readonly Record[] {
  const { record } = domain;
  if (record === undefined) return [];
  const { hostedZoneId: zoneId, target, ttlSeconds: ttl } = record;
  return [new Record(name, { zoneId, name: domain.name, type: "CNAME", ttl, records: [target] }, options)];
}
