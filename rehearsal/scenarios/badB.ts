import { type GateAnswer } from "../../pilot/decide";
import { type Stage } from "../../migration/stages";
import { Load } from "../cloud/traffic";
import { setStickinessByHand, setWeightsByHand } from "../faults";
import { answerText, verdictOfGate, watchGate } from "../gateLook";
import { round } from "../measure";
import { type Rehearsal } from "../rehearsal";
import { rollbackText } from "../summary";
import { assertThat, enter, leaveRollback } from "./common";
import { type Scenario, type Step } from "./scenario";

/** The step at which B goes bad, and the one that nobody may enter then. */
const STAGE: Stage = "traffic-10";
const NEXT: Stage = "traffic-50";

/** One thing that goes wrong, and what the gate has to say to it. The expectation is written before anything is tried. */
interface Fault {
  readonly name: string;
  readonly expected: "hold" | "back";
  /** The check of the gate that has to say so, and what its finding has to tell. */
  readonly check: string;
  readonly reason: RegExp;
  /** Whether requests fail because of it until traffic goes back. */
  readonly requestsFail: boolean;
  /** Makes the fault; what comes back mends it. */
  make(rehearsal: Rehearsal): Promise<() => Promise<void>>;
}

/** Until then a verdict has to be there: production's limits, at 12 requests/s on B, on a busy computer. */
const VERDICT_SECONDS = 240;
/** Until then the finding has to be gone once the fault is mended. */
const MENDED_SECONDS = 120;

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
  reason: /./,
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
  reason: /CPU/,
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
  reason: /errors/,
  requestsFail: true,
  make: gateways({ errorPercent: 5 }),
};

const ERRORS_1: Fault = {
  name: "B with 1 % errors",
  expected: "back",
  check: "judge",
  reason: /errors/,
  requestsFail: true,
  make: gateways({ errorPercent: 1 }),
};

const SLOW: Fault = {
  name: "B slower by 200 ms",
  expected: "back",
  check: "judge",
  reason: /slower than \d+ ms/,
  requestsFail: false,
  make: gateways({ delayMs: 200 }),
};

const SHARE: Fault = {
  name: "share wrong: a client goes to B's gateways past the load balancer",
  expected: "back",
  check: "judge",
  reason: /share: B gets/,
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
    holds(WEIGHTS_BY_HAND, NEXT),
    holds(STICKINESS, NEXT),
    holds(METRICS_GONE, NEXT),
    goesBack(ERRORS_5),
    leaveRollback(STAGE),
    goesBack(SLOW),
    leaveRollback(STAGE),
    staysHeld(CAPACITY, NEXT),
    goesBack(ERRORS_1),
    leaveRollback(STAGE),
    goesBack(SHARE),
    nothingElseFailed(),
  ],
};

/** The gate holds as long as the fault is there, and has nothing to say of it once it is mended. */
function holds(fault: Fault, to: Stage): Step {
  return {
    title: `${fault.name}: ${to} is held`,
    async run(rehearsal, say) {
      const made = await make(rehearsal, fault, to, say);
      await made.mend();
      await watchGate(rehearsal.stack, to, {
        until: (answer) => findingOf(answer, fault) === undefined,
        maxSeconds: MENDED_SECONDS,
        what: `end of the finding "${made.reason}"`,
      });
      say(await note(rehearsal, fault, made, null));
    },
  };
}

/** The gate holds, and goes on holding after the fault is mended, for as long as what was seen counts. */
function staysHeld(fault: Fault, to: Stage): Step {
  return {
    title: `${fault.name}: ${to} is held`,
    async run(rehearsal, say) {
      const made = await make(rehearsal, fault, to, say);
      await made.mend();
      say(await note(rehearsal, fault, made, null));
    },
  };
}

