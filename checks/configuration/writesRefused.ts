import { type MigrationScope } from "../../migration/gateRequest";
import { WRITING_METHODS } from "../../migration/methods";
import { type MethodRule } from "../clients/elb";
import { type CheckContext } from "../context";
import { type Report } from "../result";

/** Mode `writes-only`: A's own load balancer refuses methods that write, and nothing in front of that rule lets them through. */
export async function checkWritesRefused(report: Report, context: CheckContext): Promise<void> {
  const entry = context.scope.writesRefused;
  if (entry === undefined) return;
  await report.look(async () => {
    const balancers = await context.systems.loadBalancers();
    const rules = await balancers.methodRules(entry.listenerArn);
    report.addEvidence({ writesRefused: { ...entry, rules } });
    const refusing = rules.find(({ priority }) => priority === entry.priority);
    if (!refuses(refusing)) {
      report.finding({
        subject: `${entry.listenerArn}, rule with priority ${entry.priority}`,
        seen: refusing === undefined ? "there is none" : describe(refusing),
        expected: `it answers ${WRITING_METHODS.join(", ")} with 503: A's configuration is closed to writes`,
        remedy: "find who changed it (CloudTrail), then pulumi up --refresh",
      });
    }
    for (const rule of rules.filter((one) => letsThrough(one, entry))) {
      report.finding({
        subject: `${entry.listenerArn}, rule with priority ${rule.priority}`,
        seen: `${describe(rule)}, and is asked before the rule that refuses writes`,
        expected: "nothing in front of it that forwards writes to A's dashboard, but signing in",
        remedy: `give that rule a number above ${entry.priority}, or clusterA.freeze.priority one below ${rule.priority}`,
      });
    }
  });
}

function refuses(rule: MethodRule | undefined): boolean {
  if (rule?.status !== "503" || rule.actions.length !== 1) return false;
  const { methods } = rule;
  return methods === undefined || WRITING_METHODS.every((method) => methods.includes(method));
}

/** A rule asked before, other than the program's own for signing in. */
function letsThrough(rule: MethodRule, entry: NonNullable<MigrationScope["writesRefused"]>): boolean {
  return (
    rule.priority < entry.priority - 1 &&
    rule.targetGroups.includes(entry.targetGroupArn) &&
    (rule.methods === undefined || rule.methods.some((method) => WRITING_METHODS.includes(method)))
  );
}

function describe({ methods, actions, targetGroups, status }: MethodRule): string {
  const what = methods === undefined ? "every method" : methods.join(", ");
  const how = status === undefined ? targetGroups.join(", ") : status;
  return `${what}: ${actions.join(", ")} ${how}`.trim();
}
