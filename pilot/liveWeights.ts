import {
  DescribeListenersCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyRuleCommand,
  type Action,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { actionsForA } from "../migration/bareCall";
import { type WeightCarrier } from "./stackState";

/** What the load balancer holds for one carrier now; or why that could not be seen. */
export interface LiveWeights {
  readonly carrier: WeightCarrier;
  /** Percent, undefined when it could not be seen or all weights are 0. */
  readonly shareB?: number | undefined;
  /** `A 100, B 0`, or the trouble. */
  readonly text: string;
}

const ATTEMPTS = 3;

/** The weights that the load balancer holds now. Never throws: what could not be seen is told. */
export async function liveWeights(carriers: readonly WeightCarrier[]): Promise<readonly LiveWeights[]> {
  return Promise.all(
    carriers.map(async (carrier) => {
      try {
        const actions = await readActions(carrier);
        const groups = actions.find(({ Type }) => Type === "forward")?.ForwardConfig?.TargetGroups ?? [];
        const weight = (arn: string): number =>
          groups
            .filter(({ TargetGroupArn }) => TargetGroupArn === arn)
            .reduce((sum, { Weight }) => sum + (Weight ?? 0), 0);
        const [a, b] = [weight(carrier.targetGroupA), weight(carrier.targetGroupB)];
        const sum = groups.reduce((total, { Weight }) => total + (Weight ?? 0), 0);
        const text = sum === a + b ? `A ${a}, B ${b}` : `A ${a}, B ${b}, others ${sum - a - b}`;
        return { carrier, text, ...(sum === 0 ? {} : { shareB: (100 * b) / sum }) };
      } catch (error) {
        return { carrier, text: messageOf(error) };
      }
    }),
  );
}

/**
 * The bare call: gives A every request of one carrier. Needs `elasticloadbalancing:ModifyRule` (or `ModifyListener`) on
 * it and nothing else. ELB replaces the whole action list, so it is given whole: the program's rules forward, and no more.
 *
 * @throws what AWS answered
 */
export async function giveAllToA(carrier: WeightCarrier): Promise<void> {
  const actions = actionsForA(carrier);
  await withClient(carrier, async (client) => {
    if (carrier.kind === "listener") {
      await client.send(new ModifyListenerCommand({ ListenerArn: carrier.arn, DefaultActions: actions }));
    } else {
      await client.send(new ModifyRuleCommand({ RuleArn: carrier.arn, Actions: actions }));
    }
  });
}

async function readActions(carrier: WeightCarrier): Promise<readonly Action[]> {
  return withClient(carrier, async (client) => {
    if (carrier.kind === "listener") {
      const { Listeners } = await client.send(new DescribeListenersCommand({ ListenerArns: [carrier.arn] }));
      return Listeners?.[0]?.DefaultActions ?? [];
    }
    const { Rules } = await client.send(new DescribeRulesCommand({ RuleArns: [carrier.arn] }));
    return Rules?.[0]?.Actions ?? [];
  });
}

async function withClient<T>(
  { region }: WeightCarrier,
  use: (client: ElasticLoadBalancingV2Client) => Promise<T>,
): Promise<T> {
  const client = new ElasticLoadBalancingV2Client({ region, maxAttempts: ATTEMPTS });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
