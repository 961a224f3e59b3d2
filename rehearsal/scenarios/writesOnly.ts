import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { letWritesThroughByHand } from "../faults";
import { type Rehearsal, RehearsalFailure } from "../rehearsal";
import { assertThat, enter } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

const PRIORITY = 50;
/** Signing in is a POST that must always reach the dashboard, which refuses a wrong password by itself. */
const SIGNING_IN = 401;

/** The freeze that leaves A's dashboard open for reading: rules of its load balancer refuse the methods that write. */
export const writesOnly: Scenario = {
  name: "writes-only",
  description: "freeze by rules of A's admin entry: reading and signing in go on, writes get 503, until abandon",
  lookSeconds: 1,
  maxSeconds: 900,
  settings: {
    freeze: ({ loadBalancer: { admin } }) => ({
      mode: "writes-only",
      listenerArn: admin.listenerArn,
      targetGroupArn: admin.targetGroupArn,
      priority: PRIORITY,
    }),
  },
  steps: [
    enter("prepare"),
    entryAnswers("before the freeze", { read: 200, write: 200 }),
    enter("freeze"),
    entryAnswers("frozen", { read: 200, write: 503 }),
    letThroughByHand(),
    enter("restore"),
    emergency(),
    enter("abandon"),
    entryAnswers("after abandon", { read: 200, write: 200 }),
    everyRequestAnswered(),
  ],
};

interface Answers {
  readonly read: number;
  readonly write: number;
}

function entryAnswers(when: string, expected: Answers): Step {
  return {
    title: `A's admin entry ${when}: reading ${expected.read}, signing in ${SIGNING_IN}, writing ${expected.write}`,
    async run(rehearsal, say) {
      const { refusal } = await askEntry(rehearsal, expected);
      say(refusal ?? "as expected");
    },
  };
}

/** @returns what a refused write is told */
async function askEntry(rehearsal: Rehearsal, expected: Answers): Promise<{ readonly refusal: string | undefined }> {
  const routes = `/apisix/admin/routes?gateway_group_id=${rehearsal.world.gatewayGroupId}&page_size=1`;
  const read = await ask(rehearsal, "GET", routes);
  assertThat(read.status === expected.read, `reading A's routes is answered with ${read.status}`);
  const login = await ask(rehearsal, "POST", "/api/login", { username: "nobody", password: "wrong" });
  assertThat(login.status === SIGNING_IN, `signing in with a wrong password is answered with ${login.status}`);
  const [label] = (JSON.parse(read.text) as { list: readonly { id: string; labels: unknown }[] }).list;
  assertThat(label !== undefined, "A lists no route");
  // Exactly what is there already: what is let through must leave no late change behind.
  const { value } = JSON.parse((await ask(rehearsal, "GET", routeOf(rehearsal, label.id))).text) as { value: unknown };
  const write = await ask(rehearsal, "PUT", routeOf(rehearsal, label.id), value);
  assertThat(write.status === expected.write, `writing is answered with ${write.status}: ${write.text}`);
  return { refusal: write.status === 503 ? write.text : undefined };
}

function routeOf(rehearsal: Rehearsal, id: string): string {
  return `/apisix/admin/routes/${id}?gateway_group_id=${rehearsal.world.gatewayGroupId}`;
}

function letThroughByHand(): Step {
  return {
    title: "the refusing rule changed by hand: restore is refused and names it; mended by an update with refresh",
    fault: true,
    async run(rehearsal, say) {
      await letWritesThroughByHand(rehearsal, PRIORITY + 1);
      await rehearsal.stack.configure({ stage: "restore" });
      const message = await rehearsal.refused(async () => rehearsal.stack.up());
      for (const wanted of [/freeze held/, new RegExp(`rule with priority ${PRIORITY + 1}`), /pulumi up --refresh/]) {
        assertThat(wanted.test(message), `the refusal does not say ${String(wanted)}: ${message}`);
      }
      await rehearsal.stack.configure({ stage: "freeze" });
      await rehearsal.stack.up({ refresh: true });
      const { refusal } = await askEntry(rehearsal, { read: 200, write: 503 });
      say(refusal ?? "");
    },
  };
}

function emergency(): Step {
  return {
    title: "emergencyChange: writes go through while it is open, and are refused once it is closed",
    async run(rehearsal, say) {
      await rehearsal.stack.configure({ emergencyChange: { by: "rehearsal", reason: "a route that cannot wait" } });
      await rehearsal.stack.up();
      await askEntry(rehearsal, { read: 200, write: 200 });
      await rehearsal.stack.configure({ emergencyChange: undefined });
      await rehearsal.stack.up();
      const { refusal } = await askEntry(rehearsal, { read: 200, write: 503 });
      say(refusal ?? "");
    },
  };
}

const ANSWER_SECONDS = 30;

/** Through the load balancer, as people and tools come in. Until its health checks know the dashboard it says 502 or 504. */
async function ask(
  rehearsal: Rehearsal,
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const { address, admin } = rehearsal.world.loadBalancer;
  const until = Date.now() + ANSWER_SECONDS * 1000;
  for (;;) {
    const response = await request(`http://${address}:${admin.port}${path}`, {
      method,
      headers: { "x-api-key": rehearsal.world.token, "content-type": "application/json" },
      headersTimeout: 10_000,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode !== 502 && response.statusCode !== 504) return { status: response.statusCode, text };
    if (Date.now() > until) throw new RehearsalFailure(`${method} ${path}: still ${response.statusCode}`);
    await sleep(300);
  }
}
