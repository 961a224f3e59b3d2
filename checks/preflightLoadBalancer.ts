import { type InspectionContext } from "./inspectionContext";
import { type Report } from "./result";

/**
 * An existing load balancer keeps idle connections as long as the settings say. B's gateways keep theirs for longer than
 * that; would the load balancer keep them longest, it would send requests into connections that are being closed: 502.
 *
 * @throws CouldNotLook
 */
export async function preflightLoadBalancer(report: Report, context: InspectionContext): Promise<void> {
  const expected = context.inspection.prerequisites?.idleTimeoutSeconds;
  const listeners = new Set(context.scope.rules.flatMap(({ listenerArn }) => listenerArn ?? []));
  if (expected === undefined || listeners.size === 0) return;
  const balancers = await context.systems.loadBalancers();
  for (const listener of listeners) {
    await report.look(async () => {
      const live = await balancers.idleTimeoutSeconds(listener);
      report.addEvidence({ [`idle timeout of ${listener}`]: live });
      if (live <= expected) return;
      report.finding({
        subject: `load balancer of ${listener}`,
        seen: `it keeps idle connections for ${live} s`,
        expected: `at most ${expected} s, loadBalancer.idleTimeoutSeconds: B's gateways close theirs some seconds after that`,
        remedy: `pulumi config set --path loadBalancer.idleTimeoutSeconds ${live}`,
      });
    });
  }
}
