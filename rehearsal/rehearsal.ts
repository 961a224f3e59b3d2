import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import program from "../index";
import { type Stage, shapeOf } from "../migration/stages";
import { enterStage } from "../pilot/enter";
import { Clouds, type World } from "./cloud";
import { type LoadBalancerState } from "./cloud/loadBalancer";
import { Load, type LoadSnapshot, Upstream } from "./cloud/traffic";
import { cacheFolder, ensureEngine } from "./engine";
import { awsEnvironment, closeAll, engineEnvironment, setEnvironment } from "./environment";
import { installLanguageHost } from "./engine/languageHost";
import { carriesWeights, type FreezeBy } from "./expectations";
import { between, count, round, shareMisfit, type Count } from "./measure";
import { openTier, useRealProvider } from "./kubernetes/real/tier";
import { openConnections } from "./connections";
import { scrapeSecondsOf } from "./judging";
import { claimNetwork, type Network } from "./network";
import { installPlugins } from "./providers/framework";
import { freezeOf, rehearsalConfig, rehearsalSettings, type RehearsalSettings } from "./settings";
import { databaseProof, type Expected, onlyTheStagesOwn, RehearsalFailure, verdictOf } from "./stageProof";
import { EngineRefusal, openStack, type MigrationStack, type Operation } from "./stack";
import { wayBackByPilot, wayBackByTargets } from "./wayBack";
import {
  type ConnectionsSummary,
  type DatabaseSummary,
  type FaultSummary,
  type JudgedSummary,
  type RollbackSummary,
  type StageSummary,
} from "./summary";

/** How one run is set up. */
export interface RehearsalOptions {
  /** Plain requests a second. */
  readonly ratePerSecond: number;
  /** Divides the waits that the settings and the clouds prescribe; never a rate. */
  readonly pace: number;
  /** Routes that database A is seeded with. */
  readonly routes: number;
  /** How long each stage's traffic is looked at, seconds. */
  readonly lookSeconds: number;
  /** The load stops by itself after this long, whatever happens. */
  readonly maxSeconds: number;
  readonly settings: RehearsalSettings;
  /** What the load is made of beside plain requests. */
  readonly load?: Partial<LoadMix> | undefined;
  /** `real`: real control planes, real Helm, the real provider. Default: stand-ins. */
  readonly kubernetes?: "real" | undefined;
  readonly report: (line: string) => void;
}

export { RehearsalFailure } from "./stageProof";

/** Requests that stay in flight, so that every change of the weights meets some. */
export interface LoadMix {
  /** Requests a second that the upstream answers after seconds. */
  readonly slowPerSecond: number;
  /** Streamed answers and WebSockets open at any time. */
  readonly streams: number;
  readonly websockets: number;
}

/** So many that some are in flight on each side at every change of the weights, B's at a rollback from 25 % included. */
const USUAL_MIX: LoadMix = { slowPerSecond: 6, streams: 10, websockets: 10 };
/** Mean time of an upstream's ordinary answer: what the gateways add to it shows, the noise of a busy computer does not. */
const UPSTREAM_MEAN_MS = 30;

/** A change of weights that the engine reported done. */
export interface WeightChange {
  readonly stage: Stage;
  readonly at: Date;
  /** At a rollback: B's weight before it. */
  readonly weightBBefore: number | undefined;
}

/** The weights change in the load balancer this long after the call, as ELB's do; then a stage's traffic counts. */
const PROPAGATION_MS = 1_500;
/** Much longer than the longest stream or WebSocket of the load. */
const DRAIN_SECONDS = 90;
/** A share is looked at until so many requests are expected on either side: fewer say nothing about 5 %. */
const EXPECTED_ON_EACH_SIDE = 30;
const LOOK_MAXIMUM_SECONDS = 120;

/** One computer as two clusters under load, with the unchanged program on the real engine. */
export class Rehearsal {
  readonly stages: StageSummary[] = [];
  /** When the engine reported each change of weights done. */
  readonly weightChanges: WeightChange[] = [];
  rollback: RollbackSummary | null = null;
  /** What the proof of the copy said, once database B was restored. */
  database: DatabaseSummary | null = null;
  /** How the gate judged each step before the next one. */
  readonly judged: JudgedSummary[] = [];
  /** Faults made on purpose. */
  readonly faults: FaultSummary[] = [];
  /** Long-lived connections at the end of the look at each stage. */
  readonly connections: ConnectionsSummary[] = [];
  private ended: LoadSnapshot | undefined;

