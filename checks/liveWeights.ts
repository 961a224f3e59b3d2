import { type MigrationScope, type WeightedRule } from "../migration/gateRequest";
import { type CheckContext, type GateCheck } from "./context";
import { describeRule, type LiveRule, type LoadBalancers } from "./clients/elb";
import { Report, type CheckResult } from "./result";

const CHECK = "live weights";
const BACK = "record what is live: pulumi config set stage rollback && pulumi up --skip-preview --refresh";

/** Whether the load balancer holds what was last recorded, before anything is built on it. */
export const liveWeights: GateCheck = {
  name: CHECK,
  limitSeconds: 15,
  // After `decommission` A has nothing to serve with: whatever the rule holds, all traffic has to go to B.
  appliesTo: ({ from }) => from !== "decommission",
  run: (context) => checkLiveWeights(context, context.move.liveWeightsB),
};

/**
 * @param allowed shares of B in percent that a rule may hold; empty: a rule need not exist, but one that does must give
 * everything to A
 */
export async function checkLiveWeights(context: CheckContext, allowed: readonly number[]): Promise<CheckResult> {
  const report = new Report(CHECK);
  const balancers = await context.systems.loadBalancers();
  const seen: Record<string, unknown> = {};
  await Promise.all(
    context.scope.rules.map((rule) =>
      report.look(async () => {
        const live = await balancers.rule(rule);
        seen[describeRule(rule)] = live ?? "missing";
        if (live) await checkRule(report, context.scope, rule, live, balancers, allowed);
        else if (allowed.length > 0) missing(report, rule);
      }),
    ),
  );
  report.addEvidence({ rules: seen, allowedShareB: allowed });
  return report.result();
}

/** What every rule gives to B now, for the record of a rollback: `50 %` by gateway group. */
export async function readLiveWeights(context: CheckContext): Promise<Readonly<Record<string, string>>> {
  const balancers = await context.systems.loadBalancers();
  const entries = await Promise.all(
    context.scope.rules.map(async (rule) => {
      const live = await balancers.rule(rule);
      if (!live) return [rule.group, "missing"] as const;
      const groups = await targetGroups(context.scope, rule, balancers);
      return [rule.group, `${shareOf(live, groups.b) ?? "no"} %`] as const;
    }),
  );
  return Object.fromEntries(entries);
}

async function checkRule(
  report: Report,
  scope: MigrationScope,
  rule: WeightedRule,
  live: LiveRule,
  balancers: LoadBalancers,
  allowed: readonly number[],
): Promise<void> {
  const groups = await targetGroups(scope, rule, balancers);
  const subject = live.where;
  const expected = allowed.length === 0 ? [0] : allowed;
  if (live.targetGroups.length === 0) {
    report.finding({
      subject,
      seen: `its actions are ${live.actions.join(", ") || "none"}, without a forward to target groups`,
      expected: "a forward to the target groups of A and B",
      remedy: allowed.length === 0 ? "use another priority: this rule belongs to somebody else" : BACK,
    });
    return;
  }
  const foreign = live.targetGroups.filter(({ arn }) => arn !== groups.a && arn !== groups.b);
  if (foreign.length > 0) {
    report.finding({
      subject,
      seen: `it forwards to ${foreign.map(({ arn }) => arn).join(", ")} as well`,
      expected: `only ${groups.a ?? "A's group (missing)"} and ${groups.b ?? "B's group (missing)"}`,
      remedy: "take the foreign target group out of the rule, or correct the settings' target groups",
    });
  }
  if (live.stickiness) {
    report.finding({
      subject,
      seen: "group stickiness is on",
      expected: "off: its cookie outranks the weights, also on the way back",
      remedy: "switch it off: pulumi up --refresh at the present stage",
    });
  }
  const share = shareOf(live, groups.b);
  if (foreign.length === 0 && (share === undefined || !expected.includes(share))) {
    const sum = live.targetGroups.map(({ arn, weight }) => `${arn === groups.b ? "B" : "A"} ${weight}`).join(", ");
    report.finding({
      subject,
      seen: share === undefined ? `all weights are 0 (${sum}): it answers 503` : `B has ${share} % (${sum})`,
      expected: `B has ${expected.join(" or ")} %, as last recorded`,
      remedy:
        share === 0 && !expected.includes(0)
          ? `100/0 was set by hand; ${BACK}`
          : `find who changed the weights, then either restore them (pulumi up --refresh) or ${BACK}`,
    });
  }
}

function missing(report: Report, rule: WeightedRule): void {
  report.finding({
    subject: describeRule(rule),
    seen: "there is no such load balancer, listener or rule",
    expected: "the rule that carries the weights",
    remedy: "find who deleted it; pulumi up --refresh at the present stage makes it again",
  });
}

async function targetGroups(
  scope: MigrationScope,
  rule: WeightedRule,
  balancers: LoadBalancers,
): Promise<{ readonly a: string | undefined; readonly b: string | undefined }> {
  const [a, b] = await Promise.all(
    [scope.clusterA, scope.clusterB].map((cluster) => {
      const dataPlane = cluster.dataPlanes.find(({ group }) => group === rule.group);
      return dataPlane ? balancers.targetGroupArn(dataPlane.targetGroup) : Promise.resolve(undefined);
    }),
  );
  return { a, b };
}

/** B's share in percent; undefined when all weights are 0. */
function shareOf(live: LiveRule, groupB: string | undefined): number | undefined {
  const sum = live.targetGroups.reduce((total, { weight }) => total + weight, 0);
  const weightB = live.targetGroups
    .filter(({ arn }) => arn === groupB)
    .reduce((total, { weight }) => total + weight, 0);
  return sum === 0 ? undefined : (100 * weightB) / sum;
}
