import assert from "node:assert/strict";
import { allStages, legalNext, shapeOf, trafficShare, type Stage } from "../../migration/stages";
import { configOf, PROJECT } from "../migration/stackConfig";
import { startCloud, type TestCloud } from "./aws/fakes";
import { rollbackOf, StackAt } from "./stackAt";

/**
 * Every illegal pair of stages, once, on the real engine's preview: the unchanged program with production's settings,
 * on a state that stands at the first stage. A preview takes most of a second, so two stacks share them.
 */

const STEPS = [5, 25, 50, 75, 100] as const;
const ALL = allStages(STEPS);
const RULES = ["**TrafficSplit$aws:lb/listenerRule:ListenerRule::**"];
const GATE = ["**StageGate$command:local:Command::**"];
const UP: readonly Stage[] = ["prepare", "freeze", "restore", "start", ...STEPS.map((n) => `traffic-${n}` as const)];

/** A legal way to each stage. */
function wayTo(stage: Stage | undefined): readonly Stage[] {
  if (stage === undefined) return [];
  if (stage === "rollback") return [...UP.slice(0, 5), "rollback"];
  if (stage === "abandon") return [...UP.slice(0, 4), "abandon"];
  const way: readonly Stage[] = [...UP, "complete", "decommission"];
  return way.slice(0, way.indexOf(stage) + 1);
}

/** Stages that are not legal after this one. Those after `rollback` need its acknowledgement, so without it none is. */
function illegalAfter(from: Stage | undefined): readonly Stage[] {
  const legal = from === "rollback" ? ["rollback"] : legalNext(from, STEPS);
  return ALL.filter((to) => !legal.includes(to));
}

/**
 * A refused preview leaves the SDK's handlers of uncaught errors behind, one of each, and Node warns of so many.
 * @returns what takes those away that were there at its call before: their programs ended long ago
 */
function oldHandlers(): () => void {
  const takers = [takerOf("uncaughtException"), takerOf("unhandledRejection")];
  return () => takers.forEach((take) => take());
}

function takerOf(event: "uncaughtException" | "unhandledRejection"): () => void {
  // The same emitter, by the one type that knows every event.
  const emitter: Pick<NodeJS.EventEmitter, "listeners" | "off"> = process;
  const kept = emitter.listeners(event);
  let old: ReturnType<NodeJS.EventEmitter["listeners"]> = [];
  return () => {
    for (const listener of old) emitter.off(event, listener as (...args: unknown[]) => void);
    old = emitter.listeners(event).filter((listener) => !kept.includes(listener));
  };
}