  private constructor(
    readonly options: RehearsalOptions,
    readonly home: string,
    readonly clouds: Clouds,
    readonly world: World,
    private readonly load: Load,
    private readonly stopLoad: () => Promise<LoadSnapshot>,
    readonly stack: MigrationStack,
    private readonly closers: readonly (() => Promise<void>)[],
  ) {}

  /** Brings up engine, plugins, clouds, upstream services, load and an empty stack. */
  static async open(options: RehearsalOptions): Promise<Rehearsal> {
    const { report } = options;
    const closers: (() => Promise<void>)[] = [];
    try {
      const engine = await ensureEngine({ report });
      report(`Pulumi CLI ${engine.version} (${engine.source})`);
      const home = await mkdtemp(join(tmpdir(), "api7-rehearsal-"));
      // The database servers run as a user of their own and must get through to their folders.
      await chmod(home, 0o711);
      await mkdir(join(home, "state"));
      closers.unshift(async () => rm(home, { recursive: true, force: true }));
      const network: Network = await claimNetwork();
      closers.unshift(async () => network.release());
      const tier = options.kubernetes === "real" ? await openTier(network.prefix, report) : undefined;
      if (tier !== undefined) closers.unshift(async () => tier.podNetworks.release());
      const plugins = await installPlugins({ folder: join(home, "plugins"), cacheFolder: cacheFolder(), report });
      if (tier !== undefined) await useRealProvider(plugins.pathFolder, tier);
      const upstream = await Upstream.start({
        address: `${network.prefix}.30.1`,
        port: 8080,
        meanMs: UPSTREAM_MEAN_MS,
      });
      closers.unshift(async () => upstream.stop());
      const clouds = await Clouds.start({
        home: join(home, "clouds"),
        network: network.prefix,
        pace: options.pace,
        routes: options.routes,
        scrapeSeconds: scrapeSecondsOf(options.settings.judging),
        kubernetes: tier,
        report,
      });
      closers.unshift(async () => clouds.stop());
      const world = await clouds.call("world");
      const mix = { ...USUAL_MIX, ...options.load };
      const load = await Load.start({
        url: `http://${world.loadBalancer.address}:${world.loadBalancer.port}`,
        ratePerSecond: options.ratePerSecond,
        catalogue: world.catalogue,
        maxSeconds: options.maxSeconds,
        slow: { perSecond: mix.slowPerSecond, minSeconds: 2, maxSeconds: 6 },
        streams: mix.streams,
        websockets: mix.websockets,
      });
      let stopped: Promise<LoadSnapshot> | undefined;
      const endLoad = async (): Promise<LoadSnapshot> => (stopped ??= load.stop());
      closers.unshift(async () => {
        await endLoad();
      });
      const host = await installLanguageHost(join(home, "plugins"), { cli: engine.path });
      const path = [plugins.pathFolder, host.pathFolder].join(delimiter);
      const environment = engineEnvironment(home, path, world);
      // The program's hooks run in this process and start the checks themselves.
      closers.unshift(setEnvironment(awsEnvironment(world)));
      const stack = await openStack({
        name: "rehearsal",
        home,
        engine,
        environment,
        program,
        config: rehearsalConfig(world),
        settings: rehearsalSettings(world, options.settings, join(home, "record")),
      });
      return new Rehearsal(options, home, clouds, world, load, endLoad, stack, closers);
    } catch (error) {
      // What went wrong first is what counts.
      await closeAll(closers);
      throw error;
    }
  }

  /**
   * Ends everything that `open` brought up, in reverse order, whatever fails on the way.
   *
   * @throws AggregateError with everything that could not be ended
   */
  async close(): Promise<void> {
    const failures = await closeAll(this.closers);
    if (failures.length > 0)
      throw new AggregateError(failures, `not ended in order: ${failures.map(String).join("; ")}`);
  }

  /** What the load has counted up to now, or in all once it has ended. */
  async loadSnapshot(): Promise<LoadSnapshot> {
    return this.ended ?? this.load.snapshot();
  }

  /** Stops sending, waits for the last answers, and returns everything that the load counted. */
  async endLoad(): Promise<LoadSnapshot> {
    this.ended ??= await this.stopLoad();
    return this.ended;
  }

