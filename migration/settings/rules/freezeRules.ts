import { setCommand } from "../commands";
import { meet } from "./patterns";
import { finding, type Rule, type RuleFinding } from "./rule";

/**
 * Rules about the freeze `writes-only`: it answers methods that write with 503, so it must never meet the gateways'
 * requests. Its rules have the priorities `priority` and `priority + 1`.
 */

const freezeSparesTraffic: Rule = ({ clusterA, loadBalancer, gatewayGroups }) => {
  const freeze = clusterA?.freeze;
  if (freeze?.mode !== "writes-only" || loadBalancer?.kind !== "existing") return [];
  if (freeze.listenerArn !== loadBalancer.listenerArn) return [];
  const at = (...path: (string | number)[]): (string | number)[] => ["clusterA", "freeze", ...path];
  const findings: RuleFinding[] = [];
  const [host] = freeze.hosts;
  if (host === undefined) {
    const expected = "the host name of A's dashboard: without one every write on the traffic's own listener gets 503";
    findings.push(finding(at("hosts"), freeze.hosts, expected, "harm", setCommand(at("hosts", 0))));
  }
  for (const [index, { match }] of (gatewayGroups ?? []).entries()) {
    if (match === undefined) continue;
    const theirs = match.hosts.length === 0 ? ["*"] : match.hosts;
    const met =
      host === undefined ? undefined : theirs.find((theirHost) => meet(theirHost.toLowerCase(), host.toLowerCase()));
    if (met !== undefined) {
      const expected = `a host that gatewayGroups[${index}] does not serve on the same listener; it has ${met}`;
      // A group that takes every host meets any.
      const place = met === "*" ? ["gatewayGroups", index, "match", "hosts", 0] : at("hosts", 0);
      findings.push(finding(at("hosts", 0), host, expected, "harm", setCommand(place)));
    }
    if (match.priority === freeze.priority || match.priority === freeze.priority + 1) {
      const expected = `two free numbers: ${match.priority} is gatewayGroups[${index}]'s, and the freeze takes ${freeze.priority} and ${freeze.priority + 1}`;
      findings.push(finding(at("priority"), freeze.priority, expected, "harm"));
    }
  }
  return findings;
};

const loginPathsAreOnce: Rule = ({ clusterA }) => {
  const freeze = clusterA?.freeze;
  if (freeze?.mode !== "writes-only" || !freeze.loginPaths.includes("/*")) return [];
  const index = freeze.loginPaths.indexOf("/*");
  const expected = "paths of signing in: /* would let every write through";
  return [finding(["clusterA", "freeze", "loginPaths", index], "/*", expected, "refusal")];
};

export const FREEZE_RULES: readonly Rule[] = [freezeSparesTraffic, loginPathsAreOnce];
