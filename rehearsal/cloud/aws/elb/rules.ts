import type {
  CreateRuleInput,
  CreateRuleOutput,
  DeleteRuleInput,
  DescribeRulesInput,
  DescribeRulesOutput,
  ModifyRuleInput,
  ModifyRuleOutput,
  Rule as ApiRule,
  SetRulePrioritiesInput,
  SetRulePrioritiesOutput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { hexId } from "../account";
import { AwsError, notModelled, validationError } from "../errors";
import { paged } from "../paging";
import { tagsOf } from "../tags";
import { checkForward, describeAction, parseActions } from "./actions";
import { describeCondition, parseConditions } from "./conditions";
import { inRange, MAXIMUM_RULES, PRIORITY } from "./limits";
import { type Listener, type Rule } from "./records";
import { type ElbState } from "./state";

/** Elastic Load Balancing's actions on listener rules. */
export type RuleActions = {
  CreateRule(input: CreateRuleInput): Promise<CreateRuleOutput>;
  DescribeRules(input: DescribeRulesInput): DescribeRulesOutput;
  /** Replaces what is given: all conditions, or the whole action list. There is no compare-and-set. */
  ModifyRule(input: ModifyRuleInput): Promise<ModifyRuleOutput>;
  SetRulePriorities(input: SetRulePrioritiesInput): Promise<SetRulePrioritiesOutput>;
  DeleteRule(input: DeleteRuleInput): Promise<object>;
};

export function ruleActions(state: ElbState): RuleActions {
  return {
    CreateRule(input) {
      return state.change(() => {
        if ((input.Transforms ?? []).length > 0) throw notModelled("transforms in rules", "Leave them out.");
        const listener = state.listener(input.ListenerArn ?? "");
        const loadBalancer = state.loadBalancer(listener.loadBalancerArn);
        const priority = parsePriority(input.Priority);
        refuseTaken(state, listener.arn, priority);
        const conditions = parseConditions(input.Conditions);
        const action = parseActions(input.Actions);
        checkForward(state, loadBalancer, action);
        const rules = state.listenersOf(loadBalancer.arn).flatMap(({ arn }) => state.rulesOf(arn));
        if (rules.length >= MAXIMUM_RULES) {
          throw new AwsError("TooManyRules", `Load balancer '${loadBalancer.arn}' has ${MAXIMUM_RULES} rules already`);
        }
        const path = listener.arn.slice(listener.arn.indexOf("/app/"));
        const arn = state.network.account.elbArn(`listener-rule${path}/${hexId(16)}`);
        const rule: Rule = { arn, listenerArn: listener.arn, priority, conditions, action, tags: tagsOf(input.Tags) };
        state.rules.set(arn, rule);
        return { Rules: [describe(rule)] };
      });
    },

    DescribeRules(input) {
      const { ListenerArn: listenerArn, RuleArns: arns } = input;
      if ((listenerArn === undefined) === (arns === undefined)) {
        throw validationError("You must specify either rule ARNs or a listener ARN");
      }
      const ofListener = (arn: string): readonly ApiRule[] => [
        ...state.rulesOf(arn).map(describe),
        describeDefault(state.listener(arn)),
      ];
      const chosen =
        arns?.map((arn) => {
          const listener = [...state.listeners.values()].find(({ defaultRuleArn }) => defaultRuleArn === arn);
          return listener === undefined ? describe(state.rule(arn)) : describeDefault(listener);
        }) ?? ofListener(listenerArn ?? "");
      const { items, next } = paged(chosen, input.Marker, input.PageSize);
      return { Rules: [...items], NextMarker: next };
    },

    ModifyRule(input) {
      return state.change(() => {
        const { RuleArn: arn = "", Actions: actions = [], Conditions: conditions = [] } = input;
        if ([...state.listeners.values()].some(({ defaultRuleArn }) => defaultRuleArn === arn)) {
          throw new AwsError("OperationNotPermitted", `Default rule '${arn}' cannot be modified; modify its listener`);
        }
        if ((input.Transforms ?? []).length > 0) throw notModelled("transforms in rules", "Leave them out.");
        const before = state.rule(arn);
        const rule: Rule = {
          ...before,
          action: actions.length > 0 ? parseActions(actions) : before.action,
          conditions: conditions.length > 0 ? parseConditions(conditions) : before.conditions,
        };
        checkForward(state, state.loadBalancer(state.listener(rule.listenerArn).loadBalancerArn), rule.action);
        state.rules.set(arn, rule);
        return { Rules: [describe(rule)] };
      });
    },

    SetRulePriorities({ RulePriorities: pairs = [] }) {
      return state.change(() => {
        const changed = pairs.map(({ RuleArn: arn = "", Priority }) => {
          const rule = { ...state.rule(arn), priority: parsePriority(Priority) };
          state.rules.set(arn, rule);
          return rule;
        });
        for (const rule of changed) refuseTaken(state, rule.listenerArn, rule.priority, rule.arn);
        return { Rules: changed.map(describe) };
      });
    },

    DeleteRule({ RuleArn: arn = "" }) {
      return state.change(() => {
        state.rule(arn);
        state.rules.delete(arn);
        return {};
      });
    },
  };
}

function describe(rule: Rule): ApiRule {
  return {
    RuleArn: rule.arn,
    Priority: String(rule.priority),
    Conditions: rule.conditions.map(describeCondition),
    Actions: [describeAction(rule.action)],
    IsDefault: false,
  };
}

function describeDefault(listener: Listener): ApiRule {
  return {
    RuleArn: listener.defaultRuleArn,
    Priority: "default",
    Conditions: [],
    Actions: [describeAction(listener.defaultAction)],
    IsDefault: true,
  };
}

function parsePriority(priority: number | undefined): number {
  if (priority !== undefined && inRange(priority, PRIORITY)) return priority;
  throw validationError(`Priority '${priority ?? ""}' must be between ${PRIORITY.minimum} and ${PRIORITY.maximum}`);
}

function refuseTaken(state: ElbState, listenerArn: string, priority: number, except?: string): void {
  const twin = state.rulesOf(listenerArn).find((rule) => rule.priority === priority && rule.arn !== except);
  if (twin !== undefined) throw new AwsError("PriorityInUse", `Priority '${priority}' is currently in use`);
}
