import { judgeExpiry, judgeLicence } from "../migration/expiry";
import { neededUntil } from "../migration/inspection";
import { shapeOf } from "../migration/stages";
import { mountedCertificates, type FoundCertificate } from "./certificates";
import { type ControlPlane } from "./clients/controlPlane";
import { type GateCheck } from "./context";
import { configurationB, inspectionContext, type InspectionContext } from "./inspectionContext";
import { Report, type CheckResult } from "./result";

const CHECK = "licence";

/**
 * Control plane B's licence, and every certificate that B serves with: valid beyond the planned end and 14 days, and not
 * restricted. The licence came with the copy, and two control planes use it meanwhile (facts/api7.md 2.4).
 */
export const licence: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ from, to }) => shapeOf(to).weightB > 0 && from !== "decommission",
  run: (context) => checkLicence(inspectionContext(context)),
};

export async function checkLicence(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  await Promise.all([
    report.look(async () => lookAtLicence(report, context, await context.systems.controlPlaneB(), "control plane B")),
    report.look(async () => {
      const { certificates } = await configurationB(context);
      judgeCertificates(report, context, certificates.list());
    }),
    report.look(async () => {
      const api = await context.systems.cluster("B");
      for (const { deployment } of context.scope.clusterB.dataPlanes) {
        judgeCertificates(report, context, await mountedCertificates(api, deployment, context.signal));
      }
    }),
  ]);
  return report.result();
}

/** The licence of one control plane. @throws CouldNotLook */
export async function lookAtLicence(
  report: Report,
  context: InspectionContext,
  controlPlane: ControlPlane,
  label: string,
): Promise<void> {
  const found = await controlPlane.licence();
  const { usedCores, maximumCores, status, expiredAt } = found;
  report.addEvidence({
    [`licence, ${label}`]: { status, usedCores, maximumCores, expiredAt: expiredAt?.toISOString() },
  });
  if (status === "dp_core_exceeded") {
    report.note(
      `the licence is over its limit: ${usedCores ?? "?"} of ${maximumCores ?? "?"} cores; API7 warns first, then restricts`,
    );
  }
  for (const { seen, expected, unknown } of judgeLicence(
    found,
    context.now,
    neededUntil(context.inspection, context.now, context),
  )) {
    report.finding({
      subject: `${label}, licence`,
      seen,
      expected,
      remedy: "ask API7 for a licence that covers both clusters until then, and upload it (PUT /api/license)",
      ...(unknown && { unknown }),
    });
  }
}

/** Each certificate against the time that the migration still takes. */
export function judgeCertificates(
  report: Report,
  context: InspectionContext,
  found: readonly FoundCertificate[],
): void {
  const { now, inspection } = context;
  const needed = neededUntil(inspection, now, context);
  for (const { id, subject, notAfter, where } of found) {
    const problem = judgeExpiry(notAfter, now, needed);
    if (!problem) continue;
    const accepted = (inspection.expiring ?? []).find(({ certificate }) => certificate === id);
    if (accepted) {
      report.note(`certificate ${id} (${subject}): ${problem.seen}; accepted: ${accepted.reason}`);
      continue;
    }
    report.finding({
      subject: `certificate ${id}, ${subject}`,
      seen: `${problem.seen}; ${where}`,
      expected: problem.expected,
      remedy: `renew it before the freeze, or accept it: pulumi config set --path 'inspection.expiring[0].certificate' '${id}', and its reason`,
    });
  }
}
