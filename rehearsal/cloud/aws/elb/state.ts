import { type ListenerConfig, type LoadBalancerConfig, type RuleConfig } from "../../loadBalancer";
import { type Network } from "../ec2/network";
import { AwsError } from "../errors";
import { Serial } from "../serial";
import {
  type Action,
  type Listener,
  type LoadBalancer,
  type LoadBalancerPort,
  type Rule,
  type TargetGroup,
  type TargetState,
} from "./records";

/**
 * Load balancers, listeners, rules and target groups. Every change goes to the load balancers' processes before it
 * counts: when one of them refuses its new configuration, nothing has changed.
 */
export class ElbState {
  readonly loadBalancers = new Map<string, LoadBalancer>();
  readonly targetGroups = new Map<string, TargetGroup>();
  readonly listeners = new Map<string, Listener>();
  readonly rules = new Map<string, Rule>();
  private readonly applied = new Map<string, string>();
  private readonly serial = new Serial();

  constructor(
    readonly network: Network,
    readonly startLoadBalancer: () => Promise<LoadBalancerPort>,
  ) {
    network.users.push((securityGroupId) => {
      const user = [...this.loadBalancers.values()].find((lb) => lb.securityGroupIds.includes(securityGroupId));
      return user === undefined ? undefined : `load balancer ${user.name}`;
    });
  }

  /** Makes one change of several records at once: all of it, in the load balancers too, or nothing. */
  change<T>(edit: () => T | Promise<T>): Promise<T> {
    return this.serial.run(async () => {
      const undo = [keep(this.loadBalancers), keep(this.targetGroups), keep(this.listeners), keep(this.rules)];
      try {
        const result = await edit();
        await this.apply();
        return result;
      } catch (error) {
        for (const restore of undo) restore();
        // Bringing the old configuration back may fail as well; the first error is the one that says why.
        await this.apply().catch(() => undefined);
        throw error;
      }
    });
  }

  /** @throws AwsError `LoadBalancerNotFound` */
  loadBalancer(arn: string): LoadBalancer {
    return found(this.loadBalancers.get(arn), "LoadBalancerNotFound", `Load balancers '[${arn}]' not found`);
  }

  /** @throws AwsError `TargetGroupNotFound` */
  targetGroup(arn: string): TargetGroup {
    return found(this.targetGroups.get(arn), "TargetGroupNotFound", `Target groups '[${arn}]' not found`);
  }

  /** @throws AwsError `ListenerNotFound` */
  listener(arn: string): Listener {
    return found(this.listeners.get(arn), "ListenerNotFound", `Listeners '[${arn}]' not found`);
  }

  /** @throws AwsError `RuleNotFound` */
  rule(arn: string): Rule {
    return found(this.rules.get(arn), "RuleNotFound", `Rules '[${arn}]' not found`);
  }

  listenersOf(loadBalancerArn: string): readonly Listener[] {
    return [...this.listeners.values()].filter((listener) => listener.loadBalancerArn === loadBalancerArn);
  }

  /** Rules without the default one, in the order in which they are tried. */
  rulesOf(listenerArn: string): readonly Rule[] {
    const rules = [...this.rules.values()].filter((rule) => rule.listenerArn === listenerArn);
    return rules.sort((a, b) => a.priority - b.priority);
  }

  /** All actions of a load balancer, each with the ARN of its rule. */
  actionsOf(loadBalancerArn: string): readonly { readonly ruleArn: string; readonly action: Action }[] {
    return this.listenersOf(loadBalancerArn).flatMap((listener) => [
      ...this.rulesOf(listener.arn).map((rule) => ({ ruleArn: rule.arn, action: rule.action })),
      { ruleArn: listener.defaultRuleArn, action: listener.defaultAction },
    ]);
  }

  /** Load balancers that name the target group in an action. On AWS there is at most one. */
  usersOf(targetGroupArn: string): readonly LoadBalancer[] {
    return [...this.loadBalancers.values()].filter((lb) =>
      this.actionsOf(lb.arn).some(({ action }) => groupArns(action).includes(targetGroupArn)),
    );
  }

  /** What the load balancer says of the group's targets; `unused` while no rule names the group. */
  async targetStates(targetGroupArn: string): Promise<readonly TargetState[]> {
    const { targets } = this.targetGroup(targetGroupArn);
    const [user] = this.usersOf(targetGroupArn);
    if (user === undefined) {
      return targets.map((target) => ({ ...target, state: "unused", reason: "Target.NotInUse" }));
    }
    return (await user.process.state()).targets[targetGroupArn] ?? [];
  }

  async stop(): Promise<void> {
    await Promise.all([...this.loadBalancers.values()].map((lb) => lb.process.stop()));
  }

  private async apply(): Promise<void> {
    for (const loadBalancer of this.loadBalancers.values()) {
      const config = this.configOf(loadBalancer);
      const text = JSON.stringify(config);
      if (this.applied.get(loadBalancer.arn) === text) continue;
      this.applied.delete(loadBalancer.arn);
      await loadBalancer.process.apply(config);
      this.applied.set(loadBalancer.arn, text);
    }
  }

  private configOf(loadBalancer: LoadBalancer): LoadBalancerConfig {
    const used = new Set(this.actionsOf(loadBalancer.arn).flatMap(({ action }) => groupArns(action)));
    return {
      address: loadBalancer.address,
      idleTimeoutSeconds: Number(loadBalancer.attributes["idle_timeout.timeout_seconds"]),
      listeners: this.listenersOf(loadBalancer.arn).map((listener) => this.listenerConfig(listener)),
      targetGroups: [...used].map((arn) => {
        const { healthCheck, attributes, targets } = this.targetGroup(arn);
        const port = healthCheck.port === "traffic-port" ? "traffic-port" : Number(healthCheck.port);
        return {
          arn,
          healthCheck: { ...healthCheck, port },
          deregistrationDelaySeconds: Number(attributes["deregistration_delay.timeout_seconds"]),
          targets,
        };
      }),
    };
  }

  private listenerConfig({ arn, port, defaultRuleArn, defaultAction }: Listener): ListenerConfig {
    const rules = this.rulesOf(arn).map((rule): RuleConfig => {
      const values = (field: string): readonly string[] =>
        rule.conditions.flatMap((condition) => (condition.field === field ? condition.values : []));
      return {
        arn: rule.arn,
        priority: rule.priority,
        hosts: values("host-header"),
        paths: values("path-pattern"),
        methods: values("http-request-method"),
        headers: rule.conditions.flatMap((condition) =>
          condition.field === "http-header" ? [{ name: condition.name, values: condition.values }] : [],
        ),
        action: rule.action,
      };
    });
    const last: RuleConfig = {
      arn: defaultRuleArn,
      priority: "default",
      hosts: [],
      paths: [],
      methods: [],
      headers: [],
      action: defaultAction,
    };
    return { arn, port, rules: [...rules, last] };
  }
}

/** The groups that an action forwards to. */
export function groupArns(action: Action): readonly string[] {
  return action.type === "forward" ? action.forward.groups.map(({ arn }) => arn) : [];
}

function found<T>(value: T | undefined, code: string, message: string): T {
  if (value === undefined) throw new AwsError(code, message);
  return value;
}

/** A function that brings a map back to what it holds now. */
function keep<K, V>(map: Map<K, V>): () => void {
  const before = [...map];
  return () => {
    map.clear();
    for (const [key, value] of before) map.set(key, value);
  };
}
