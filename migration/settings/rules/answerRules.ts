import { finding, type Rule } from "./rule";

/** Rules about the test rules of the listener, by which the answers of A and B are compared. */

/** Values that the conditions of one rule may have together (facts/aws.md 1); the header takes one of them. */
const RULE_VALUES_MAXIMUM = 5;

const testRulesFit: Rule = ({ compareAnswers, gatewayGroups }) => {
  if (compareAnswers === undefined || gatewayGroups === undefined) return [];
  const last = compareAnswers.priority + 2 * gatewayGroups.length - 1;
  const lowest = Math.min(...gatewayGroups.map(({ match }) => match?.priority ?? Number.POSITIVE_INFINITY));
  const crowded = gatewayGroups.flatMap(({ match }, index) => {
    const values = (match?.hosts.length ?? 0) + (match?.paths.length ?? 0);
    const expected = `at most ${RULE_VALUES_MAXIMUM - 1} hosts and paths together: the test rules need one value for their header`;
    return values < RULE_VALUES_MAXIMUM ? [] : [finding(["gatewayGroups", index, "match"], match, expected, "refusal")];
  });
  const late =
    last < lowest
      ? []
      : [
          finding(
            ["compareAnswers", "priority"],
            compareAnswers.priority,
            `at most ${lowest - 2 * gatewayGroups.length}: the test rules (${compareAnswers.priority} to ${last}) have to come before the groups' own`,
            "refusal",
          ),
        ];
  return [...crowded, ...late];
};

/** A method that writes is carried out twice: it is sent only when the settings say that this is fine. */
const requestsMayBeSent: Rule = ({ compareAnswers }) =>
  (compareAnswers?.requests ?? []).flatMap(({ method, replayable }, index) =>
    replayable || ["GET", "HEAD", "OPTIONS"].includes(method)
      ? []
      : [
          finding(
            ["compareAnswers", "requests", index, "replayable"],
            replayable,
            `true, since ${method} is carried out on A and on B`,
            "refusal",
          ),
        ],
  );

export const ANSWER_RULES: readonly Rule[] = [testRulesFit, requestsMayBeSent];
