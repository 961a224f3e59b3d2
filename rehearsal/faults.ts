import {
  DeregisterTargetsCommand,
  DescribeRulesCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
  RegisterTargetsCommand,
  type Rule,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { gatewayRelease } from "../migration/names";
import { viewOf } from "../pilot/standing";
import { type Rehearsal, RehearsalFailure } from "./rehearsal";

const GATEWAY_B = gatewayRelease({ name: "default" });

/** What people and machines do behind the program's back. */

/** The weights that the load balancer holds now, in percent for B, by the API that everybody uses. */
export async function liveWeightB(rehearsal: Rehearsal): Promise<number> {
  const { groups } = await weightedRule(rehearsal);
  const total = groups.reduce((sum, { Weight }) => sum + (Weight ?? 0), 0);
  if (total === 0) throw new RehearsalFailure("all weights are 0: the load balancer answers 503");
  const b = groups.find(({ TargetGroupArn }) => TargetGroupArn !== rehearsal.world.loadBalancer.targetGroupAArn);
  return (100 * (b?.Weight ?? 0)) / total;
}

/** Sets the weights by hand, past the program and its record. */
export async function setWeightsByHand(rehearsal: Rehearsal, weightB: number): Promise<void> {
  await setForwardByHand(rehearsal, () => ({ weightB, sticky: false }));
}

/** Switches group stickiness on or off by hand; the weights stay. */
export async function setStickinessByHand(rehearsal: Rehearsal, sticky: boolean): Promise<void> {
  await setForwardByHand(rehearsal, (weightB) => ({ weightB, sticky }));
}

async function setForwardByHand(
  rehearsal: Rehearsal,
  change: (weightB: number) => { readonly weightB: number; readonly sticky: boolean },
): Promise<void> {
  const { rule, groups } = await weightedRule(rehearsal);
  const { targetGroupAArn } = rehearsal.world.loadBalancer;
  const { weightB, sticky } = change(await liveWeightB(rehearsal));
  await withClient(rehearsal, (client) =>
    client.send(
      new ModifyRuleCommand({
        RuleArn: rule.RuleArn,
        Actions: [
          {
            Type: "forward",
            ForwardConfig: {
              TargetGroups: groups.map(({ TargetGroupArn }) => ({
                TargetGroupArn,
                Weight: TargetGroupArn === targetGroupAArn ? 100 - weightB : weightB,
              })),
              TargetGroupStickinessConfig: { Enabled: sticky, DurationSeconds: sticky ? 60 : 1 },
            },
          },
        ],
      }),
    ),
  );
}

/** Somebody takes every target out of B's group; the load balancer controller puts them back when told to. */
export async function deregisterTargetsB(rehearsal: Rehearsal): Promise<() => Promise<void>> {
  const { groups } = await weightedRule(rehearsal);
  const b = groups.find(({ TargetGroupArn }) => TargetGroupArn !== rehearsal.world.loadBalancer.targetGroupAArn);
  if (b?.TargetGroupArn === undefined) throw new RehearsalFailure("the rule has no target group of B");
  const { TargetGroupArn } = b;
  return withClient(rehearsal, async (client) => {
    const { TargetHealthDescriptions = [] } = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    const Targets = TargetHealthDescriptions.flatMap(({ Target }) => (Target?.Id === undefined ? [] : [Target]));
    await client.send(new DeregisterTargetsCommand({ TargetGroupArn, Targets }));
    return async () => {
      await withClient(rehearsal, (again) => again.send(new RegisterTargetsCommand({ TargetGroupArn, Targets })));
    };
  });
}

/** Somebody changes the minimum of A's autoscaler. */
export async function setMinimumOfA(rehearsal: Rehearsal, minReplicas: number): Promise<void> {
  const { namespace, autoscaler } = rehearsal.world.releases;
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/${autoscaler}`;
  const object = (await kubernetes(rehearsal, "a", "GET", path)) as { spec: Record<string, unknown> };
  await kubernetes(rehearsal, "a", "PUT", path, { ...object, spec: { ...object.spec, minReplicas } });
}

/** Mode `writes-only`: somebody turns the rule that refuses writes into one that forwards them. */
export async function letWritesThroughByHand(rehearsal: Rehearsal, priority: number): Promise<void> {
  const { listenerArn, targetGroupArn } = rehearsal.world.loadBalancer.admin;
  await withClient(rehearsal, async (client) => {
    const { Rules = [] } = await client.send(new DescribeRulesCommand({ ListenerArn: listenerArn }));
    const rule = Rules.find(({ Priority }) => Priority === String(priority));
    if (rule?.RuleArn === undefined)
      throw new RehearsalFailure(`A's admin entry has no rule with priority ${priority}`);
    const Actions = [{ Type: "forward" as const, TargetGroupArn: targetGroupArn }];
    await client.send(new ModifyRuleCommand({ RuleArn: rule.RuleArn, Actions }));
  });
}

