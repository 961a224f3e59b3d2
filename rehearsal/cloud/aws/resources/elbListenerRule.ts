import { tagEntries, tagsOf } from "../tags";
import { apiActions, apiConditions, liveActions, liveConditions } from "./elbActions";
import { doing, existing, type Handler, type Look, type Services, unlessGone } from "./handler";
import { INPUTS } from "./inputs";

/** `aws.lb.ListenerRule`. */
export function listenerRuleHandler({ account, elb }: Services): Handler {
  const look = async (arn: string): Promise<Look | undefined> => {
    const described = await unlessGone(["RuleNotFound"], () => elb.DescribeRules({ RuleArns: [arn] }));
    const rule = described?.Rules?.[0];
    if (rule === undefined) return undefined;
    const { TagDescriptions } = await elb.DescribeTags({ ResourceArns: [arn] });
    return {
      inputs: {
        listenerArn: listenerArn(arn),
        priority: Number(rule.Priority),
        actions: liveActions(rule.Actions),
        conditions: liveConditions(rule.Conditions),
        tags: tagsOf(TagDescriptions?.[0]?.Tags),
        region: account.region,
      },
      computed: { arn },
    };
  };

  return {
    async create(props) {
      const inputs = INPUTS["lb/listenerRule"].parse(props);
      const { Rules } = await doing("creating ELBv2 Listener Rule", async () =>
        elb.CreateRule({
          ListenerArn: inputs.listenerArn,
          Priority: inputs.priority ?? (await nextPriority(inputs.listenerArn)),
          Actions: apiActions(inputs.actions),
          Conditions: apiConditions(inputs.conditions),
          Tags: tagEntries(inputs.tags),
        }),
      );
      const arn = Rules?.[0]?.RuleArn ?? "";
      return { id: arn, ...(await existing(arn, () => look(arn))) };
    },

    read: look,

    async update(arn, props) {
      const inputs = INPUTS["lb/listenerRule"].parse(props);
      const before = await existing(arn, () => look(arn));
      const { priority } = inputs;
      if (priority !== undefined && priority !== before.inputs["priority"]) {
        await doing(`updating ELB v2 Listener Rule (${arn}): setting priority`, () =>
          elb.SetRulePriorities({ RulePriorities: [{ RuleArn: arn, Priority: priority }] }),
        );
      }
      await doing("modifying LB Listener Rule", () =>
        elb.ModifyRule({
          RuleArn: arn,
          Actions: apiActions(inputs.actions),
          Conditions: apiConditions(inputs.conditions),
        }),
      );
      await doing(`updating tags for ELBv2 Listener Rule (${arn})`, () => elb.AddTags({ arn, tags: inputs.tags }));
      return existing(arn, () => look(arn));
    },

    async delete(arn) {
      await doing(`deleting ELBv2 Listener Rule (${arn})`, () =>
        unlessGone(["RuleNotFound"], () => elb.DeleteRule({ RuleArn: arn })),
      );
    },
  };

  /** Where the program gives no priority, the provider takes the one after the highest. */
  async function nextPriority(arn: string): Promise<number> {
    const { Rules = [] } = await elb.DescribeRules({ ListenerArn: arn });
    return (
      Math.max(0, ...Rules.filter(({ IsDefault }) => IsDefault !== true).map(({ Priority }) => Number(Priority))) + 1
    );
  }
}

/** AWS does not say which listener a rule belongs to; its ARN does. */
function listenerArn(ruleArn: string): string {
  return ruleArn.replace(":listener-rule/", ":listener/").replace(/\/[^/]+$/, "");
}
