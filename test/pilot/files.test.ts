import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import {
  approvalOf,
  EventLog,
  holdingSince,
  readEvents,
  unfinishedRollback,
  unfinishedStep,
  type PilotEventDraft,
} from "../../pilot/events";
import { type Stage } from "../../migration/stages";
import { lockHolders } from "../../pilot/lockHolder";
import { PilotLocked, takePilotLock } from "../../pilot/pilotLock";
import { readFromStackFile, setInStackFile } from "../../pilot/stackFile";

let folder: string;

const ENDED = (stage: Stage): PilotEventDraft => ({
  event: "stage-ended",
  stage,
  previewSeconds: 1,
  updateSeconds: 2,
  changes: {},
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pilot-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the stack file", () => {
  const FILE = `# Production
config:
  aws:region: eu-central-1
  # The one value that decides.
  api7-migration:stage: prepare # not by hand at night
  api7-migration:trafficSteps: [5, 25, 100]
encryptionsalt: v1:abc=
`;

  it("keeps comments, order and everything else when a value changes", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), FILE);
    await setInStackFile(folder, "organization/api7-migration/prod", { stage: "rollback" });
    assert.equal(
      await readFile(join(folder, "Pulumi.prod.yaml"), "utf8"),
      FILE.replace("stage: prepare", "stage: rollback"),
    );
    assert.equal(await readFromStackFile(folder, "prod", "stage"), "rollback");
  });

  it("gets new keys and loses those that are taken away", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), FILE);
    await setInStackFile(folder, "prod", {
      override: { from: "traffic-5", to: "traffic-50" },
      trafficSteps: undefined,
    });
    assert.deepEqual(await readFromStackFile(folder, "prod", "override"), { from: "traffic-5", to: "traffic-50" });
    assert.equal(await readFromStackFile(folder, "prod", "trafficSteps"), undefined);
  });

  it("is made when there is none", async () => {
    await setInStackFile(folder, "new", { stage: "prepare" });
    assert.equal(await readFromStackFile(folder, "new", "stage"), "prepare");
  });

  it("is left alone when it is no YAML", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), "config: [unclosed");
    await assert.rejects(setInStackFile(folder, "prod", { stage: "rollback" }), /Pulumi\.prod\.yaml is no YAML/);
    assert.equal(await readFile(join(folder, "Pulumi.prod.yaml"), "utf8"), "config: [unclosed");
  });
});

