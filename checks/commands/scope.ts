import { digestOfTables } from "../../migration/configurationDigest";
import { type MigrationScope } from "../../migration/gateRequest";
import { shapeOf } from "../../migration/stages";
import { Systems, type CheckContext } from "../context";
import { proveCopy } from "../copyProved";
import { checkFreeze } from "../freezeHeld";
import { type Outcome } from "../gateInput";
import { checkControlPlaneB, checkHealth } from "../health";
import { checkLiveWeights } from "../liveWeights";
import { checkPinning } from "../pinning";
import { BadInput, parseGateRequest, parseInspection, parseScope } from "../request";
import { type CheckResult } from "../result";
import { runWithin, untilSettled, withSignal } from "../run";
import { answer, secondsSince } from "./answer";
import { recordOf } from "./configuration";
import { readStdin } from "./input";

/** Checks that are asked for on their own, each with the migration's scope (or a whole gate request) on standard input. */

export interface ScopeOptions {
  readonly json?: boolean | undefined;
  /** How long to wait for what passes by itself: pods that start or end, targets that are `initial`. Seconds. */
  readonly waitSeconds: number;
}

/** Limit of one look, in seconds. */
const LOOK_SECONDS = 30;
const COPY_SECONDS = 30 * 60;

/** `check -- copy`: database B against A; right after the restore. */
export async function copyCommand(options: ScopeOptions): Promise<Outcome> {
  const begin = performance.now();
  const context = contextOf(parseScope(await readStdin()));
  let summary: Readonly<Record<string, unknown>> = {};
  const result = await runWithin("copy", COPY_SECONDS, context.signal, async (signal) => {
    const proved = await proveCopy(withSignal(context, signal));
    summary = { ...proved.summary };
    return proved.result;
  });
  return answer(result, { ...summary, seconds: secondsSince(begin) }, options);
}

/** `check -- freeze`: what stage `freeze` had to achieve. */
export async function freezeCommand(
  options: ScopeOptions & { readonly record?: string | undefined },
): Promise<Outcome> {
  const stdin = await readStdin();
  const context = contextOf(parseScope(stdin));
  const recorded = await recordOf(options.record, stdin);
  let summary: Readonly<Record<string, unknown>> = {};
  const result = await settled("freeze", options, context, async (look) => {
    const { result: looked, fingerprint } = await checkFreeze(look, recorded);
    if (fingerprint) {
      const rows = fingerprint.tables.reduce((sum, table) => sum + Number(table.rows), 0);
      summary = { tables: fingerprint.tables.length, rows, digest: digestOfTables(fingerprint.tables)["*"] };
    }
    return looked;
  });
  return answer(result, { mode: context.scope.freezeMode, ...summary }, options);
}

/** `check -- health`: control plane, data planes and targets of B. */
export async function healthCommand(options: ScopeOptions): Promise<Outcome> {
  const context = contextOf(parseScope(await readStdin()));
  const result = await settled("health", options, context, (look) => checkHealth(look, new Date()));
  return answer(result, { healthy: true, version: context.scope.version }, options);
}

/** `check -- control-plane`: dashboard and DP Manager of B answer `/healthz`, in A's version. */
export async function controlPlaneCommand(options: ScopeOptions): Promise<Outcome> {
  const context = contextOf(parseScope(await readStdin()));
  const result = await settled("control plane", options, context, (look) => checkControlPlaneB(look, new Date()));
  return answer(result, { ready: true, version: context.scope.version }, options);
}

/** `check -- pinning`: every data plane of B belongs to control plane B. */
export async function pinningCommand(options: ScopeOptions): Promise<Outcome> {
  const stdin = await readStdin();
  const context = contextOf(parseScope(stdin));
  const inspection = parseInspection(stdin);
  const result = await settled("pinning", options, context, (look) =>
    checkPinning(look, { clusterA: true, inspection }),
  );
  return answer(result, { pinned: true, pods: result.evidence["pods"] }, options);
}

/** `check -- live-weights`: the load balancer holds B's share; that of the request's stage unless one is given. */
export async function liveWeightsCommand(
  options: ScopeOptions & { readonly weightB?: number | undefined },
): Promise<Outcome> {
  const stdin = await readStdin();
  const weightB = options.weightB ?? weightOfRequest(stdin);
  const context = contextOf(parseScope(stdin));
  const result = await settled("live weights", options, context, (look) => checkLiveWeights(look, [weightB]));
  return answer(result, { weightB }, options);
}

function weightOfRequest(stdin: string): number {
  try {
    return shapeOf(parseGateRequest(stdin).stage).weightB;
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw new BadInput(
      `Give the expected share of B: --weight-b N, or a whole gate request on standard input. ${error.message}`,
    );
  }
}

function contextOf(scope: MigrationScope): CheckContext {
  const { signal } = new AbortController();
  return { scope, signal, systems: new Systems(scope, signal) };
}

function settled(
  name: string,
  options: ScopeOptions,
  context: CheckContext,
  look: (context: CheckContext) => Promise<CheckResult>,
): Promise<CheckResult> {
  return untilSettled(options.waitSeconds, context.signal, () =>
    runWithin(name, LOOK_SECONDS, context.signal, (signal) => look(withSignal(context, signal))),
  );
}
