import { z } from "zod";
import { type ClusterAccess } from "../migration/gateRequest";
import { type AlertPolicy, type ControlPlane } from "../checks/clients/controlPlane";
import { type KubernetesApi, refused } from "../checks/clients/kubernetes";
import { CLUSTER, parse } from "../checks/request";
import { CouldNotLook } from "../checks/result";
import { MANAGED_BY, openControlPlaneB } from "./controlPlaneB";

/**
 * Alert policies came to B with the copy, and B lists A's instances as lost (facts/api7.md 3.2): until B is the one that
 * serves, its alerts would wake people up about A. So they are switched off after the start, and those that were on are
 * switched on again at `complete`.
 *
 * Which ones were on is kept in a ConfigMap of B's namespace, written before the first is switched off: an operation
 * that ends half way, or a lost state of the stack, forgets none.
 */

export interface AlertPoliciesRequest {
  readonly cluster: ClusterAccess;
  /** `muted`: all are off. `restored`: those that this program switched off are on again. */
  readonly policies: "muted" | "restored";
}

/** What is printed. */
export interface SwitchedPolicies {
  readonly policies: AlertPoliciesRequest["policies"];
  /** How many there are. */
  readonly total: number;
  /** Names of those that were switched now. */
  readonly switched: readonly string[];
  /** How many are kept to be switched on again. */
  readonly remembered: number;
}

export const MEMORY = "api7-migration-muted-alerts";
const KEY = "policies";
/** Names shown; the rest is a number. */
const SHOWN = 20;

const REQUEST: z.ZodType<AlertPoliciesRequest> = z.strictObject({
  cluster: CLUSTER,
  policies: z.enum(["muted", "restored"]),
});
const CONFIG_MAP = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).optional(), resourceVersion: z.string().optional() }),
  data: z.record(z.string(), z.string()).optional(),
});
const REMEMBERED = z.array(z.object({ id: z.string(), name: z.string() }));

type Remembered = z.infer<typeof REMEMBERED>;

/** @throws BadInput */
export function parseAlertPoliciesRequest(text: string): AlertPoliciesRequest {
  return parse(REQUEST, text, '{cluster, policies: "muted" | "restored"}');
}

/** @throws CouldNotLook when a policy could not be switched; what was switched until then is remembered */
export async function switchAlertPolicies(
  { cluster, policies }: AlertPoliciesRequest,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<SwitchedPolicies> {
  const { api, controlPlane } = await openControlPlaneB(cluster, environment, signal);
  const memory = await Memory.read(api, signal);
  const found = await controlPlane.alertPolicies();
  return policies === "muted" ? mute(controlPlane, memory, found) : restore(controlPlane, memory, found);
}

async function mute(
  controlPlane: ControlPlane,
  memory: Memory,
  found: readonly AlertPolicy[],
): Promise<SwitchedPolicies> {
  const enabled = found.filter((policy) => policy.enabled);
  const known = memory.remembered.filter(
    ({ id }) => found.some((policy) => policy.id === id) && !enabled.some((policy) => policy.id === id),
  );
  const remembered = [...known, ...enabled.map(({ id, name }) => ({ id, name }))];
  await memory.write(remembered);
  await switchAll(controlPlane, enabled, false);
  return { policies: "muted", total: found.length, switched: shown(enabled), remembered: remembered.length };
}

async function restore(
  controlPlane: ControlPlane,
  memory: Memory,
  found: readonly AlertPolicy[],
): Promise<SwitchedPolicies> {
  // Whoever deleted one since, or switched it on already, decided about it.
  const off = found.filter(({ id, enabled }) => !enabled && memory.remembered.some((one) => one.id === id));
  await switchAll(controlPlane, off, true);
  if (memory.remembered.length > 0) await memory.write([]);
  return { policies: "restored", total: found.length, switched: shown(off), remembered: 0 };
}

/** One after the other, then a look whether each is what it was switched to. */
async function switchAll(
  controlPlane: ControlPlane,
  policies: readonly AlertPolicy[],
  enabled: boolean,
): Promise<void> {
  if (policies.length === 0) return;
  for (const { id } of policies) await controlPlane.switchAlertPolicy(id, enabled);
  const after = new Map((await controlPlane.alertPolicies()).map((policy) => [policy.id, policy.enabled]));
  const wrong = policies.filter(({ id }) => (after.get(id) ?? enabled) !== enabled);
  if (wrong.length === 0) return;
  throw new CouldNotLook(
    "control plane B, alert policies",
    `still ${enabled ? "off" : "on"} after they were switched: ${shown(wrong).join(", ")}`,
    "see who else switches them, then run pulumi up again",
  );
}

function shown(policies: readonly AlertPolicy[]): readonly string[] {
  const names = policies.slice(0, SHOWN).map(({ name }) => name);
  return policies.length > SHOWN ? [...names, `${policies.length - SHOWN} more`] : names;
}

/** The policies that were switched off by this program, in a ConfigMap of its own. */
class Memory {
  private constructor(
    private readonly api: KubernetesApi,
    private readonly signal: AbortSignal,
    private version: string | undefined,
    private exists: boolean,
    readonly remembered: Remembered,
  ) {}

  static async read(api: KubernetesApi, signal: AbortSignal): Promise<Memory> {
    const found = await api.get(CONFIG_MAP, api.path("v1", "configmaps", MEMORY), signal);
    const subject = `ConfigMap ${api.namespace}/${MEMORY}`;
    const [label, value] = Object.entries(MANAGED_BY)[0] ?? ["", ""];
    if (found && found.metadata.labels?.[label] !== value) {
      throw new CouldNotLook(
        subject,
        `it exists without the label ${label}=${value}: somebody else made it`,
        `kubectl label configmap ${MEMORY} ${label}=${value} to let it be replaced, or delete it`,
      );
    }
    return new Memory(
      api,
      signal,
      found?.metadata.resourceVersion,
      found !== undefined,
      readRemembered(subject, found?.data?.[KEY]),
    );
  }

  /** @throws CouldNotLook when somebody else wrote it meanwhile */
  async write(remembered: Remembered): Promise<void> {
    const { api, signal, version, exists } = this;
    const body = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: MEMORY,
        namespace: api.namespace,
        labels: MANAGED_BY,
        ...(version !== undefined && { resourceVersion: version }),
      },
      data: { [KEY]: JSON.stringify(remembered) },
    };
    const answer = await api.request({
      method: exists ? "PUT" : "POST",
      path: api.path("v1", "configmaps", exists ? MEMORY : ""),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (answer.status !== 200 && answer.status !== 201) throw refused(`ConfigMap ${api.namespace}/${MEMORY}`, answer);
    this.exists = true;
    this.version = CONFIG_MAP.safeParse(parsedOrNothing(answer.body)).data?.metadata.resourceVersion;
  }
}

function readRemembered(subject: string, text: string | undefined): Remembered {
  if (text === undefined) return [];
  const parsed = REMEMBERED.safeParse(parsedOrNothing(text));
  if (parsed.success) return parsed.data;
  throw new CouldNotLook(
    subject,
    `${KEY} is no JSON list of {id, name}`,
    "put the list right: the policies that are enabled on A and were switched off on B",
  );
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
