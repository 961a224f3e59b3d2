import type { DescribeTagsInput, DescribeTagsOutput } from "@aws-sdk/client-elastic-load-balancing-v2";
import { guarded, type Guarded } from "../actions";
import { AwsError } from "../errors";
import { type Faults } from "../faults";
import { tagEntries, type Tags } from "../tags";
import { type ListenerActions, listenerActions } from "./listeners";
import { type LoadBalancerActions, loadBalancerActions } from "./loadBalancers";
import { type RuleActions, ruleActions } from "./rules";
import { type ElbState } from "./state";
import { type TargetGroupActions, targetGroupActions } from "./targetGroups";

type TagActions = {
  DescribeTags(input: DescribeTagsInput): DescribeTagsOutput;
  /** Sets all tags of a resource at once; AWS has AddTags and RemoveTags for it. */
  AddTags(input: { readonly arn: string; readonly tags: Tags }): Promise<object>;
};

/** Elastic Load Balancing v2's actions by AWS's names, with faults in front. */
export type Elb = Guarded<LoadBalancerActions & TargetGroupActions & ListenerActions & RuleActions & TagActions>;

export function elbActions(state: ElbState, faults: Faults, nextAddress: () => string): Elb {
  const actions = {
    ...loadBalancerActions(state, nextAddress),
    ...targetGroupActions(state),
    ...listenerActions(state),
    ...ruleActions(state),
    ...tagActions(state),
  };
  return guarded("Elastic Load Balancing v2", actions, faults);
}

function tagActions(state: ElbState): TagActions {
  return {
    DescribeTags({ ResourceArns: arns = [] }) {
      return {
        TagDescriptions: arns.map((arn) => ({ ResourceArn: arn, Tags: tagEntries(findTagged(state, arn).tags) })),
      };
    },

    AddTags({ arn, tags }) {
      return state.change(() => {
        findTagged(state, arn).retag(tags);
        return {};
      });
    },
  };
}

interface Tagged {
  readonly tags: Tags;
  readonly retag: (tags: Tags) => void;
}

function findTagged(state: ElbState, arn: string): Tagged {
  for (const map of [state.loadBalancers, state.targetGroups, state.listeners, state.rules] as const) {
    const tagged = taggedIn(map as Map<string, { readonly tags: Tags }>, arn);
    if (tagged !== undefined) return tagged;
  }
  throw new AwsError("LoadBalancerNotFound", `No load balancer, target group, listener or rule has ARN '${arn}'`);
}

function taggedIn<T extends { readonly tags: Tags }>(map: Map<string, T>, arn: string): Tagged | undefined {
  const record = map.get(arn);
  if (record === undefined) return undefined;
  return { tags: record.tags, retag: (tags) => map.set(arn, { ...record, tags }) };
}