  /** What load and load balancer have counted up to now. */
  async count(): Promise<Count> {
    const [load, balancer] = await Promise.all([this.loadSnapshot(), this.gatewaysState()]);
    return count(load, balancer, [this.world.loadBalancer.targetGroupAArn]);
  }

  /** How the run's settings close A. */
  get freezeBy(): FreezeBy {
    const { mode } = freezeOf(this.options.settings, this.world);
    return mode === "writes-only" ? "rules" : "scale";
  }

  /** The load balancer without A's admin entry, which serves people and tools, and no traffic. */
  private async gatewaysState(): Promise<LoadBalancerState> {
    const state = await this.clouds.call("loadBalancerState");
    const { targetGroupArn } = this.world.loadBalancer.admin;
    return {
      ...state,
      counters: Object.fromEntries(Object.entries(state.counters).filter(([arn]) => arn !== targetGroupArn)),
    };
  }

  /** Waits until B has nothing in flight: streams and WebSockets end where they began, also after a rollback. */
  async drainB(): Promise<void> {
    const until = Date.now() + DRAIN_SECONDS * 1000;
    const { targetGroupAArn } = this.world.loadBalancer;
    for (;;) {
      const { counters } = await this.gatewaysState();
      const active = Object.entries(counters).reduce(
        (sum, [arn, group]) => sum + (arn === targetGroupAArn ? 0 : group.active),
        0,
      );
      if (active === 0) return;
      if (Date.now() > until) throw new RehearsalFailure(`B still has ${active} requests in flight`);
      await sleep(300);
    }
  }

  /** Where the weights of the program's rules can be set without the program: the targets of the way back. */
  async wayBackTargets(): Promise<readonly string[]> {
    const outputs = await this.stack.outputs();
    const wayBack = outputs["wayBack"]?.value as { targets?: readonly string[] } | undefined;
    if (wayBack?.targets === undefined || wayBack.targets.length === 0) {
      throw new RehearsalFailure("the program's output wayBack names no targets");
    }
    return wayBack.targets;
  }

  /**
   * Enters a stage as an operator does: set it, preview, up; then the engine must see nothing left to do, only what the
   * stage table names may have changed, and B's measured share must fit its weight.
   */
  async enter(
    stage: Stage,
    settings: Readonly<Record<string, unknown>> = {},
    expected: Expected = {},
  ): Promise<Operation> {
    const begun = await this.count();
    const { preview, update } = await enterStage(this.stack, stage, { settings });
    this.noteWeightChange(stage, update);
    await sleep(PROPAGATION_MS);
    const from = await this.count();
    await this.nothingLeftToDo(stage);
    onlyTheStagesOwn(stage, update, this.freezeBy, expected);
    const to = await this.lookUntil(from, shapeOf(stage).weightB);
    this.finish(stage, { begun, from, to, preview, update }, expected);
    this.connections.push(await openConnections(stage, this.world.metrics, await this.loadSnapshot()));
    this.database ??= databaseProof(update);
    if (stage === "restore" && this.database?.equal !== true) {
      throw new RehearsalFailure("database B was restored without a proof that it is equal");
    }
    return update;
  }

  /** The weight-carrying rules alone, without the gate: what somebody targets who means to go around it. */
  async weightTargets(): Promise<readonly string[]> {
    return (await this.wayBackTargets()).filter((urn) => /aws:lb\/listener(Rule)?:/.test(urn));
  }

