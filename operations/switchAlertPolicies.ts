import { parseAlertPoliciesRequest, switchAlertPolicies } from "./alertPolicies";
import { runOperation } from "./command";

/**
 * `node --import tsx operations/switchAlertPolicies.ts`: `{cluster, policies: "muted" | "restored"}` on standard input,
 * the API7 token in the environment; prints `{policies, total, switched, remembered}`.
 */

const LIMIT_SECONDS = 300;

void runOperation("alert policies of B", LIMIT_SECONDS, (stdin, environment, signal) =>
  switchAlertPolicies(parseAlertPoliciesRequest(stdin), environment, signal),
);