describe("the pilot's events", () => {
  it("give the clocks back after a crash, a torn last line included", async () => {
    let at = new Date("2026-03-02T22:00:00Z");
    const log = new EventLog(folder, "alice", () => at);
    await log.append({ event: "stage-begun", stage: "traffic-25", from: "traffic-5" });
    at = new Date("2026-03-02T22:10:00Z");
    await log.append({ event: "hold", stage: "traffic-25", reasons: ["judge: too few requests"] });
    at = new Date("2026-03-02T22:20:00Z");
    await log.append({ event: "hold", stage: "traffic-25", reasons: ["judge: still too few"] });
    await writeFile(join(folder, "pilot.jsonl"), '{"at":"2026-03-02T22:3', { flag: "a" });
    const events = await readEvents(folder);
    assert.equal(events.length, 3);
    assert.equal(holdingSince(events, "traffic-25")?.toISOString(), "2026-03-02T22:10:00.000Z");
    assert.equal(holdingSince(events, "traffic-5"), undefined);
  });

  it("end a hold when it is over, and when the stage changes", async () => {
    const log = new EventLog(folder, "alice", () => new Date());
    await log.append({ event: "hold", stage: "start", reasons: [] });
    await log.append({ event: "hold-over", stage: "start" });
    assert.equal(holdingSince(await log.read(), "start"), undefined);
    await log.append({ event: "hold", stage: "start", reasons: [] });
    // One that cannot be entered is held on; one that was entered is not.
    await log.append({ event: "stage-begun", stage: "traffic-5", from: "start" });
    assert.notEqual(holdingSince(await log.read(), "start"), undefined);
    await log.append(ENDED("traffic-5"));
    assert.equal(holdingSince(await log.read(), "start"), undefined);
  });

  it("use an approval up: entering the stage and going back both need a new one", async () => {
    const log = new EventLog(folder, "alice", () => new Date());
    assert.equal(approvalOf(await log.read(), "traffic-50"), undefined);
    await log.append({ event: "approval-asked", stage: "traffic-50" });
    await log.append({ event: "approval-given", stage: "traffic-50", name: "bob" });
    assert.equal(approvalOf(await log.read(), "traffic-50")?.event, "approval-given");
    assert.equal(approvalOf(await log.read(), "traffic-75"), undefined);
    await log.append({ event: "rollback", stage: "traffic-25", reasons: [], result: "back" });
    assert.equal(approvalOf(await log.read(), "traffic-50"), undefined);
    await log.append({ event: "approval-given", stage: "traffic-50", name: "bob" });
    await log.append({ event: "stage-begun", stage: "traffic-50", from: "traffic-25" });
    assert.equal(approvalOf(await log.read(), "traffic-50")?.event, "approval-given");
    await log.append(ENDED("traffic-50"));
    assert.equal(approvalOf(await log.read(), "traffic-50"), undefined);
  });

  it("tell what was begun and not ended, step or way back", async () => {
    const log = new EventLog(folder, "alice", () => new Date());
    const open = async (): Promise<readonly unknown[]> => {
      const events = await log.read();
      return [unfinishedStep(events), unfinishedRollback(events)?.stage];
    };
    assert.deepEqual(await open(), [undefined, undefined]);
    await log.append({ event: "stage-begun", stage: "traffic-25", from: "traffic-5" });
    await log.append({ event: "step-failed", stage: "traffic-25", reason: "killed" });
    assert.deepEqual(await open(), ["traffic-25", undefined]);
    await log.append(ENDED("traffic-25"));
    assert.deepEqual(await open(), [undefined, undefined]);
    await log.append({ event: "stage-begun", stage: "traffic-50", from: "traffic-25" });
    await log.append({ event: "rollback-begun", stage: "traffic-25", reasons: ["judge: errors"] });
    assert.deepEqual(await open(), ["traffic-50", "traffic-25"]);
    await log.append({ event: "rollback", stage: "traffic-25", reasons: [], result: "back" });
    assert.deepEqual(await open(), [undefined, undefined]);
  });

  it("keep a torn line apart from what comes after it", async () => {
    const log = new EventLog(folder, "alice", () => new Date());
    await log.append({ event: "hold-over", stage: "start" });
    await writeFile(join(folder, "pilot.jsonl"), '{"at":"2026-03-02T22:3', { flag: "a" });
    await log.append({ event: "hold", stage: "start", reasons: [] });
    assert.deepEqual(
      (await log.read()).map(({ event }) => event),
      ["hold-over", "hold"],
    );
  });
});

describe("the pilot's lock", () => {
  it("is held by one, and says by whom", async () => {
    const release = await takePilotLock(folder);
    await assert.rejects(takePilotLock(folder), (error: Error) => {
      assert.ok(error instanceof PilotLocked);
      assert.match(error.message, new RegExp(`process ${process.pid} on ${hostname()}`));
      return true;
    });
    await release();
    await (
      await takePilotLock(folder)
    )();
  });

  it("of a process that is gone is taken over", async () => {
    const holder = { who: "bob", host: hostname(), pid: 2 ** 22 + 1, since: "2026-03-02T22:00:00Z" };
    await writeFile(join(folder, "pilot.lock"), JSON.stringify(holder));
    await (
      await takePilotLock(folder)
    )();
  });

  it("of another machine holds while it is touched, and no longer", async () => {
    const path = join(folder, "pilot.lock");
    await writeFile(path, JSON.stringify({ who: "bob", host: "elsewhere", pid: 1, since: "2026-03-02T22:00:00Z" }));
    await assert.rejects(takePilotLock(folder), /bob runs the pilot on this stack: process 1 on elsewhere/);
    const longAgo = new Date(Date.now() - 600_000);
    await utimes(path, longAgo, longAgo);
    await (
      await takePilotLock(folder)
    )();
  });
});

describe("the engine's refusal for a lock", () => {
  it("names every holder", () => {
    const message =
      "error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n" +
      "  file:///state/.pulumi/locks/organization/p/s/a.json: created by alice@runner-1 (pid 4242) at 2026-03-02T22:00:00Z\n" +
      "  file:///state/.pulumi/locks/organization/p/s/b.json: created by bob@laptop (pid 7) at 2026-03-02T22:00:01Z";
    assert.deepEqual(lockHolders(message), [
      { who: "alice@runner-1", host: "runner-1", pid: 4242 },
      { who: "bob@laptop", host: "laptop", pid: 7 },
    ]);
  });

  it("of Pulumi Cloud tells that there is one", () => {
    assert.equal(lockHolders("error: [409] Conflict: Another update is currently in progress.")?.length, 1);
  });

  it("is told from every other refusal", () => {
    assert.equal(lockHolders("error: before hook failed: The move is not legal. Lock up."), undefined);
  });
});