/** A statement in a database behind the program's back, and how to undo it. */
export interface RowChange {
  readonly table: string;
  readonly change: string;
  readonly undo: string;
}

/** One changed name: every count stays equal. */
export const CHANGED_ROW: RowChange = {
  table: "route",
  change: "update route set name = name || '-changed' where id = (select min(id) from route)",
  undo: "update route set name = regexp_replace(name, '-changed$', '') where id = (select min(id) from route)",
};

export async function changeRow(rehearsal: Rehearsal, instanceIdentifier: string, statement: string): Promise<void> {
  // The trigger that stamps `updated_at` must not make the undone row another one than before.
  await rehearsal.clouds.call(
    "sql",
    instanceIdentifier,
    `begin; set local session_replication_role = replica; ${statement}; commit`,
  );
}

interface Container {
  env?: { name: string; value?: string }[];
}
interface PodTemplate {
  metadata?: { annotations?: Record<string, string> };
  spec: { containers: Container[] };
}
interface Deployment {
  spec: { template: PodTemplate };
  status?: { updatedReplicas?: number; readyReplicas?: number; replicas?: number };
}

/** The variables that beat `etcd.host` and the name its certificate is checked for (facts/api7.md 1.5). */
const OVERRIDES = ["API7_DP_MANAGER_ENDPOINTS", "API7_DP_MANAGER_SNI"] as const;

/** Gives the gateways of one cluster the DP Manager of another, as a wrong value in somebody's hands would. */
export async function pointGatewaysAt(rehearsal: Rehearsal, cluster: "a" | "b", other: "a" | "b"): Promise<void> {
  const managers = await rehearsal.clouds.call("pods", other);
  const manager = managers.find(({ name, ready }) => ready && name.includes("-dp-manager-"));
  if (manager === undefined) throw new RehearsalFailure(`cluster ${other} has no DP Manager to point at`);
  const value = JSON.stringify([`https://${manager.ip}:7943`]);
  // With the name of the certificate, as API7's documents say for an address: the handshake is then accepted, since a
  // restored database carries A's certificate authority.
  const sni = `${rehearsal.world.releases.controlPlane}-dp-manager`;
  await changeGateways(rehearsal, cluster, (env) => [
    ...env,
    { name: OVERRIDES[0], value },
    { name: OVERRIDES[1], value: sni },
  ]);
}

export async function unpointGateways(rehearsal: Rehearsal, cluster: "a" | "b"): Promise<void> {
  await changeGateways(rehearsal, cluster, (env) =>
    env.filter(({ name }) => !OVERRIDES.some((override) => override === name)),
  );
}

/** What `kubectl rollout restart` does: new pods, whose logs begin anew. */
export async function restartGateways(rehearsal: Rehearsal, cluster: "a" | "b"): Promise<void> {
  await changePods(rehearsal, cluster, (template) => {
    template.metadata = {
      ...template.metadata,
      annotations: {
        ...template.metadata?.annotations,
        "kubectl.kubernetes.io/restartedAt": new Date().toISOString(),
      },
    };
  });
}

/** Longer than any setting of `heartbeatSeconds` that a rehearsal uses, with the gateways' own start. */
const LISTED_SECONDS = 120;

/**
 * Waits until control plane B lists every gateway of B with a fresh heartbeat, and nobody else: the heartbeats of replaced
 * pods stay young for `heartbeatSeconds`, and until then the gate takes them for gateways that somebody else runs.
 *
 * @throws RehearsalFailure naming who is still listed, or missing
 */
