import assert from "node:assert/strict";
import { checkConnections } from "../../checks/connections";
import { type CheckResult } from "../../checks/result";
import { connectionsNeeded } from "../../migration/connections";
import { type Inspection } from "../../migration/inspection";
import { Surroundings, TABLES } from "./support/inspection";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

/** On a real server. */
describe("check: connections", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  /** Of the local server, without the superuser's reserve and what is kept free. */
  const limit = 120 - 3 - 10;

  before(async () => {
    server = await TestServer.start("127.241.61.1");
  });
  after(() => server.stop());
  beforeEach(async () => {
    around = await Surroundings.start(server);
    await server.fresh(TABLES);
  });
  afterEach(async () => {
    await server.asAdmin("b", "alter role api7ee connection limit -1", "alter database b connection limit -1");
    await around.stop();
  });

  const check = (connectionsB: Inspection["connectionsB"]): Promise<CheckResult> =>
    checkConnections(around.context(connectionsB === undefined ? {} : { connectionsB }));

  it("holds up to the last connection that is not kept free", async () => {
    assert.deepEqual((await check({ needed: limit })).findings, []);
    const finding = findingOn(await check({ needed: limit + 1 }), "max_connections of the server");
    assert.match(finding.seen, /120, 13 of them kept free/);
    assert.match(finding.expected, new RegExp(`room for ${limit + 1} connections`));
    assert.match(finding.remedy, /maxDatabaseConnections/);
  });

  it("looks at the limits of user and database too", async () => {
    await server.asAdmin("b", "alter role api7ee connection limit 40");
    assert.match(findingOn(await check({ needed: 41, user: "api7ee" }), "the limit of user api7ee").seen, /^40$/);
    assert.deepEqual((await check({ needed: 40, user: "api7ee" })).findings, []);
    await server.asAdmin("b", "alter role api7ee connection limit -1", "alter database b connection limit 30");
    assert.match(findingOn(await check({ needed: 31 }), "the limit of the database").seen, /^30$/);
  });

  it("knows nothing of a user that is not there, without a request, and without a server", async () => {
    assert.match(findingOn(await check({ needed: 1, user: "nobody" }), "database B").seen, /no user nobody/);
    assert.equal((await check(undefined)).verdict, "unknown");
    around.aws.world.instances.clear();
    assert.equal((await check({ needed: 1 })).verdict, "unknown");
  });
});

describe("connections that control plane B needs", () => {
  it("counts every pod, and those that a rolling update starts before others end", () => {
    const replicas = { dashboard: 2, dpManager: 3, developerPortal: 0 };
    assert.equal(connectionsNeeded({ replicas, maxDatabaseConnections: 30 }), (2 + 1 + 3 + 1) * 30);
    assert.equal(
      connectionsNeeded({ replicas: { dashboard: 1, dpManager: 8, developerPortal: 5 }, maxDatabaseConnections: 10 }),
      (1 + 1 + 8 + 2 + 5 + 2) * 10,
    );
  });
});
