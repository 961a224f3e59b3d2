import { Counters } from "./counters";
import { Target } from "./target";
import { type TargetGroupConfig, type TargetState } from "./types";

interface GroupOptions {
  readonly pace: number;
  readonly log: (line: string) => void;
}

/** One target group at work: its targets, whose turn it is, and what it counted. */
export class TargetGroup {
  readonly arn: string;
  readonly counters = new Counters();
  readonly #options: GroupOptions;
  #registered: Target[] = [];
  readonly #draining = new Set<Target>();
  #turn = 0;

  constructor(arn: string, options: GroupOptions) {
    this.arn = arn;
    this.#options = options;
  }

  /**
   * Takes a changed configuration over: new targets are registered, missing ones drain, the others stay as they are.
   *
   * @param inUse whether a rule names this group; targets of a group in no rule are `unused` and not checked
   */
  configure(config: TargetGroupConfig, inUse: boolean): void {
    const { pace } = this.#options;
    const before = new Map(this.#registered.map((target) => [target.name, target]));
    this.#registered = config.targets.map((address) => {
      const name = `${address.id}:${address.port}`;
      const target = before.get(name) ?? new Target(address);
      before.delete(name);
      return target;
    });
    for (const target of before.values()) {
      this.#drain(target, (config.deregistrationDelaySeconds * 1000) / pace);
    }
    for (const target of this.#registered) {
      if (inUse) {
        target.watch(config.healthCheck, pace, (from, to, seen) => {
          this.#options.log(
            `target group ${this.arn}: target ${target.name} ${from} -> ${to}${seen === "ok" ? "" : ` (${seen})`}`,
          );
        });
      } else {
        target.unwatch();
      }
    }
  }

  /**
   * Whose turn it is among the healthy targets. When none is healthy, among all of them: the group fails open, and no
   * other group takes its share (facts/aws.md 1). `undefined` when no target is registered.
   */
  next(): Target | undefined {
    const healthy = this.#registered.filter((target) => target.healthy);
    const candidates = healthy.length > 0 ? healthy : this.#registered;
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    return candidates[this.#turn % candidates.length];
  }

  states(): readonly TargetState[] {
    const registered = new Set(this.#registered.map((target) => target.name));
    const draining = [...this.#draining].filter((target) => !registered.has(target.name));
    return [...this.#registered, ...draining].map((target) => target.state());
  }

  /**
   * The group is not configured any more, which takes that no rule names it: nothing new comes, and what is in flight may
   * take its time, as nobody deregistered its targets.
   */
  remove(): void {
    const targets = this.#registered;
    this.#registered = [];
    for (const target of targets) {
      this.#drain(target, undefined);
    }
  }

  #drain(target: Target, delayMs: number | undefined): void {
    const { log } = this.#options;
    const name = `target group ${this.arn}: target ${target.name}`;
    this.#draining.add(target);
    log(`${name} deregistered, ${target.active} requests in flight`);
    target.drain(delayMs, (cut) => {
      this.#draining.delete(target);
      if (cut > 0) {
        log(`${name}: ${cut} requests cut, deregistration delay over`);
      }
    });
  }
}
