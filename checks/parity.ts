import { compareGateways } from "../migration/parity";
import { shapeOf } from "../migration/stages";
import { type GateCheck } from "./context";
import { gatewayFacts } from "./gatewayFacts";
import { inspectionContext, type InspectionContext } from "./inspectionContext";
import { Report, type CheckResult } from "./result";

const CHECK = "parity";

/**
 * A's and B's gateways are the same outside of the database too: image digest, rendered configuration, environment
 * names, ports, trusted CAs and mounted code. What differs needs a reason.
 */
export const parity: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  // After `complete` B is the place of configuration, and A's owners may have begun to clear up.
  appliesTo: ({ from, to }) => shapeOf(to).weightB > 0 && to !== "decommission" && from !== "complete",
  run: (context) => checkParity(inspectionContext(context)),
};

export async function checkParity(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const { clusterA, clusterB } = context.scope;
  const seen = new Set<string>();
  await report.look(async () => {
    const [apiA, apiB] = await Promise.all([context.systems.cluster("A"), context.systems.cluster("B")]);
    await Promise.all(
      clusterB.dataPlanes.map((ofB) =>
        report.look(async () => {
          const ofA = clusterA.dataPlanes.find(({ group }) => group === ofB.group);
          const [a, b] = await Promise.all([
            gatewayFacts(apiA, ofA?.deployment ?? ofB.deployment, context.signal),
            gatewayFacts(apiB, ofB.deployment, context.signal),
          ]);
          const { differences, expected } = compareGateways(ofB.group, a, b);
          report.addEvidence({ [`group ${ofB.group}`]: { differences, expected, digests: b.imageDigests } });
          for (const { item, a: inA, b: inB } of differences) {
            seen.add(item);
            const accepted = context.inspection.parity.find((one) => one.item === item);
            if (accepted) {
              report.note(`${item} differs, and is accepted: ${accepted.reason}`);
              continue;
            }
            report.finding({
              subject: item,
              seen: `A has ${inA}, B has ${inB}`,
              expected: "the same on both, or a reason",
              remedy: `make B like A in the settings, or accept it: pulumi config set --path 'inspection.parity[0].item' '${item}', and its reason`,
            });
          }
        }),
      ),
    );
  });
  for (const { item } of context.inspection.parity) {
    if (!seen.has(item)) report.note(`${item} is accepted, but does not differ`);
  }
  return report.result();
}
