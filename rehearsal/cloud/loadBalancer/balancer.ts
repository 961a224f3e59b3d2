import { Counters } from "./counters";
import { type LoadBalancerMethods } from "./methods";
import { Listener } from "./listener";
import { compileRules } from "./rules";
import { Stickiness } from "./stickiness";
import { TargetGroup } from "./targetGroup";
import { type LoadBalancerConfig, type LoadBalancerState, type TargetGroupCounters, type TargetState } from "./types";
import { validateConfig } from "./validateConfig";

type Options = LoadBalancerMethods["start"]["request"] & { readonly log: (line: string) => void };

/** The load balancer itself, inside its process: accepts configurations, and swaps them in after the propagation time. */
export class Balancer {
  readonly #options: Options;
  readonly #stickiness = new Stickiness();
  /** By `address:port`. Listeners of accepted configurations are open already, and answer 503 until they are in effect. */
  readonly #listeners = new Map<string, Listener>();
  /** Every target group that was ever in effect: counters only rise, even when a group leaves and comes back. */
  readonly #groups = new Map<string, TargetGroup>();
  #accepted: LoadBalancerConfig | undefined;
  /** One `apply` at a time, in the order of the calls. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    if (!(options.pace >= 1)) {
      throw new Error(`pace is ${options.pace}, expected 1 or more`);
    }
    if (!(options.propagationMs >= 0)) {
      throw new Error(`propagationMs is ${options.propagationMs}, expected 0 or more`);
    }
    this.#options = options;
  }

  /** @throws Error when the configuration is refused or a port is taken; then nothing changes */
  apply(config: LoadBalancerConfig): Promise<void> {
    const accepted = this.#turn.then(() => this.#accept(config));
    this.#turn = accepted.catch(() => undefined);
    return accepted;
  }

  state(): LoadBalancerState {
    const targets: Record<string, readonly TargetState[]> = {};
    for (const [arn, group] of this.#groups) {
      targets[arn] = group.states();
    }
    const accepted = this.#accepted;
    const counters: Record<string, TargetGroupCounters> = {};
    for (const { arn } of accepted?.targetGroups ?? []) {
      counters[arn] = new Counters().snapshot();
    }
    for (const [arn, group] of this.#groups) {
      counters[arn] = group.counters.snapshot();
    }
    return { targets: accepted === undefined ? targets : withAccepted(targets, accepted), counters };
  }

  async #accept(config: LoadBalancerConfig): Promise<void> {
    validateConfig(config);
    const opened: Listener[] = [];
    try {
      for (const { port } of config.listeners) {
        if (!this.#listeners.has(`${config.address}:${port}`)) {
          opened.push(await Listener.open(config.address, port));
        }
      }
    } catch (error) {
      opened.forEach((listener) => listener.close());
      throw error;
    }
    for (const listener of opened) {
      this.#listeners.set(`${listener.address}:${listener.port}`, listener);
    }
    this.#accepted = config;
    // Timers of equal length run in the order in which they were set: configurations take effect in the order of acceptance.
    setTimeout(() => this.#swap(config), this.#options.propagationMs);
  }

  /** The whole change in one synchronous piece: no request sees half of it. */
  #swap(config: LoadBalancerConfig): void {
    const inUse = groupsInUse(config);
    for (const groupConfig of config.targetGroups) {
      const { arn } = groupConfig;
      const group = this.#groups.get(arn) ?? new TargetGroup(arn, this.#options);
      this.#groups.set(arn, group);
      group.configure(groupConfig, inUse.has(arn));
    }
    const configured = new Set(config.targetGroups.map((group) => group.arn));
    for (const [arn, group] of this.#groups) {
      if (!configured.has(arn)) {
        group.remove();
      }
    }
    const kept = new Set<string>();
    for (const listenerConfig of config.listeners) {
      const key = `${config.address}:${listenerConfig.port}`;
      kept.add(key);
      this.#listeners.get(key)?.use({
        rules: compileRules(listenerConfig),
        groups: this.#groups,
        stickiness: this.#stickiness,
        idleTimeoutMs: config.idleTimeoutSeconds * 1000,
      });
    }
    // A listener that a later accepted configuration has opened is not ours to close.
    for (const { port } of this.#accepted?.listeners ?? []) {
      kept.add(`${this.#accepted?.address ?? ""}:${port}`);
    }
    for (const [key, listener] of this.#listeners) {
      if (!kept.has(key)) {
        listener.close();
        this.#listeners.delete(key);
      }
    }
    this.#options.log(`configuration in effect: ${describe(config)}`);
  }
}

function groupsInUse(config: LoadBalancerConfig): ReadonlySet<string> {
  const rules = config.listeners.flatMap((listener) => listener.rules);
  return new Set(
    rules.flatMap(({ action }) => (action.type === "forward" ? action.forward.groups.map((group) => group.arn) : [])),
  );
}

/** What is accepted and not yet in effect: a new target shows as `initial` or `unused`, a removed one as `draining`. */
function withAccepted(
  targets: Readonly<Record<string, readonly TargetState[]>>,
  config: LoadBalancerConfig,
): Record<string, readonly TargetState[]> {
  const inUse = groupsInUse(config);
  return Object.fromEntries(
    config.targetGroups.map((group) => {
      const wanted = new Map(group.targets.map((target) => [`${target.id}:${target.port}`, target]));
      const known = (targets[group.arn] ?? []).map((target): TargetState => {
        const stays = wanted.delete(`${target.id}:${target.port}`);
        const { id, port } = target;
        return stays ? target : { id, port, state: "draining", reason: "Target.DeregistrationInProgress" };
      });
      const registering = [...wanted.values()].map(({ id, port }): TargetState =>
        inUse.has(group.arn)
          ? { id, port, state: "initial", reason: "Elb.RegistrationInProgress" }
          : { id, port, state: "unused", reason: "Target.NotInUse" },
      );
      return [group.arn, [...known, ...registering]];
    }),
  );
}

/** One line: each rule with its weights. */
function describe(config: LoadBalancerConfig): string {
  const rules = config.listeners.flatMap((listener) =>
    listener.rules.map(({ priority, action }) => {
      const does =
        action.type === "fixed-response"
          ? `fixed response ${action.statusCode}`
          : action.forward.groups.map((group) => `${group.arn.split("/")[1] ?? group.arn}=${group.weight}`).join(" ");
      return `port ${listener.port} rule ${priority}: ${does}`;
    }),
  );
  return rules.join("; ") || "no listener";
}
