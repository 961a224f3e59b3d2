import assert from "node:assert/strict";
import fc from "fast-check";
import { egressOfControlPlane, egressOfGateways } from "../../components/egress";
import { covers } from "../../migration/blocks";
import { allows, type EgressPolicies } from "../../rehearsal/cloud/kubernetes/pods/egress";
import { settingsOf } from "../migration/stackConfig";

const CLUSTER_A = settingsOf("prod").clusterA;

/** Whether a connection would be let through, by the rules as a network plugin reads them. */
function reaches(rules: ReturnType<typeof egressOfGateways>, address: string, port: number): boolean {
  return allows([rules] as EgressPolicies, address, port);
}

function gateways(
  dpManagerCidrs: readonly string[],
  databaseCidrs: readonly string[],
): ReturnType<typeof egressOfGateways> {
  return egressOfGateways({ ...CLUSTER_A, dpManagerCidrs: [...dpManagerCidrs], databaseCidrs: [...databaseCidrs] });
}

describe("egress of B's pods", () => {
  const OPEN = [1, 80, 443, 5432, 6379, 7080, 7899, 7901, 7942, 7944, 65_535];

  it("gateways: A's DP Manager is closed, everything else beside it is open", () => {
    const rules = gateways(["10.64.0.0/18", "10.64.240.16/28"], []);
    for (const address of ["10.64.0.1", "10.64.63.254", "10.64.240.17"]) {
      for (const port of [7900, 7943]) assert.equal(reaches(rules, address, port), false, `${address}:${port}`);
      for (const port of OPEN) assert.equal(reaches(rules, address, port), true, `${address}:${port}`);
    }
    for (const port of [...OPEN, 7900, 7943]) assert.equal(reaches(rules, "10.65.0.1", port), true);
  });

  it("gateways: A's database is closed at every port, inside of A's blocks, around them and elsewhere", () => {
    for (const [dpManagers, databases, database] of [
      [["10.64.0.0/18"], ["10.64.3.7/32"], "10.64.3.7"],
      [["10.64.0.0/18"], ["10.0.0.0/8"], "10.64.3.7"],
      [["10.64.0.0/18"], ["10.64.0.0/18"], "10.64.3.7"],
      [["10.64.0.0/18"], ["10.70.0.16/28"], "10.70.0.17"],
    ] as const) {
      const rules = gateways(dpManagers, databases);
      for (const port of [...OPEN, 7943])
        assert.equal(reaches(rules, database, port), false, `${databases[0]} ${port}`);
      assert.equal(reaches(rules, "10.64.3.8", 7943), false);
      assert.equal(reaches(rules, "192.0.2.1", 5432), true, "any other database stays within reach");
    }
  });

  it("control plane B: A's database is closed, A's other addresses and its own database are open", () => {
    const rules = egressOfControlPlane({ ...CLUSTER_A, databaseCidrs: ["10.64.200.17/32"] });
    assert.equal(reaches(rules, "10.64.200.17", 5432), false);
    assert.equal(reaches(rules, "10.64.200.18", 5432), true, "database B in the same subnet");
  });

  it("every exception lies within its block, as the API server demands", () => {
    const bits = fc.integer({ min: 1, max: 32 });
    const block = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 255 }), bits)
      .map(([second, third, size]) => `10.${second}.${third}.0/${size}`);
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), fc.array(block, { maxLength: 4 }), (a, b) => {
        for (const rule of gateways(a, b)) {
          for (const { ipBlock } of rule["to"] as { ipBlock: { cidr: string; except?: string[] } }[]) {
            for (const except of ipBlock.except ?? []) {
              assert.ok(covers(ipBlock.cidr, except) && except !== ipBlock.cidr, `${except} in ${ipBlock.cidr}`);
            }
          }
        }
      }),
    );
  });
});
