import { readStdin } from "../checks/commands/input";
import { BadInput } from "../checks/request";
import { CouldNotLook, renderFindings, textOf, unknownFinding } from "../checks/result";
import { issueDataPlaneCertificate, parseCertificateRequest } from "./dataPlaneCertificate";

/**
 * `node --import tsx operations/issueDataPlaneCertificate.ts`: `{cluster, group, secretName}` on standard input, the API7
 * token in the environment; prints `{group, secret, fingerprint, notAfter}`. Exit code 0, or 1 with the reason.
 */

const LIMIT_MS = 60_000;

async function main(): Promise<number> {
  try {
    const request = parseCertificateRequest(await readStdin());
    const issued = await issueDataPlaneCertificate(request, process.env, AbortSignal.timeout(LIMIT_MS));
    process.stdout.write(`${JSON.stringify(issued)}\n`);
    return 0;
  } catch (error) {
    const known = error instanceof CouldNotLook;
    const text = error instanceof BadInput ? error.message : known ? "" : textOf(error);
    process.stderr.write(`${known ? renderFindings([unknownFinding("data plane certificate", error)]) : text}\n`);
    return 1;
  }
}

void main().then((code) => process.exit(code));
