import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lookAtTicket } from "../../checks/preflightTicket";
import { programDigest } from "../../checks/programDigest";
import { Report, type CheckResult } from "../../checks/result";
import { type Inspection } from "../../migration/inspection";
import { renderTicket, type Ticket } from "../../migration/ticket";

const NOW = new Date("2026-03-10T12:00:00Z");
const REHEARSED = { version: "3.9.18", trafficSteps: [5, 100], source: "snapshot" };
const DEMAND = { file: "tickets/prod.json", maximumAgeDays: 14, rehearsed: REHEARSED };

describe("check: preflight, the rehearsal that must have been", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ticket-"));
    for (const part of ["components", "migration", "checks", "operations", "tickets"]) {
      await mkdir(join(folder, part));
      if (part !== "tickets") await writeFile(join(folder, part, "a.ts"), `// ${part}`);
    }
    for (const file of ["index.ts", "Pulumi.yaml", "package-lock.json"]) await writeFile(join(folder, file), file);
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function check(demand: Inspection["rehearsal"]): Promise<CheckResult> {
    const report = new Report("preflight");
    await report.look(() => lookAtTicket(report, demand, folder, NOW));
    return report.result();
  }

  async function keep(change: Partial<Ticket> = {}): Promise<void> {
    const ticket: Ticket = {
      version: 1,
      at: "2026-03-08T12:00:00.000Z",
      of: "rehearsal migration",
      program: await programDigest(folder),
      settings: "c".repeat(64),
      rehearsed: REHEARSED,
      stages: [
        "prepare",
        "freeze",
        "restore",
        "start",
        "traffic-5",
        "rollback",
        "traffic-5",
        "traffic-100",
        "complete",
      ],
      requests: { sent: 1000, failed: 0 },
      record: "d".repeat(64),
      ...change,
    };
    await writeFile(join(folder, DEMAND.file), renderTicket(ticket));
  }

  it("holds with the ticket of this program", async () => {
    await keep();
    const result = await check(DEMAND);
    assert.deepEqual(result.findings, []);
    assert.equal((result.evidence["rehearsal"] as Ticket).of, "rehearsal migration");
  });

  it("does not without one, and says how to get it", async () => {
    const result = await check(DEMAND);
    assert.equal(result.verdict, "fails");
    assert.match(result.findings[0]?.seen ?? "", /no such file/);
    assert.match(result.findings[0]?.remedy ?? "", /npm run rehearse/);
  });

  it("does not when the program was changed since, wherever", async () => {
    await keep();
    await writeFile(join(folder, "checks", "b.ts"), "");
    assert.match((await check(DEMAND)).findings[0]?.seen ?? "", /another program/);
  });

  it("does not with a ticket that was edited", async () => {
    await writeFile(join(folder, DEMAND.file), "{}");
    const result = await check(DEMAND);
    assert.equal(result.verdict, "fails");
    assert.match(result.findings[0]?.seen ?? "", /form of a ticket/);
  });

  it("could not look where the program cannot be read", async () => {
    await keep();
    await rm(join(folder, "components"), { recursive: true });
    assert.equal((await check(DEMAND)).verdict, "unknown");
  });

  it("goes without one by a named person's permission, which is on record", async () => {
    const without = { by: "Ada", reason: "the certificate expires tomorrow" };
    const result = await check({ ...DEMAND, without });
    assert.equal(result.verdict, "holds");
    assert.deepEqual(result.evidence["withoutRehearsal"], without);
    assert.match(result.notes.join(), /Ada: the certificate expires/);
  });

  it("says so where none is demanded", async () => {
    const result = await check(undefined);
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join(), /no rehearsal is demanded/);
  });

  it("tells the program by content, links or not", async () => {
    const linked = await mkdtemp(join(tmpdir(), "ticket-links-"));
    for (const part of [
      "index.ts",
      "components",
      "migration",
      "checks",
      "operations",
      "Pulumi.yaml",
      "package-lock.json",
    ]) {
      await symlink(join(folder, part), join(linked, part));
    }
    assert.equal(await programDigest(linked), await programDigest(folder));
    await rm(linked, { recursive: true, force: true });
  });
});
