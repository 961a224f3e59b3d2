import {
  DescribeListenersCommand,
  DescribeLoadBalancerAttributesCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  type Action,
  type Rule,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { type WeightedRule } from "../../migration/gateRequest";
import { CouldNotLook } from "../result";
import { awsCouldNotLook, clientOptions, isNotFound, MAX_PAGES } from "./aws";

/** Load balancers as AWS sees them now. */

/** What a weight-carrying rule does at this moment. */
export interface LiveRule {
  /** For messages: listener and priority. */
  readonly where: string;
  readonly targetGroups: readonly { readonly arn: string; readonly weight: number }[];
  /** Group stickiness: a cookie that outranks the weights (facts/aws.md 1). */
  readonly stickiness: boolean;
  /** Types of its actions, in order: `forward`, `authenticate-oidc`, `fixed-response`. */
  readonly actions: readonly string[];
}

/** A listener, and where its load balancer is. */
export interface LiveListener {
  readonly arn: string;
  /** `HTTP` or `HTTPS`. */
  readonly protocol: string;
  readonly port: number;
  readonly dnsName: string;
}

/** A rule that a request header picks. */
export interface HeaderRule {
  readonly value: string;
  readonly targetGroups: LiveRule["targetGroups"];
}

/** A rule that may be bound to methods. */
export interface MethodRule {
  readonly priority: number;
  /** Left out: every method. */
  readonly methods?: readonly string[];
  readonly actions: readonly string[];
  /** ARNs of what it forwards to. */
  readonly targetGroups: readonly string[];
  /** Of a fixed response. */
  readonly status?: string;
}

export interface TargetHealth {
  /** `ip:port`. */
  readonly target: string;
  /** `healthy`, `initial`, `unhealthy`, `unused`, `draining`, `unavailable`. */
  readonly state: string;
  readonly reason: string;
}

export class LoadBalancers {
  private readonly client: ElasticLoadBalancingV2Client;

  constructor(
    region: string,
    private readonly signal: AbortSignal,
  ) {
    this.client = new ElasticLoadBalancingV2Client(clientOptions(region));
  }

  /**
   * The rule, found by what does not change over its life.
   * @returns undefined when the load balancer, the listener or the rule does not exist
   * @throws CouldNotLook
   */
  async rule(rule: WeightedRule): Promise<LiveRule | undefined> {
    const subject = describeRule(rule);
    const listenerArn = rule.listenerArn ?? (await this.listenerArn(rule, subject));
    if (listenerArn === undefined) return undefined;
    const live = await this.findRule(listenerArn, rule.priority, subject);
    return live && { ...forwardOf(live), where: subject };
  }

  /**
   * Where a rule's listener takes requests; undefined when there is none.
   * @throws CouldNotLook
   */
  async listener(rule: WeightedRule): Promise<LiveListener | undefined> {
    const subject = describeRule(rule);
    const arn = rule.listenerArn ?? (await this.listenerArn(rule, subject));
    if (arn === undefined) return undefined;
    const listeners = await this.ask("DescribeListeners", subject, () =>
      this.client.send(new DescribeListenersCommand({ ListenerArns: [arn] }), { abortSignal: this.signal }),
    );
    const found = listeners?.Listeners?.[0];
    const balancer = found?.LoadBalancerArn;
    if (found === undefined || balancer === undefined) return undefined;
    const balancers = await this.ask("DescribeLoadBalancers", subject, () =>
      this.client.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [balancer] }), {
        abortSignal: this.signal,
      }),
    );
    return {
      arn,
      protocol: found.Protocol ?? "unknown",
      port: found.Port ?? 0,
      dnsName: balancers?.LoadBalancers?.[0]?.DNSName ?? "",
    };
  }

  /** How long the listener's load balancer keeps a connection that nothing passes through, in seconds. @throws CouldNotLook */
  async idleTimeoutSeconds(listenerArn: string): Promise<number> {
    const listeners = await this.ask("DescribeListeners", listenerArn, () =>
      this.client.send(new DescribeListenersCommand({ ListenerArns: [listenerArn] }), { abortSignal: this.signal }),
    );
    const arn = listeners?.Listeners?.[0]?.LoadBalancerArn;
    const answer =
      arn === undefined
        ? undefined
        : await this.ask("DescribeLoadBalancerAttributes", listenerArn, () =>
            this.client.send(new DescribeLoadBalancerAttributesCommand({ LoadBalancerArn: arn }), {
              abortSignal: this.signal,
            }),
          );
    const text = answer?.Attributes?.find(({ Key: key }) => key === "idle_timeout.timeout_seconds")?.Value;
    if (text !== undefined && /^\d+$/.test(text)) return Number(text);
    throw new CouldNotLook(
      `load balancer of ${listenerArn}`,
      arn === undefined ? "there is no such listener" : "AWS tells no idle timeout",
      "correct loadBalancer.listenerArn: an application load balancer's listener",
      { lasting: true },
    );
  }

  /** Rules of a listener that a request header picks, with their target groups. @throws CouldNotLook */
  async headerRules(listenerArn: string, headerName: string): Promise<readonly HeaderRule[]> {
    const found: HeaderRule[] = [];
    for await (const rule of this.rulesOf(listenerArn, listenerArn)) {
      const header = rule.Conditions?.find(
        ({ HttpHeaderConfig: config }) => config?.HttpHeaderName?.toLowerCase() === headerName.toLowerCase(),
      );
      const { targetGroups } = forwardOf(rule);
      for (const value of header?.HttpHeaderConfig?.Values ?? []) found.push({ value, targetGroups });
    }
    return found;
  }

  /** Rules of a listener that have a priority, the first asked first. @throws CouldNotLook */
  async methodRules(listenerArn: string): Promise<readonly MethodRule[]> {
    const found: MethodRule[] = [];
    for await (const rule of this.rulesOf(listenerArn, listenerArn)) {
      if (rule.IsDefault === true) continue;
      const { actions, targetGroups } = forwardOf(rule);
      const methods = rule.Conditions?.find(({ Field }) => Field === "http-request-method")?.HttpRequestMethodConfig;
      const fixed = rule.Actions?.find(({ Type }) => Type === "fixed-response")?.FixedResponseConfig;
      found.push({
        priority: Number(rule.Priority),
        actions,
        targetGroups: targetGroups.map(({ arn }) => arn),
        ...(methods?.Values === undefined ? {} : { methods: methods.Values }),
        ...(fixed?.StatusCode === undefined ? {} : { status: fixed.StatusCode }),
      });
    }
    return found.sort((one, other) => one.priority - other.priority);
  }

  /** ARN of a target group that is given by ARN or name; undefined when there is none. @throws CouldNotLook */
  async targetGroupArn(arnOrName: string): Promise<string | undefined> {
    if (arnOrName.startsWith("arn:")) return arnOrName;
    const answer = await this.ask("DescribeTargetGroups", `target group ${arnOrName}`, () =>
      this.client.send(new DescribeTargetGroupsCommand({ Names: [arnOrName] }), { abortSignal: this.signal }),
    );
    return answer?.TargetGroups?.[0]?.TargetGroupArn;
  }

  /** Every registered target; undefined when the group does not exist. @throws CouldNotLook */
  async targetHealth(arn: string): Promise<readonly TargetHealth[] | undefined> {
    const answer = await this.ask("DescribeTargetHealth", `target group ${arn}`, () =>
      this.client.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }), { abortSignal: this.signal }),
    );
    return (
      answer &&
      (answer.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth: health }) => ({
        target: `${Target?.Id ?? "unknown"}:${Target?.Port ?? "?"}`,
        state: health?.State ?? "unknown",
        reason: [health?.Reason, health?.Description].filter((text) => text !== undefined).join(": "),
      }))
    );
  }

  private async listenerArn(rule: WeightedRule, subject: string): Promise<string | undefined> {
    const { loadBalancerName, port } = rule;
    if (loadBalancerName === undefined || port === undefined) return undefined;
    const balancers = await this.ask("DescribeLoadBalancers", subject, () =>
      this.client.send(new DescribeLoadBalancersCommand({ Names: [loadBalancerName] }), { abortSignal: this.signal }),
    );
    const arn = balancers?.LoadBalancers?.[0]?.LoadBalancerArn;
    if (arn === undefined) return undefined;
    let marker: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const input = { LoadBalancerArn: arn, ...(marker !== undefined && { Marker: marker }) };
      const listeners = await this.ask("DescribeListeners", subject, () =>
        this.client.send(new DescribeListenersCommand(input), { abortSignal: this.signal }),
      );
      const found = listeners?.Listeners?.find((listener) => listener.Port === port);
      marker = listeners?.NextMarker;
      if (found !== undefined || marker === undefined || marker === "") return found?.ListenerArn;
    }
    return undefined;
  }

  private async findRule(
    listenerArn: string,
    priority: number | undefined,
    subject: string,
  ): Promise<Rule | undefined> {
    for await (const rule of this.rulesOf(listenerArn, subject)) {
      if (priority === undefined ? rule.IsDefault === true : rule.Priority === String(priority)) return rule;
    }
    return undefined;
  }

  /** Every rule of a listener, page by page; none when there is no listener. @throws CouldNotLook */
  private async *rulesOf(listenerArn: string, subject: string): AsyncGenerator<Rule> {
    let marker: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const input = { ListenerArn: listenerArn, ...(marker !== undefined && { Marker: marker }) };
      const answer = await this.ask("DescribeRules", subject, () =>
        this.client.send(new DescribeRulesCommand(input), { abortSignal: this.signal }),
      );
      yield* answer?.Rules ?? [];
      marker = answer?.NextMarker;
      if (marker === undefined || marker === "") return;
    }
  }

  /** Undefined when AWS says that the object does not exist. */
  private async ask<T>(call: string, subject: string, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await request();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw awsCouldNotLook(error, `elasticloadbalancing:${call}`, subject);
    }
  }
}

