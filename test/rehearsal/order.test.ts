import assert from "node:assert/strict";
import fc from "fast-check";
import { outOfOrder } from "../../rehearsal/order";
import { type Change } from "../../rehearsal/stack";

const RELEASE = "kubernetes:helm.sh/v3:Release";
const BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding";
const COMMAND = "command:local:Command";

function step(op: string, type: string, name: string): Change {
  return { op, type, name, urn: `urn:pulumi:x::y::${type}::${name}`, diffs: [], at: new Date(0) };
}

/** What `start` makes, in an order that the engine may choose. */
const START = (
  [
    ["kubernetes:core/v1:Namespace", "control-plane-b"],
    [RELEASE, "control-plane-b"],
    [COMMAND, "control-plane-b-ready"],
    [COMMAND, "control-plane-b-address"],
    [COMMAND, "data-plane-b-default-certificate"],
    [COMMAND, "data-plane-b-partner-certificate"],
    [RELEASE, "data-plane-b-partner"],
    [RELEASE, "data-plane-b-default"],
    [BINDING, "data-plane-b-default-targets"],
    [BINDING, "data-plane-b-partner-targets"],
    [COMMAND, "cluster-b-healthy"],
  ] as const
).map(([type, name]) => step("create", type, name));

describe("order of B's resources", () => {
  it("holds as the program makes them, and the other way round as they go", () => {
    assert.deepEqual(outOfOrder(START), []);
    const gone = START.filter(({ type }) => type !== COMMAND).map((change) => ({ ...change, op: "delete" }));
    assert.deepEqual(outOfOrder([...gone].reverse()), []);
    assert.deepEqual(outOfOrder([]), []);
  });

  it("names a gateway that is there before its control plane answers", () => {
    const [namespace, release, ready, ...rest] = START;
    assert.ok(namespace && release && ready);
    const early = step("create", RELEASE, "data-plane-b-default");
    assert.deepEqual(outOfOrder([namespace, release, early, ready]), [
      "a release of B's gateways was there before the look whether control plane B answers",
    ]);
    assert.ok(rest.length > 0);
  });

  it("names a control plane that is there before the copy is proved", () => {
    const proof = step("create", COMMAND, "database-b-equal");
    assert.deepEqual(outOfOrder([step("create", RELEASE, "control-plane-b"), proof]), [
      "the release of control plane B was there before the proof of the copy",
    ]);
  });

  it("names what is gone before what needs it: a release before its binding", () => {
    const wrong = [
      step("delete", RELEASE, "data-plane-b-default"),
      step("delete", BINDING, "data-plane-b-default-targets"),
    ];
    assert.deepEqual(outOfOrder(wrong), ["a release of B's gateways was gone before a binding of B's gateways"]);
  });

  it("finds every swap of two steps of different kinds", () => {
    const places = fc.tuple(fc.nat(START.length - 1), fc.nat(START.length - 1));
    const kind = (index: number): string => {
      const { type, name } = START[index] ?? assert.fail();
      return type === COMMAND ? name : type;
    };
    fc.assert(
      fc.property(places, ([i, j]) => {
        const same = kind(i).replace(/default|partner/, "") === kind(j).replace(/default|partner/, "");
        fc.pre(
          i !== j && !(same && START[i]?.name.startsWith("data-plane") === START[j]?.name.startsWith("data-plane")),
        );
        const swapped = [...START];
        [swapped[i], swapped[j]] = [START[j] as Change, START[i] as Change];
        assert.ok(outOfOrder(swapped).length > 0);
      }),
    );
  });
});
