import { isClusterName, isWithin } from "../migration/endpoints";
import { shapeOf } from "../migration/stages";
import { choiceFor, choiceText, idleChoices, type StatefulState } from "../migration/statefulPlugins";
import { type Reached } from "./clients/probePod";
import { type GateCheck } from "./context";
import { configurationB, inspectionContext, type InspectionContext } from "./inspectionContext";
import { Report, type CheckResult } from "./result";

const CHECK = "stateful plugins";
const USES_SHOWN = 3;

/**
 * Counters, sessions and caches of plugins: each Redis and each kind of plugin that keeps its state on the node has a
 * choice with a reason, and B reaches every Redis whose loss is not accepted. A Redis inside cluster A is the classic
 * miss.
 */
export const statefulPlugins: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ from, to }) => shapeOf(to).weightB > 0 && from !== "decommission",
  run: (context) => checkStatefulPlugins(inspectionContext(context)),
};

export async function checkStatefulPlugins(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  await report.look(async () => {
    const { stateful, documents } = await configurationB(context);
    const states = stateful.list();
    const { statefulPlugins: choices } = context.inspection;
    report.addEvidence({
      documents,
      states: states.map((state) => ({
        id: state.id,
        plugins: state.plugins,
        uses: state.uses.length,
        choice: choiceFor(state, choices)?.policy ?? null,
      })),
    });
    for (const state of states) checkChoice(report, context, state);
    for (const choice of idleChoices(states, choices)) {
      report.note(`${choiceText(choice)} has a choice, but nothing in the configuration uses it`);
    }
    await checkReachable(
      report,
      context,
      states.filter(({ kind }) => kind === "redis"),
    );
  });
  return report.result();
}

function checkChoice(report: Report, { inspection }: InspectionContext, state: StatefulState): void {
  const choice = choiceFor(state, inspection.statefulPlugins);
  if (choice !== undefined) {
    report.note(`${state.id}: ${choice.policy} (${choice.reason})`);
    return;
  }
  const [key, name] = state.kind === "redis" ? ["redis", state.addresses.join(",")] : ["plugin", state.id.slice(7)];
  const policies = state.kind === "redis" ? "shared, separate or accept" : "separate or accept";
  report.finding({
    subject: state.id,
    seen: `${state.kind === "redis" ? `state of ${state.plugins.join(", ")}` : "state that each node keeps to itself"}, without a choice; ${usesText(state)}`,
    expected: `a choice of ${policies}, with its reason: limits let more through while A and B count apart`,
    remedy: `pulumi config set --path 'statefulPlugins[N].${key}' '${name}', and its policy and reason`,
  });
}

async function checkReachable(
  report: Report,
  context: InspectionContext,
  states: readonly StatefulState[],
): Promise<void> {
  const needed = states.filter((state) => {
    const choice = choiceFor(state, context.inspection.statefulPlugins);
    if (choice?.policy !== "accept") return true;
    // Without `allow_degradation` a request fails where the Redis does not answer.
    if (!state.degrades)
      report.note(`${state.id} is accepted; where it does not answer, requests fail (allow_degradation is off)`);
    return false;
  });
  const written = needed.flatMap((state) =>
    state.addresses.flatMap((address) => {
      const at = address.lastIndexOf(":");
      const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))];
      if (host.startsWith("$") || host === "unknown") {
        report.finding({
          subject: state.id,
          seen: `its address is not written down where it can be read; ${usesText(state)}`,
          expected: "an address that can be tried from B",
          remedy: "try it by hand from B's gateways, then choose accept with that as the reason",
          unknown: true,
        });
        return [];
      }
      return [{ state, host, port }];
    }),
  );
  if (written.length === 0) return;
  const probe = await context.systems.probe("B");
  const { deployment = "" } = context.scope.clusterB.dataPlanes[0] ?? {};
  const place = { deployment, image: context.inspection.probeImage };
  const reached = await report.look(() => probe.connect(place, written, context.signal));
  if (!reached) return;
  report.addEvidence({ reached: reached.map(({ host, port, state }) => `${host}:${port} ${state}`) });
  for (const [index, { state }] of written.entries()) {
    const answer = reached[index];
    if (answer) checkAnswer(report, context, state, answer);
  }
}

function checkAnswer(report: Report, context: InspectionContext, state: StatefulState, answer: Reached): void {
  const blocks = context.inspection.addressesA ?? [];
  const inA =
    isClusterName(answer.host) ||
    [answer.host, ...answer.addresses].some((one) => blocks.some((block) => isWithin(one, block)));
  if (answer.state === "open" && !inA) return;
  const where = `${answer.host}:${answer.port}`;
  report.finding({
    subject: `${state.id}, from B`,
    seen: inA
      ? `${where} is inside cluster A, ${answer.state === "open" ? "and goes away with it" : "where B does not reach it"}; ${usesText(state)}`
      : `${where}: ${answer.state}${answer.said === "" ? "" : ` (${answer.said})`}; ${usesText(state)}`,
    expected: "a Redis that B reaches, and that outlives cluster A",
    remedy:
      "put it where both clusters reach it and change the configuration on A before the freeze, or choose accept with a reason",
    ...(inA ? {} : { transient: true }),
  });
}

function usesText({ uses }: StatefulState): string {
  const more = uses.length > USES_SHOWN ? ` and ${uses.length - USES_SHOWN} more` : "";
  return `used by ${uses.slice(0, USES_SHOWN).join("; ")}${more}`;
}
