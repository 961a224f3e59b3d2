import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { type PilotEvent } from "../../pilot/events";
import { messageOf, Notifier, webhook, type Channel } from "../../pilot/notify";

const COMMON = { at: "2026-03-02T22:00:00.000Z", run: "0123456789ab", by: "alice" } as const;
const BACK: PilotEvent = {
  ...COMMON,
  event: "rollback",
  stage: "traffic-25",
  reasons: ["judge: 5 % errors"],
  result: "back",
};
const EVERY = ["rollback", "hold", "page"];

describe("notifications", () => {
  let server: Server;
  let url: string;
  let bodies: string[];
  let status: number;

  beforeEach(async () => {
    bodies = [];
    status = 200;
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        bodies.push(body);
        response.writeHead(status).end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/services/secret-path`;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  function notifier(channels: readonly Channel[], failures: string[], events = EVERY): Notifier {
    return new Notifier({
      stack: "prod",
      channels,
      events,
      repeatAfterMs: [1, 1],
      onFailure: async (about, reason) => {
        failures.push(`${about}: ${reason}`);
        return Promise.resolve();
      },
    });
  }

  it("reach a webhook as a text, with stage, reasons, time and person", async () => {
    const told = notifier([webhook(url)], []);
    told.tell(BACK);
    await told.flush(5_000);
    const { text } = JSON.parse(bodies[0] ?? "{}") as { text: string };
    assert.equal(
      text,
      "prod: ROLLED BACK from traffic-25 (back)\n- judge: 5 % errors\n(2026-03-02T22:00:00.000Z, by alice)",
    );
  });

  it("are repeated, then given up with a line that does not tell the address", async () => {
    status = 500;
    const failures: string[] = [];
    const told = notifier([webhook(url)], failures);
    told.tell(BACK);
    await told.flush(5_000);
    assert.equal(bodies.length, 3);
    assert.deepEqual(failures, ["webhook: prod: ROLLED BACK from traffic-25 (back): it answered 500"]);
  });

  it("to nobody there are given up as well, without the address", async () => {
    server.close();
    await once(server, "close");
    const failures: string[] = [];
    const told = notifier([webhook(url)], failures);
    told.tell(BACK);
    await told.flush(5_000);
    assert.equal(failures.length, 1);
    assert.doesNotMatch(failures.join(), /secret-path|127\.0\.0\.1/);
  });

  it("never hold what goes on: telling returns before anything is sent, and the end waits no longer than its limit", async () => {
    const failures: string[] = [];
    const never: Channel = {
      name: "never",
      send: (_subject, _text, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
        }),
    };
    const told = notifier([never], failures);
    told.tell(BACK);
    assert.deepEqual(failures, []);
    await told.flush(20);
    assert.equal(failures.length, 1);
  });

  it("tell only what the settings name", async () => {
    const told = notifier([webhook(url)], [], ["page"]);
    told.tell(BACK);
    await told.flush(1_000);
    assert.deepEqual(bodies, []);
  });

  it("say how to answer when a person is asked", () => {
    const asked = messageOf("prod", { ...COMMON, event: "approval-asked", stage: "traffic-50" });
    assert.match(asked?.text ?? "", /npm run pilot -- approve traffic-50 --stack prod/);
  });
});