/** The judge says back, traffic goes back as the on-call takes it, and the fault is mended only afterwards. */
function goesBack(fault: Fault): Step {
  return {
    title: `${fault.name}: back`,
    async run(rehearsal, say) {
      const made = await make(rehearsal, fault, NEXT, say);
      await rehearsal.goBack(STAGE);
      await made.mend();
      const { rollback } = rehearsal;
      assertThat(rollback !== null, "the rollback was not measured");
      say(`${await note(rehearsal, fault, made, rollback.decisionToAppliedSeconds)}; ${rollbackText(rollback)}`);
    },
  };
}

interface Made {
  readonly at: Date;
  readonly verdictAt: Date;
  readonly reason: string;
  readonly before: { readonly sent: number; readonly failed: number };
  mend(): Promise<void>;
}

/** Makes the fault and waits for the verdict that is expected. */
async function make(rehearsal: Rehearsal, fault: Fault, to: Stage, say: (line: string) => void): Promise<Made> {
  const before = await rehearsal.loadSnapshot();
  const at = new Date();
  const mend = await fault.make(rehearsal);
  try {
    const { answer, at: verdictAt } = await watchGate(rehearsal.stack, to, {
      until: (seen) => {
        // Another verdict than the expected one is a failure at once: nothing may hide behind a later one.
        assertThat(
          fault.expected === "back" || seen.judge !== "back",
          `judged back for ${fault.name}: ${answerText(seen)}`,
        );
        return findingOf(seen, fault) !== undefined && verdictOfGate(seen) === fault.expected;
      },
      maxSeconds: VERDICT_SECONDS,
      what: `"${fault.expected}" by ${fault.check}`,
      say,
    });
    return { at, verdictAt, reason: findingOf(answer, fault) ?? "", before, mend };
  } catch (error) {
    await mend();
    throw error;
  }
}

/** What the expected check says of the fault; undefined when it does not. */
function findingOf(answer: GateAnswer, { check, reason }: Fault): string | undefined {
  const found = answer.checks.find(({ name, verdict }) => name === check && verdict !== "holds");
  return found?.findings.find((finding) => reason.test(finding));
}

async function note(rehearsal: Rehearsal, fault: Fault, made: Made, backSeconds: number | null): Promise<string> {
  const after = await rehearsal.loadSnapshot();
  const failedRequests = after.failed - made.before.failed;
  const requests = after.sent - made.before.sent;
  const seconds = round((made.verdictAt.getTime() - made.at.getTime()) / 1000, 2);
  assertThat(
    fault.requestsFail === failedRequests > 0,
    `${failedRequests} requests failed with ${fault.name}, expected ${fault.requestsFail ? "some" : "none"}`,
  );
  rehearsal.faults.push({
    fault: fault.name,
    at: made.at.toISOString(),
    expected: fault.expected,
    verdict: fault.expected,
    check: fault.check,
    reason: made.reason,
    seconds,
    requests,
    failedRequests,
    backSeconds,
  });
  return `${fault.expected} after ${seconds} s, ${failedRequests} of ${requests} requests failed: ${made.reason}`;
}

/** Every failure of the run belongs to a fault that was made, and everything was answered. */
function nothingElseFailed(): Step {
  return {
    title: "every request was answered, and none failed but by the faults",
    async run(rehearsal, say) {
      const { scheduled, sent, answered, failed, failures } = await rehearsal.endLoad();
      const known = rehearsal.faults.reduce((sum, { failedRequests }) => sum + failedRequests, 0);
      say(`${sent} sent, ${answered} answered, ${failed} failed, ${known} of them while a fault was made`);
      assertThat(scheduled === sent && sent === answered, `scheduled ${scheduled}, sent ${sent}, answered ${answered}`);
      assertThat(
        failed === known,
        `${failed - known} requests failed without a fault, the first kept: ${JSON.stringify(failures.at(-1))}`,
      );
      const elsewhere = failures.find(({ cluster }) => cluster !== "b");
      assertThat(elsewhere === undefined, `a request failed on A: ${JSON.stringify(elsewhere)}`);
    },
  };
}
