import { type Stage } from "../../migration/stages";
import { Load } from "../cloud/traffic";
import { setStickinessByHand, setWeightsByHand } from "../faults";
import { type Rehearsal } from "../rehearsal";
import { assertThat, enter, leaveRollback } from "./common";
import { type Fault, goesBack, holds, nothingElseFailed, staysHeld } from "./faultSteps";
import { type Scenario } from "./scenario";

/** The step at which B goes bad, and the one that nobody may enter then. */
const STAGE: Stage = "traffic-10";
const NEXT: Stage = "traffic-50";

function gateways(fault: Parameters<typeof setFault>[1]): Fault["make"] {
  return async (rehearsal) => {
    await setFault(rehearsal, fault);
    return async () => setFault(rehearsal, {});
  };
}

async function setFault(
  rehearsal: Rehearsal,
  fault: { readonly errorPercent?: number; readonly delayMs?: number; readonly wrongBodyPercent?: number },
): Promise<void> {
  await rehearsal.clouds.call("setGatewayFault", "b", fault);
}

const WRONG_BODIES: Fault = {
  name: "B answers 200 with wrong bodies",
  expected: "hold",
  check: "compare answers",
  reason: /body/,
  // It is found before the first percent.
  requestsFail: false,
  make: gateways({ wrongBodyPercent: 100 }),
};

const WEIGHTS_BY_HAND: Fault = {
  name: "weights changed by hand",
  expected: "hold",
  check: "live weights",
  reason: /B has 20 %.*expected B has 10 %/,
  requestsFail: false,
  async make(rehearsal) {
    await setWeightsByHand(rehearsal, 20);
    return async () => setWeightsByHand(rehearsal, 10);
  },
};

const STICKINESS: Fault = {
  name: "stickiness switched on by hand",
  expected: "hold",
  check: "live weights",
  reason: /stickiness is on/,
  requestsFail: false,
  async make(rehearsal) {
    await setStickinessByHand(rehearsal, true);
    return async () => setStickinessByHand(rehearsal, false);
  },
};

const METRICS_GONE: Fault = {
  name: "metrics of B gone",
  expected: "hold",
  check: "judge",
  // The server's address and the error of the connection: no other finding of the judge has them.
  reason: /127\.\d+\.30\.4:9090/,
  requestsFail: false,
  async make(rehearsal) {
    await rehearsal.clouds.call("setMetricsFault", "b", { kind: "down" });
    return async () => rehearsal.clouds.call("setMetricsFault", "b", null);
  },
};

const CAPACITY: Fault = {
  name: "capacity of B too small: a request takes 600 times the CPU",
  expected: "hold",
  check: "capacity",
  // A projection beyond the limit, and not one that is not known yet.
  reason: /CPU.* of its limit expected/,
  requestsFail: false,
  async make(rehearsal) {
    await rehearsal.clouds.call("setRequestCost", "b", 600);
    return async () => rehearsal.clouds.call("setRequestCost", "b", 1);
  },
};

const ERRORS_5: Fault = {
  name: "B with 5 % errors",
  expected: "back",
  check: "judge",
  reason: /back: .*errors: B/,
  requestsFail: true,
  make: gateways({ errorPercent: 5 }),
};

const ERRORS_1: Fault = {
  name: "B with 1 % errors",
  expected: "back",
  check: "judge",
  reason: /back: .*errors: B/,
  requestsFail: true,
  make: gateways({ errorPercent: 1 }),
};

const SLOW: Fault = {
  name: "B slower by 200 ms",
  expected: "back",
  check: "judge",
  reason: /back: .*slower than \d+ ms/,
  requestsFail: false,
  make: gateways({ delayMs: 200 }),
};

const SHARE: Fault = {
  name: "share wrong: a client goes to B's gateways past the load balancer",
  expected: "back",
  check: "judge",
  reason: /back: .*share: B gets/,
  requestsFail: false,
  async make(rehearsal) {
    const pods = await rehearsal.clouds.call("pods", "b");
    const gateway = pods.find(({ name, ready }) => ready && name.startsWith("gateway-"));
    assertThat(gateway !== undefined, "B has no gateway that is ready");
    const client = await Load.start({
      url: `http://${gateway.ip}:9080`,
      // Three times B's share of a tenth.
      ratePerSecond: rehearsal.options.ratePerSecond * 0.3,
      catalogue: rehearsal.world.catalogue,
      maxSeconds: rehearsal.options.maxSeconds,
      slow: { perSecond: 0, minSeconds: 2, maxSeconds: 2 },
      streams: 0,
      websockets: 0,
    });
    return async () => {
      const { failed } = await client.stop();
      assertThat(failed === 0, `${failed} requests of the client past the load balancer failed`);
    };
  },
};

/** B goes bad in all the ways that a comparison has to find; each verdict is asked of the gate as the pilot asks it. */
export const badB: Scenario = {
  name: "bad-b",
  description:
    "B with errors, slow, too small, past its share, without metrics, weights by hand: each found by the gate, and back",
  lookSeconds: 2,
  maxSeconds: 1800,
  minimumRatePerSecond: 120,
  load: { slowPerSecond: 0.5, streams: 4, websockets: 4 },
  settings: { judging: "impatient", trafficSteps: [10, 50, 100] },
  steps: [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    enter("start"),
    holds(WRONG_BODIES, STAGE),
    enter(STAGE),
    // First: what a request costs shows by the time without any, before this step.
    staysHeld(CAPACITY, NEXT),
    holds(WEIGHTS_BY_HAND, NEXT),
    holds(STICKINESS, NEXT),
    holds(METRICS_GONE, NEXT),
    goesBack(ERRORS_5, STAGE, NEXT),
    leaveRollback(STAGE),
    goesBack(SLOW, STAGE, NEXT),
    leaveRollback(STAGE),
    goesBack(ERRORS_1, STAGE, NEXT),
    leaveRollback(STAGE),
    goesBack(SHARE, STAGE, NEXT),
    nothingElseFailed(),
  ],
};
