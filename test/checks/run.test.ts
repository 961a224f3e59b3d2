import assert from "node:assert/strict";
import { callerIdentity, programCommit, withinLimit } from "../../checks/identity";
import {
  CouldNotLook,
  redact,
  renderFindings,
  textOf,
  verdictOf,
  type CheckResult,
  type Finding,
} from "../../checks/result";
import { runWithin, untilSettled } from "../../checks/run";
import { AwsFake } from "./support/awsFake";

const FINDING: Finding = { check: "c", subject: "s", seen: "x", expected: "y", remedy: "z" };
const never = new AbortController().signal;

function result(...findings: readonly Finding[]): CheckResult {
  return { check: "c", verdict: verdictOf(findings), findings, notes: [], evidence: {} };
}

describe("checks: running", () => {
  it("gives what the check says, and knows nothing when it throws or is too slow", async () => {
    assert.equal((await runWithin("c", 1, never, () => Promise.resolve(result()))).verdict, "holds");
    const thrown = await runWithin("c", 1, never, () => Promise.reject(new CouldNotLook("db", "gone", "wait")));
    assert.deepEqual([thrown.verdict, thrown.findings[0]?.seen], ["unknown", "gone"]);
    const mistake = await runWithin("c", 1, never, () => Promise.reject(new TypeError("oops")));
    assert.deepEqual([mistake.verdict, mistake.findings[0]?.transient], ["unknown", false]);
    const slow = await runWithin("c", 0.05, never, () => new Promise(() => undefined));
    assert.match(slow.findings[0]?.seen ?? "", /no result within 0\.05 s/);
  });

  it("tells a check that its time is over, and takes what it still has to say", async () => {
    const said = await runWithin("c", 0.05, never, (signal) => {
      return new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve(result({ ...FINDING, unknown: true })));
      });
    });
    assert.equal(said.findings[0]?.subject, "s");
  });

  it("ends with the gate", async () => {
    const gate = new AbortController();
    const running = runWithin("c", 60, gate.signal, () => new Promise(() => undefined));
    gate.abort();
    assert.equal((await running).verdict, "unknown");
    assert.equal((await runWithin("c", 60, gate.signal, () => new Promise(() => undefined))).verdict, "unknown");
  });

  it("waits for what passes by itself, and for nothing else", async () => {
    let looks = 0;
    const look =
      (after: number, ...findings: readonly Finding[]) =>
      (): Promise<CheckResult> => {
        looks += 1;
        return Promise.resolve(looks > after ? result() : result(...findings));
      };
    const pause = (): Promise<void> => Promise.resolve();
    const passing = { ...FINDING, transient: true };
    assert.equal((await untilSettled(60, never, look(3, passing), pause)).verdict, "holds");
    assert.equal(looks, 4);
    looks = 0;
    assert.equal((await untilSettled(60, never, look(3, passing, FINDING), pause)).verdict, "fails");
    assert.equal(looks, 1);
    looks = 0;
    assert.equal((await untilSettled(0, never, look(3, passing), pause)).verdict, "fails");
    assert.equal(looks, 1);
    looks = 0;
    assert.equal((await untilSettled(60, AbortSignal.abort(), look(3, passing), pause)).verdict, "fails");
    assert.equal(looks, 1);
  });
});

describe("checks: results", () => {
  it("a finding outweighs what could not be seen, and nothing unseen holds", () => {
    assert.equal(verdictOf([]), "holds");
    assert.equal(verdictOf([{ ...FINDING, unknown: true }]), "unknown");
    assert.equal(verdictOf([{ ...FINDING, unknown: true }, FINDING]), "fails");
  });

  it("are text that tells what was seen, expected, and what to do", () => {
    assert.equal(
      renderFindings([FINDING, { ...FINDING, unknown: true }]),
      "DOES NOT HOLD  c: s\n  seen      x\n  expected  y\n  remedy    z\n\nCOULD NOT LOOK  c: s\n  seen      x\n  expected  y\n  remedy    z",
    );
  });

  for (const [secret, text] of [
    ["hunter2", "connect to postgres://ada:hunter2@db:5432/x failed"],
    ["hunter2", "host=db password=hunter2 dbname=x"],
    ["hunter2", '{"password":"hunter2","user":"ada"}'],
    ["abcdef12", "X-API-KEY: a7ee-abcdef12"],
    ["abcdef12", "key a7adm-abcdef12 is refused"],
    ["MIIabc", "-----BEGIN EC PRIVATE KEY-----\nMIIabc\n-----END EC PRIVATE KEY-----"],
    ["MIIabc", "-----BEGIN PRIVATE KEY-----\nMIIabc"],
  ] as const) {
    it(`show no secret: ${text.slice(0, 25)}`, () => {
      assert.ok(!redact(text).includes(secret));
    });
  }

  it("say something of every error", () => {
    assert.equal(
      textOf(new AggregateError([new Error("connect ECONNREFUSED ::1"), new Error("connect ECONNREFUSED 127.0.0.1")])),
      "connect ECONNREFUSED ::1; connect ECONNREFUSED 127.0.0.1",
    );
    assert.equal(textOf(Object.assign(new Error(""), { code: "EPIPE" })), "EPIPE");
    assert.equal(textOf("text"), "text");
    assert.ok(textOf(new Error("x".repeat(10_000))).length <= 500);
  });
});

describe("checks: who and what", () => {
  it("names the AWS caller, and the account of this computer when AWS does not answer in time", async () => {
    const aws = await AwsFake.start();
    try {
      assert.equal(await callerIdentity("eu-central-1"), "arn:aws:sts::123456789012:assumed-role/deploy/ada");
      aws.world.callerArn = undefined;
      assert.match(await callerIdentity("eu-central-1"), /^os:.+@.+/);
      aws.fault = () => "hang";
      const begin = Date.now();
      assert.match(await callerIdentity("eu-central-1"), /^os:/);
      assert.ok(Date.now() - begin < 2_500);
      assert.match(await callerIdentity(undefined), /^os:/);
    } finally {
      await aws.stop();
    }
  });

  it("names the commit, or none", async () => {
    assert.match(await programCommit(process.cwd()), /^([0-9a-f]{40}(-dirty)?|-)$/);
    assert.equal(await programCommit("/"), "-");
    assert.equal(await programCommit("/nonexistent"), "-");
  });

  it("waits no longer than it should", async () => {
    assert.equal(await withinLimit(new Promise<string>(() => undefined), 20), undefined);
    assert.equal(await withinLimit(Promise.reject<string>(new Error("x")), 20), undefined);
    assert.equal(await withinLimit(Promise.resolve(7), 20), 7);
  });
});
