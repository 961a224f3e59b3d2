import { bareCall } from "../../migration/bareCall";
import { type Settings } from "../../migration/settings";
import { canRollBack, shapeOf, wayUp, type Stage } from "../../migration/stages";
import { WAY_BACK_TARGETS } from "../migrationStack";
import { type WeightCarrier } from "../stackState";
import { code, heading, list, subheading, table, text, type Block } from "./document";

/**
 * The rollback plan of one stack: criteria, who, steps, commands. From the settings alone, so that it can be agreed on
 * before anything is declared; with the state the bare calls are complete.
 *
 * @param carriers what carries the weights; empty before the stack was entered or when the state was not read
 */
export function rollbackPlan(settings: Settings, carriers: readonly WeightCarrier[]): readonly Block[] {
  const { stack } = settings;
  return [
    heading("Rollback plan"),
    text(
      `Stack ${stack}, region ${settings.region}. All requests go back to A by the load balancer; A runs at its full size until decommission. The way back waits for no check, no window and no approval, and needs nothing of B.`,
    ),
    subheading("When to go back"),
    table(["criterion", "limit", "who acts"], criteria(settings)),
    subheading("Who may"),
    list([
      "Everybody who can run Pulumi on this stack: a rollback needs nobody's approval.",
      "Without Pulumi: everybody who may call elasticloadbalancing:ModifyRule and ModifyListener on the rules below.",
      settings.pilot.approvalStages.length === 0
        ? "Upwards, no stage asks for a person's approval."
        : `Upwards, ${settings.pilot.approvalStages.join(", ")} ask for approval by ${settings.pilot.approvers.join(", ") || "somebody who can run the pilot"}.`,
    ]),
    subheading("Steps"),
    text("1. Bring all requests back. An update that is in the way is ended; nothing is asked."),
    code(`npm run rollback -- --stack ${stack}`),
    text(
      "If Pulumi's backend is slow or locked, let the load balancer go first; the state is brought in line afterwards.",
    ),
    code(`npm run rollback -- --stack ${stack} --direct`),
    text("The same with nothing but the Pulumi command line:"),
    code(
      [
        `pulumi config set stage rollback --stack ${stack}`,
        `pulumi up --stack ${stack} --yes --skip-preview --refresh \\`,
        ...WAY_BACK_TARGETS.map(
          (target, index, all) => `  --target '${target}'${index === all.length - 1 ? "" : " \\"}`,
        ),
      ].join("\n"),
    ),
    text("The same with nothing but AWS:"),
    code(bareCalls(settings, carriers)),
    text("2. See that it is so: every rule shows A 100, B 0, and B's request count stops."),
    code(`npm run pilot -- status --stack ${stack}`),
    text(
      `3. Requests and streams in flight on B end there, up to ${settings.loadBalancer.deregistrationDelaySeconds} s after. Leave B as it is: it is what shows the cause.`,
    ),
    text("4. Once the cause is known, go on (the rollback's id is in the output of step 1), or give the migration up."),
    code(
      [
        `pulumi config set acknowledgeRollback ID --stack ${stack} && pulumi config set stage start --stack ${stack} && pulumi up --stack ${stack}`,
        `pulumi config set stage abandon --stack ${stack} && pulumi up --stack ${stack}`,
      ].join("\n"),
    ),
    subheading("From which stage"),
    table(["=stage", "#B has", "back to A", "what it costs"], wayUp(settings.trafficSteps).map(stageRow)),
  ];
}

function criteria(settings: Settings): readonly (readonly string[])[] {
  const { judge, pilot, monitoring } = settings;
  const { hard, absolute, share } = judge;
  const pilotActs = "the pilot at once; without it the on-call";
  return [
    [
      "B's errors in one interval",
      `${hard.errorPercent} % of at least ${hard.requests} requests, or ${hard.deadPercent} % of at least ${hard.deadRequests}; A well below`,
      pilotActs,
    ],
    ["B's stuck answers in one interval", `${hard.slowPercent} % slower than ${hard.slowMs} ms`, pilotActs],
    ["failed connections to B", `${hard.connectionErrorPercent} % of its requests`, pilotActs],
    ["B's share of the requests", `${share.backRatio} times its weight`, pilotActs],
    [
      "B worse than A by the sequential test",
      `errors or latency; chance of a false stop ${judge.falseStopPercent} % in the whole migration`,
      pilotActs,
    ],
    [
      "at 100 %",
      `errors above ${absolute.errorPercent} %, or ${absolute.slowPercent} % slower than ${absolute.slowMs} ms`,
      pilotActs,
    ],
    [
      "an alarm of B",
      `5xx above ${monitoring.errorsPerMinute} a minute; p99 above ${monitoring.latencySeconds} s; unhealthy gateways; failed connections; database CPU above ${monitoring.databaseCpuPercent} %, connections above ${monitoring.databaseConnections}`,
      pilotActs,
    ],
    [
      "the gate holds",
      `${pilot.holdMinutes} min`,
      `up to ${pilot.backUpToPercent} % the pilot goes back; above it calls a person and leaves the traffic`,
    ],
    ["approval refused, or not given", `${pilot.approvalHours} h`, "the pilot, where B has requests"],
    [
      "anything that users report and nobody can explain",
      "at once",
      "the on-call: going back costs little, waiting may not",
    ],
  ];
}

function bareCalls(settings: Settings, carriers: readonly WeightCarrier[]): string {
  if (carriers.length > 0) return carriers.map((carrier) => bareCall(carrier)).join("\n\n");
  const { loadBalancer, region, gatewayGroups } = settings;
  // Before the first update there is no rule, and its ARN is not known: how to find it is.
  const listener =
    loadBalancer.kind === "existing"
      ? loadBalancer.listenerArn
      : `"$(aws elbv2 describe-listeners --region ${region} --load-balancer-arn "$(aws elbv2 describe-load-balancers --region ${region} --names ${loadBalancer.name} --query 'LoadBalancers[0].LoadBalancerArn' --output text)" --query 'Listeners[?Port==\`${loadBalancer.port}\`].ListenerArn' --output text)"`;
  return [
    "# The complete calls are an output of every update, and of this plan once the stack is there:",
    `pulumi stack output wayBack --stack ${settings.stack}`,
    ...gatewayGroups.flatMap(({ name, match }) =>
      match === undefined
        ? [`# Group ${name}: the listener's own action carries the weights.`]
        : [
            `# Group ${name}: the rule of priority ${match.priority}.`,
            `aws elbv2 describe-rules --region ${region} --listener-arn ${listener} --query 'Rules[?Priority==\`"${match.priority}"\`].RuleArn' --output text`,
          ],
    ),
  ].join("\n");
}

function stageRow(stage: Stage): readonly string[] {
  const { weightB } = shapeOf(stage);
  if (stage === "decommission") {
    return [stage, `${weightB} %`, "no", "A runs nothing: there is no way back any more"];
  }
  if (!canRollBack(stage)) {
    return [stage, `${weightB} %`, "not needed", "A has every request; stage abandon opens its configuration again"];
  }
  const cost =
    stage === "complete"
      ? "configuration that B got since is not on A: npm run check -- configuration --since-complete lists it"
      : weightB === 0
        ? "nothing: B has no requests"
        : "nothing: A's configuration stayed frozen, requests in flight on B end there";
  return [stage, `${weightB} %`, "yes", cost];
}
