import { type GateAnswer } from "../../pilot/decide";
import { type Stage } from "../../migration/stages";
import { answerText, verdictOfGate, watchGate } from "../gateLook";
import { round } from "../measure";
import { type Rehearsal } from "../rehearsal";
import { rollbackText } from "../summary";
import { assertThat } from "./common";
import { type Step } from "./scenario";

/** One thing that goes wrong, and what the gate has to say to it. The expectation is written before anything is tried. */
export interface Fault {
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

/** The gate holds as long as the fault is there, and has nothing to say of it once it is mended. */
export function holds(fault: Fault, to: Stage): Step {
  return held(fault, to, async (rehearsal, reason) => {
    await watchGate(rehearsal.stack, to, {
      until: (answer) => findingOf(answer, fault) === undefined,
      maxSeconds: MENDED_SECONDS,
      what: `end of the finding "${reason}"`,
    });
  });
}

/** The gate holds, and goes on holding after the fault is mended, for as long as what was seen counts. */
export function staysHeld(fault: Fault, to: Stage): Step {
  return held(fault, to, async () => Promise.resolve());
}

function held(fault: Fault, to: Stage, onceMended: (rehearsal: Rehearsal, reason: string) => Promise<void>): Step {
  return {
    title: `${fault.name}: ${to} is held`,
    fault: true,
    async run(rehearsal, say) {
      const made = await make(rehearsal, fault, to, say);
      await made.mend();
      await onceMended(rehearsal, made.reason);
      say(await note(rehearsal, fault, made, null));
    },
  };
}

/** The judge says back, traffic goes back as the on-call takes it, and the fault is mended only afterwards. */
export function goesBack(fault: Fault, from: Stage, to: Stage): Step {
  return {
    title: `${fault.name}: back`,
    fault: true,
    async run(rehearsal, say) {
      const made = await make(rehearsal, fault, to, say);
      await rehearsal.goBack(from);
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
export function nothingElseFailed(): Step {
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
