import { setCommand } from "../commands";
import { chartsOf, FIRST_GRACEFUL_GATEWAY, isGraceful } from "../charts";
import { finding, type Rule } from "./rule";

/** Rules about versions: the charts carry what A runs, and PostgreSQL has A's major. */

const versionsFit: Rule = ({ version, charts }) => {
  if (version === undefined || charts === undefined) return [];
  const known = chartsOf(version);
  if (known === undefined) {
    return [finding(["version"], version, "a version of the 3.9 line, 3.9.0 to 3.9.18", "refusal")];
  }
  const findings = (["controlPlane", "dataPlane"] as const)
    .filter((plane) => !known[plane].includes(charts[plane].version))
    .map((plane) => {
      const path = ["charts", plane, "version"];
      const expected = `${known[plane].join(" or ")}, which carries API7 ${version}`;
      return finding(path, charts[plane].version, expected, "refusal", setCommand(path, known[plane].at(-1)));
    });
  if (isGraceful(charts.dataPlane.version)) return findings;
  const path = ["charts", "dataPlane", "version"];
  const first = FIRST_GRACEFUL_GATEWAY.join(".");
  const expected = `${first} or later: earlier gateway charts cut requests in flight when a pod leaves`;
  return [...findings, finding(path, charts.dataPlane.version, expected, "refusal", setCommand(path, first))];
};

/** The live versions are compared by a check; here is what the settings alone can tell. */
const databaseMajors: Rule = ({ databaseB, clusterA }) => {
  if (databaseB === undefined) return [];
  const major = majorOf(databaseB.engineVersion);
  const ofA = clusterA?.databaseEngineVersion;
  if (ofA !== undefined && majorOf(ofA) !== major) {
    const path = ["databaseB", "engineVersion"];
    const expected = `the major of A, ${majorOf(ofA)}: a restore keeps it`;
    return [finding(path, databaseB.engineVersion, expected, "refusal", setCommand(path, ofA))];
  }
  if (databaseB.parameterGroupFamily === `postgres${major}`) return [];
  const path = ["databaseB", "parameterGroupFamily"];
  const family = `postgres${major}`;
  const expected = `${family}, as engineVersion`;
  return [finding(path, databaseB.parameterGroupFamily, expected, "refusal", setCommand(path, family))];
};

function majorOf(version: string): string {
  return version.split(".")[0] ?? "";
}

export const VERSION_RULES: readonly Rule[] = [versionsFit, databaseMajors];
