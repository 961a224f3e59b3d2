import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { lastEntry } from "../../migration/record";
import { CHANGED_ROW, changeRow, liveWeightB } from "../faults";
import { isGate } from "../expectations";
import { type Rehearsal, RehearsalFailure } from "../rehearsal";
import { type Operation } from "../stack";
import { assertThat, currentRecord, enter } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

const BY = { by: "rehearsal", reason: "a route that cannot wait" };

/** A late change on A is named and holds the way; one that is permitted is made on both sides by hand, and the way goes on. */
export const emergencyChange: Scenario = {
  name: "emergency-change",
  description: "a late change on A refused and named; a permitted one made on both sides by hand; then the next step",
  lookSeconds: 2,
  maxSeconds: 1800,
  settings: { judging: "none" },
  steps: [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    enter("start"),
    enter("traffic-5"),
    enter("traffic-25"),
    lateChange(),
    open(),
    madeOnA(),
    heldWhileOpen(),
    refusedWhileUnequal(),
    madeOnBAndClosed(),
    enter("traffic-50"),
    everyRequestAnswered(),
  ],
};

function lateChange(): Step {
  return {
    title: "a route of A renamed after the freeze: traffic-50 is refused, the row and its time named",
    fault: true,
    async run(rehearsal, say) {
      const { instanceIdentifier } = rehearsal.world.databaseA;
      await changeRow(rehearsal, instanceIdentifier, CHANGED_ROW.change);
      await rehearsal.stack.configure({ stage: "traffic-50" });
      const message = await rehearsal.refused(async () => rehearsal.stack.up());
      for (const wanted of [
        /freeze held: table public\.route of A/,
        // It was written past the control plane, which would have moved the row's own time.
        /public\.route default\/\S+-changed changed \(its own time of writing did not move: 20/,
        /last seen as recorded at 20/,
        /still equal: public\.route default\/\S+-changed/,
        /changed on A since .* on B as it was/,
      ]) {
        assertThat(wanted.test(message), `the refusal does not say ${String(wanted)}: ${message}`);
      }
      await changeRow(rehearsal, instanceIdentifier, CHANGED_ROW.undo);
      await rehearsal.stack.configure({ stage: "traffic-25" });
      say(/public\.route default\/\S+ changed \([^)]*\)/.exec(message)?.[0] ?? "");
    },
  };
}

function open(): Step {
  return {
    title: "emergencyChange set: A's dashboard is there again, and nothing else moves",
    async run(rehearsal, say) {
      await rehearsal.stack.configure({ emergencyChange: BY });
      onlyFreezeAndGate(await rehearsal.stack.up());
      assertThat((await rehearsal.stack.preview()).changes.length === 0, "the engine still wants to change something");
      await dashboardOf(rehearsal, "a");
      const { emergency } = lastEntry(await currentRecord(rehearsal)) ?? {};
      assertThat(emergency?.state === "open", "the record does not say that it is open");
      say(`open, permitted by ${emergency.by}`);
    },
  };
}

function madeOnA(): Step {
  return {
    title: "a service, its upstream and a route made on A by its Admin API",
    async run(rehearsal, say) {
      await makeRoute(rehearsal, "a");
      say("made");
    },
  };
}

function heldWhileOpen(): Step {
  return {
    title: "traffic-50 while it is open: refused by preview and up, with --target too",
    fault: true,
    async run(rehearsal, say) {
      const { stack } = rehearsal;
      await stack.configure({ stage: "traffic-50" });
      const target = await rehearsal.weightTargets();
      const messages = [
        await rehearsal.refused(async () => stack.preview()),
        await rehearsal.refused(async () => stack.up()),
        await rehearsal.refused(async () => stack.up({ target })),
      ];
      for (const message of messages) {
        assertThat(message.includes("pulumi config rm emergencyChange"), `the refusal tells no command: ${message}`);
      }
      assertThat((await liveWeightB(rehearsal)) === 25, "the weights moved");
      await stack.configure({ stage: "traffic-25" });
      say("25 % all the same");
    },
  };
}