describe("illegal moves on the real engine's preview", function () {
  this.timeout(240_000);
  let cloud: TestCloud;
  let at: StackAt;
  let second: StackAt;
  let takeOldHandlers: () => void;

  before(async () => {
    takeOldHandlers = oldHandlers();
    cloud = await startCloud();
    at = await StackAt.open(cloud.cloud.endpoint);
    second = await StackAt.open(cloud.cloud.endpoint);
  });
  after(async () => {
    at.remove();
    second.remove();
    await cloud.stop();
    takeOldHandlers();
    takeOldHandlers();
  });
  afterEach(() => takeOldHandlers());

  /** Asserts that the text names the legal stages and a command. */
  function tellsTheWay(text: string | undefined, from: Stage | undefined, to: Stage): void {
    const pair = `${from ?? "a new stack"} to ${to}`;
    assert.ok(text !== undefined, `${pair} was not refused`);
    const legal = legalNext(from, STEPS).join(", ");
    assert.ok(text.includes(`Legal stages now: ${legal}.`), `${pair}: ${text}`);
    assert.match(text, /To go on: pulumi config set (stage|acknowledgeRollback) \S+/, pair);
    if (from === "rollback" && legalNext(from, STEPS).includes(to)) {
      assert.ok(text.includes(`pulumi config set acknowledgeRollback ${rollbackOf(...wayTo("rollback"))}`), text);
    } else {
      assert.ok(text.includes(`The move from ${pair} is not legal.`), text);
    }
  }

  for (const from of [undefined, ...ALL]) {
    const illegal = illegalAfter(from);
    it(`${from ?? "(new)"} -> ${illegal.length} stages`, async () => {
      const rest = [...illegal];
      const share = async (stack: StackAt): Promise<void> => {
        await stack.standAt(...wayTo(from));
        for (let to = rest.shift(); to !== undefined; to = rest.shift()) {
          tellsTheWay(await stack.refused({ stage: to }), from, to);
        }
      };
      await Promise.all([share(at), share(second)]);
    });
  }

  it("a legal step of gate and rules is not refused: the setting is sound", async () => {
    await at.standAt(...wayTo("traffic-5"));
    assert.equal(await at.refused({ stage: "traffic-25" }, [...GATE, ...RULES]), undefined);
    assert.equal(await at.refused({ stage: "traffic-25" }, RULES), undefined);
    assert.equal(await at.refused({ stage: "rollback" }, [...GATE, ...RULES]), undefined);
  });

  describe("with --target on the rules alone", () => {
    const rises: readonly (readonly [Stage, readonly Stage[]])[] = [
      ["prepare", ["traffic-5", "complete"]],
      ["start", ["traffic-25", "traffic-100"]],
      ["traffic-5", ["traffic-50", "traffic-100"]],
      ["traffic-25", ["traffic-75"]],
      ["traffic-50", ["traffic-100"]],
      ["rollback", ["traffic-5", "traffic-100"]],
      ["abandon", ["traffic-5"]],
    ];
    for (const [from, stages] of rises) {
      it(`${from} -> ${stages.join(", ")}`, async () => {
        await at.standAt(...wayTo(from));
        for (const to of stages) {
          const text = (await at.refused({ stage: to }, RULES)) ?? assert.fail(`${from} -> ${to} was not refused`);
          const share = shapeOf(from).weightB;
          const expected =
            trafficShare(to) === undefined
              ? `the record stands at ${from}, not at ${to}`
              : text.includes("The weight of B may not go")
                ? `from ${share} to ${shapeOf(to).weightB} %`
                : to;
          assert.ok(text.includes(expected), text);
          assert.match(text, /pulumi (config set|up)/);
        }
      });
    }

    it("nor down from decommission: A has nothing to serve with", async () => {
      await at.standAt(...wayTo("decommission"));
      const text = await at.refused({ stage: "rollback" }, RULES);
      assert.match(text ?? "", /A was scaled to zero at decommission/);
    });
  });

  describe("with --target on the gate alone", () => {
    it("traffic-5 -> traffic-75, complete, freeze", async () => {
      await at.standAt(...wayTo("traffic-5"));
      for (const to of ["traffic-75", "complete", "freeze"] as const) {
        tellsTheWay(await at.refused({ stage: to }, GATE), "traffic-5", to);
      }
    });
  });

  describe("a new stack that begins at traffic-5", () => {
    it("is refused as a whole, by the gate alone, and by the rules alone", async () => {
      await at.standAt();
      tellsTheWay(await at.refused({ stage: "traffic-5" }), undefined, "traffic-5");
      tellsTheWay(await at.refused({ stage: "traffic-5" }, ["**"]), undefined, "traffic-5");
      tellsTheWay(await at.refused({ stage: "traffic-5" }, GATE), undefined, "traffic-5");
      const rules = await at.refused({ stage: "traffic-5" }, RULES);
      assert.match(rules ?? "", /would begin with 5 % of the requests on B; it must begin with 0/);
      assert.match(rules ?? "", /pulumi config set stage start/);
    });
  });

  describe("traffic steps taken out on the way", () => {
    const edited = { stage: "traffic-100", trafficSteps: [5, 100] };
    afterEach(() => at.stack.configure({ trafficSteps: STEPS }));

    it("are skipped steps, as a whole, for the gate alone, and for the rules alone", async () => {
      await at.standAt(...wayTo("traffic-5"));
      for (const target of [undefined, GATE, RULES]) {
        const text = await at.refused(edited, target);
        assert.match(text ?? "", /the record has 25, 50, 75\./);
        assert.match(text ?? "", /trafficSteps: \[5, 25, 50, 75, 100\].*pulumi config set stage traffic-25/);
      }
    });
  });

  describe("gateway groups that change on the way", () => {
    const groups = JSON.parse(configOf("prod")[`${PROJECT}:gatewayGroups`] ?? "[]") as readonly unknown[];
    afterEach(() => at.stack.configure({ gatewayGroups: groups }));

    it("are refused from start on", async () => {
      await at.standAt(...wayTo("start"));
      const text = await at.refused({ stage: "start", gatewayGroups: groups.slice(0, 1) });
      assert.match(text ?? "", /gateway groups are fixed from start to complete.*partner \(gateway-partner\) gone/);
    });
  });
});
