import { type Change } from "./stack";

/**
 * The order in which one update has to make cluster B, and take it away: what comes later needs what comes before. Read
 * from the engine's own events, each at the moment when its step was done.
 */

/** Kinds of resources of B, first to last. Whatever of one is there has to be done before anything of the next. */
const STEPS: readonly { readonly what: string; readonly is: (change: Change) => boolean }[] = [
  { what: "the proof of the copy", is: ({ name }) => name === "database-b-equal" },
  { what: "the namespace of B", is: ({ type }) => type === "kubernetes:core/v1:Namespace" },
  { what: "the release of control plane B", is: (change) => isRelease(change) && change.name === "control-plane-b" },
  { what: "the look whether control plane B answers", is: ({ name }) => name === "control-plane-b-ready" },
  { what: "the address in control plane B's settings", is: ({ name }) => name === "control-plane-b-address" },
  { what: "a certificate of B's gateways", is: ({ name }) => /^data-plane-b-.+-certificate$/.test(name) },
  { what: "a release of B's gateways", is: (change) => isRelease(change) && change.name.startsWith("data-plane-b-") },
  { what: "a binding of B's gateways", is: ({ name }) => /^data-plane-b-.+-targets$/.test(name) },
  { what: "the proof that cluster B is well", is: ({ name }) => name === "cluster-b-healthy" },
];

function isRelease({ type }: Change): boolean {
  return type === "kubernetes:helm.sh/v3:Release";
}

/** Of Kubernetes' objects alone: a command has nothing to take away, so its place does not matter. */
const HELD: ReadonlySet<string> = new Set([
  "kubernetes:core/v1:Namespace",
  "kubernetes:helm.sh/v3:Release",
  "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
]);

/** Pairs of an update that came in the wrong order. Made: first to last. Deleted: last to first. */
export function outOfOrder(changes: readonly Change[]): readonly string[] {
  const made = violations(changes.filter(({ op }) => op === "create"));
  const gone = violations(changes.filter(({ op, type }) => op === "delete" && HELD.has(type)).reverse());
  return [
    ...made.map(([late, early]) => `${early} was there before ${late}`),
    ...gone.map(([late, early]) => `${late} was gone before ${early}`),
  ];
}

/** Steps that should come first and came after another. */
function violations(changes: readonly Change[]): readonly (readonly [late: string, early: string])[] {
  const places = changes.flatMap((change, at) => {
    const step = STEPS.findIndex(({ is }) => is(change));
    return step === -1 ? [] : [{ step, at }];
  });
  const found = new Map<string, readonly [string, string]>();
  for (const before of places) {
    for (const after of places) {
      if (before.step >= after.step || before.at < after.at) continue;
      const pair = [STEPS[before.step]?.what ?? "", STEPS[after.step]?.what ?? ""] as const;
      found.set(pair.join(), pair);
    }
  }
  return [...found.values()];
}