/** For messages: which rule of which listener. */
export function describeRule(rule: WeightedRule): string {
  const listener = rule.listenerArn ?? `load balancer ${rule.loadBalancerName ?? "?"}, port ${rule.port ?? "?"}`;
  const which = rule.priority === undefined ? "default action" : `rule with priority ${rule.priority}`;
  return `${listener}, ${which} (gateway group ${rule.group})`;
}

function forwardOf(rule: Rule): Omit<LiveRule, "where"> {
  const actions = rule.Actions ?? [];
  const forward = actions.find((action) => action.Type === "forward");
  return {
    actions: actions.map((action) => action.Type ?? "unknown"),
    targetGroups: forward ? groupsOf(forward) : [],
    stickiness: forward?.ForwardConfig?.TargetGroupStickinessConfig?.Enabled === true,
  };
}

/** A plain forward to one group has no weights; it gets everything. */
function groupsOf(forward: Action): LiveRule["targetGroups"] {
  const groups = forward.ForwardConfig?.TargetGroups ?? [];
  if (groups.length === 0)
    return forward.TargetGroupArn === undefined ? [] : [{ arn: forward.TargetGroupArn, weight: 1 }];
  return groups.map((group) => ({ arn: group.TargetGroupArn ?? "unknown", weight: group.Weight ?? 1 }));
}