function refusedWhileUnequal(): Step {
  return {
    title: "the setting taken away while A alone has the change: refused, the difference named, A stays open",
    fault: true,
    async run(rehearsal, say) {
      await rehearsal.stack.configure({ emergencyChange: undefined });
      const message = await rehearsal.refused(async () => rehearsal.stack.up());
      assertThat(/public\.route default\/emergency\/by-hand/.test(message), `the route is not named: ${message}`);
      assertThat(message.includes("only in A"), `the side is not named: ${message}`);
      await dashboardOf(rehearsal, "a");
      say("public.route default/emergency/by-hand: only in A");
    },
  };
}

function madeOnBAndClosed(): Step {
  return {
    title: "the same made on B, with other ids: closed, and A's dashboard gone again",
    async run(rehearsal, say) {
      await makeRoute(rehearsal, "b");
      onlyFreezeAndGate(await rehearsal.stack.up());
      const { emergency } = lastEntry(await currentRecord(rehearsal)) ?? {};
      assertThat(emergency?.state === "closed", "the record does not say that it is closed");
      const { a = 0, b = 0 } = emergency.changes ?? {};
      // On B the program's own writes since the copy count too: its DP Manager's address, and alert policies that are muted.
      assertThat(a > 0 && b >= a, `the record counts ${a} changes on A and ${b} on B`);
      const pods = await rehearsal.clouds.call("pods", "a");
      assertThat(!pods.some(({ name, ready }) => ready && isDashboard(rehearsal, name)), "A's dashboard still runs");
      say(`closed: ${a} rows changed on A, ${b} on B`);
    },
  };
}

function onlyFreezeAndGate({ changes }: Operation): void {
  const others = changes.filter(
    (change) =>
      !isGate(change) && change.type !== "kubernetes:apps/v1:DeploymentPatch" && !/^(pulumi:|api7-)/.test(change.type),
  );
  const list = others.map(({ op, urn }) => `${op} ${urn}`).join("; ");
  assertThat(others.length === 0, `an emergency change changed more than what freezes A: ${list}`);
  assertThat(changes.some(isGate), "the gate did not run");
}

const READY_SECONDS = 60;

/** Address of a cluster's dashboard. Its API has to answer within a minute. */
async function dashboardOf(rehearsal: Rehearsal, cluster: "a" | "b"): Promise<string> {
  const until = Date.now() + READY_SECONDS * 1000;
  while (Date.now() < until) {
    const pods = await rehearsal.clouds.call("pods", cluster);
    const found = pods.find(({ name, ready }) => ready && isDashboard(rehearsal, name));
    if (found) return found.ip;
    await sleep(300);
  }
  throw new RehearsalFailure(`cluster ${cluster} has no dashboard that is ready within ${READY_SECONDS} s`);
}

function isDashboard(rehearsal: Rehearsal, pod: string): boolean {
  return pod.startsWith(`${rehearsal.world.releases.controlPlane}-dashboard-`);
}

/** What an operator does in a dashboard: an upstream, a service and a route, whose ids the control plane gives. */
async function makeRoute(rehearsal: Rehearsal, cluster: "a" | "b"): Promise<void> {
  const address = await dashboardOf(rehearsal, cluster);
  const post = async (kind: string, body: unknown): Promise<string> => {
    const path = `/apisix/admin/${kind}?gateway_group_id=${rehearsal.world.gatewayGroupId}`;
    const { value } = (await call(address, rehearsal.world.token, path, body)) as { value: { id: string } };
    return value.id;
  };
  const nodes = [{ host: `${rehearsal.world.network}.30.1`, port: 8080, weight: 1 }];
  const upstream = await post("upstreams", { name: "emergency-upstream", nodes });
  const hosts = ["emergency.shop.example"];
  const service = await post("services", { name: "emergency", hosts, upstream_id: upstream });
  await post("routes", { name: "by-hand", service_id: service, paths: ["/by-hand"], methods: ["GET"] });
}

function call(address: string, token: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port: 7443,
      path,
      method: "POST",
      headers: { "x-api-key": token, "content-type": "application/json" },
      // Its certificate is signed by itself, as the chart has it by default (facts/api7.md 1.2).
      rejectUnauthorized: false,
      timeout: 10_000,
    };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => {
        if (response.statusCode === 201) resolve(JSON.parse(text));
        else reject(new RehearsalFailure(`POST ${path}: ${response.statusCode ?? 0} ${text}`));
      });
    });
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new RehearsalFailure(`POST ${path}: no answer within 10 s`)));
    sent.end(JSON.stringify(body));
  });
}