export async function untilOnlyLivePodsReport(rehearsal: Rehearsal, databaseB: string): Promise<void> {
  const { heartbeatSeconds } = (await viewOf(rehearsal.stack)).settings;
  const until = Date.now() + LISTED_SECONDS * 1000;
  for (;;) {
    const [rows, pods] = await Promise.all([
      rehearsal.clouds.call(
        "sql",
        databaseB,
        `select distinct hostname from gateway_instance where last_heartbeat_time > now() - interval '${heartbeatSeconds} seconds'`,
      ),
      rehearsal.clouds.call("pods", "b"),
    ]);
    const listed = rows.map(({ hostname }) => String(hostname));
    const staying = pods.filter(({ name, terminating }) => name.startsWith(`${GATEWAY_B}-`) && !terminating);
    const gateways = staying.map(({ name }) => name);
    const others = listed.filter((name) => !gateways.includes(name));
    const missing = gateways.filter((name) => !listed.includes(name));
    if (gateways.length > 0 && others.length === 0 && missing.length === 0) return;
    if (Date.now() > until) {
      throw new RehearsalFailure(
        `after ${LISTED_SECONDS} s control plane B lists ${others.join(", ") || "nobody"} beside its gateways, ` +
          `and does not list ${missing.join(", ") || "nobody"} of its ${gateways.length} gateways`,
      );
    }
    await sleep(500);
  }
}

async function changeGateways(
  rehearsal: Rehearsal,
  cluster: "a" | "b",
  change: (env: readonly { name: string; value?: string }[]) => { name: string; value?: string }[],
): Promise<void> {
  await changePods(rehearsal, cluster, ({ spec }) => {
    for (const container of spec.containers) container.env = change(container.env ?? []);
  });
}

const ROLLOUT_SECONDS = 180;

async function changePods(
  rehearsal: Rehearsal,
  cluster: "a" | "b",
  change: (template: PodTemplate) => void,
): Promise<void> {
  const { namespace } = rehearsal.world.releases;
  const name = cluster === "a" ? rehearsal.world.releases.gateway : GATEWAY_B;
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  const deployment = (await kubernetes(rehearsal, cluster, "GET", path)) as Deployment;
  change(deployment.spec.template);
  await kubernetes(rehearsal, cluster, "PUT", path, deployment);
  const until = Date.now() + ROLLOUT_SECONDS * 1000;
  while (Date.now() < until) {
    await sleep(300);
    const { status } = (await kubernetes(rehearsal, cluster, "GET", path)) as Deployment;
    const { replicas = 0, updatedReplicas = 0, readyReplicas = 0 } = status ?? {};
    if (replicas > 0 && updatedReplicas === replicas && readyReplicas === replicas) return;
  }
  throw new RehearsalFailure(`${name} in cluster ${cluster} did not roll out within ${ROLLOUT_SECONDS} s`);
}

async function kubernetes(
  rehearsal: Rehearsal,
  cluster: "a" | "b",
  method: "GET" | "PUT",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const file = parse(await readFile(rehearsal.world.clusters[cluster].kubeconfig, "utf8")) as {
    clusters: { cluster: { server: string } }[];
    users: { user: { token: string } }[];
  };
  const server = file.clusters[0]?.cluster.server ?? "";
  const response = await fetch(`${server}${path}`, {
    method,
    headers: { authorization: `Bearer ${file.users[0]?.user.token ?? ""}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new RehearsalFailure(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function weightedRule(
  rehearsal: Rehearsal,
): Promise<{ rule: Rule; groups: readonly { TargetGroupArn?: string | undefined; Weight?: number | undefined }[] }> {
  const { Rules = [] } = await withClient(rehearsal, (client) =>
    client.send(new DescribeRulesCommand({ ListenerArn: rehearsal.world.loadBalancer.listenerArn })),
  );
  for (const rule of Rules) {
    const groups = rule.Actions?.at(-1)?.ForwardConfig?.TargetGroups;
    // Rules that pick compared requests by a header name both groups too, but no stage moves them.
    const picks = (rule.Conditions ?? []).some(({ Field }) => Field === "http-header");
    if (rule.IsDefault !== true && !picks && groups?.length === 2) return { rule, groups };
  }
  throw new RehearsalFailure("the listener has no rule of the program's");
}

async function withClient<T>(
  rehearsal: Rehearsal,
  work: (client: ElasticLoadBalancingV2Client) => Promise<T>,
): Promise<T> {
  const client = new ElasticLoadBalancingV2Client({
    region: rehearsal.world.region,
    endpoint: rehearsal.world.awsEndpoint,
    credentials: { accessKeyId: "AKIAREHEARSAL0000000", secretAccessKey: "rehearsal" },
  });
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}