  /**
   * The way back from the stage at hand, as the on-call takes it, and its proof: B's counter stays flat.
   *
   * @param options `settle: false` leaves out the look whether the engine has anything left to do, which needs the charts;
   * `targets` takes the documented plain way, `up --skip-preview --refresh --target` with these URNs, instead of the pilot's
   */
  async goBack(
    from: Stage,
    options: { readonly settle?: boolean; readonly targets?: readonly string[]; readonly direct?: boolean } = {},
  ): Promise<Operation> {
    const begun = await this.count();
    const { settle = true, targets, direct = false } = options;
    const decision = new Date();
    const { update, applied } = await (targets === undefined
      ? wayBackByPilot(this.stack, { direct, decision, report: this.options.report })
      : wayBackByTargets(this.stack, targets));
    if (applied !== undefined) {
      this.weightChanges.push({ stage: "rollback", at: applied, weightBBefore: shapeOf(from).weightB });
    }
    if (applied === undefined && shapeOf(from).weightB > 0) {
      throw new RehearsalFailure(`the rollback from ${from} changed no weights`);
    }
    await sleep(PROPAGATION_MS);
    const settled = await this.count();
    if (settle) await this.nothingLeftToDo("rollback");
    onlyTheStagesOwn("rollback", update, this.freezeBy, { gate: from !== "rollback" });
    const to = await this.lookUntil(settled, 0);
    if (to.b !== settled.b) {
      throw new RehearsalFailure(`after the rollback B still got ${to.b - settled.b} requests`);
    }
    this.finish("rollback", { begun, from: settled, to, preview: undefined, update }, { gate: from !== "rollback" });
    this.connections.push(await openConnections("rollback", this.world.metrics, await this.loadSnapshot()));
    if (from === "rollback") return update;
    const last = to.lastOnB !== undefined && to.lastOnB > decision ? to.lastOnB : undefined;
    this.rollback = {
      from,
      decisionToAppliedSeconds: applied === undefined ? null : seconds(decision, applied),
      decisionToLastRequestOnBSeconds: last === undefined ? null : seconds(decision, last),
    };
    return update;
  }

  /** An operation that has to be refused. Returns what the engine said. */
  async refused(operation: () => Promise<unknown>): Promise<string> {
    try {
      await operation();
    } catch (error) {
      if (error instanceof EngineRefusal) return error.message;
      throw error;
    }
    throw new RehearsalFailure("the engine let pass what it had to refuse");
  }

  private async nothingLeftToDo(stage: Stage): Promise<void> {
    const { changes } = await this.stack.preview();
    if (changes.length === 0) return;
    const list = changes.map(({ op, urn, diffs }) => `${op} ${urn} (${diffs.join(", ")})`).join("; ");
    throw new RehearsalFailure(`after ${stage} the engine still wants to change: ${list}`);
  }

  private noteWeightChange(stage: Stage, { changes }: Operation): void {
    const applied = changes.filter(carriesWeights).at(-1);
    if (applied !== undefined) this.weightChanges.push({ stage, at: applied.at, weightBBefore: undefined });
  }

  /** Looks at least as long as the scenario wants, and until the share of B can be told. */
  private async lookUntil(from: Count, weightB: number): Promise<Count> {
    const left = from.at.getTime() + this.options.lookSeconds * 1000 - Date.now();
    if (left > 0) await sleep(left);
    const smaller = Math.min(weightB, 100 - weightB) / 100;
    for (;;) {
      const now = await this.count();
      const expected = (now.a + now.b - from.a - from.b) * smaller;
      if (smaller === 0 || expected >= EXPECTED_ON_EACH_SIDE) return now;
      if (now.at.getTime() > from.at.getTime() + LOOK_MAXIMUM_SECONDS * 1000) {
        throw new RehearsalFailure(
          `only ${now.sent - from.sent} requests in ${LOOK_MAXIMUM_SECONDS} s: too few to tell`,
        );
      }
      await sleep(300);
    }
  }

  private finish(
    stage: Stage,
    run: { begun: Count; from: Count; to: Count; preview: Operation | undefined; update: Operation },
    expected: Expected,
  ): void {
    const { weightB } = shapeOf(stage);
    const looked = between(run.from, run.to);
    const whole = between(run.begun, run.to);
    const misfit = shareMisfit(looked, weightB);
    if (misfit !== undefined) throw new RehearsalFailure(`at ${stage} ${misfit}`);
    const verdict = verdictOf(stage, run.update);
    if (verdict !== (stage === "rollback" ? "back" : "go")) {
      throw new RehearsalFailure(`the record says ${verdict} for ${stage}${expected.gate === false ? " (again)" : ""}`);
    }
    this.stages.push({
      stage,
      weightB,
      shareB: looked.shareB,
      requests: whole.sent,
      failed: whole.failed,
      seconds: seconds(run.begun.at, run.to.at),
      previewSeconds: run.preview === undefined ? null : round(run.preview.seconds, 2),
      updateSeconds: round(run.update.seconds, 2),
      verdict,
    });
  }
}

function seconds(from: Date, to: Date): number {
  return round((to.getTime() - from.getTime()) / 1000, 2);
}
