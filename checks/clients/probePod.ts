import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CouldNotLook, textOf } from "../result";
import { refused, type KubernetesApi } from "./kubernetes";
import { podLog } from "./objects";
import { PROBE_MARK, PROBE_NAME, readProbeLog, TIMED_OUT } from "./probeFormat";

/**
 * Connecting from inside a cluster to anything: a short-lived pod beside the gateways, with their image, their node
 * placement and their network policies (those select by the label `app.kubernetes.io/instance`; Service, Deployment and
 * disruption budget select by the name as well, so that this pod is never taken for a gateway).
 */

/** One address to connect to. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Reached extends Address {
  readonly state:
    | "open"
    /** Somebody answers there, and refuses. */
    | "refused"
    /** Nobody answers: filtered, or gone. */
    | "timeout"
    /** The cluster's name service knows no such name. */
    | "unresolved"
    | "failed";
  /** Addresses behind the name, as the cluster sees them. */
  readonly addresses: readonly string[];
  /** What the system said, shortened. */
  readonly said: string;
}

/** Where a pod is placed: beside the gateways of this Deployment. */
export interface ProbePlace {
  readonly deployment: string;
  /** Another image than the gateways'; needs bash, timeout and getent. */
  readonly image?: string | undefined;
}

/** Seconds for one connection; a gateway that waits longer is of no use to a request. */
const CONNECT_SECONDS = 3;
/** Connections at a time. */
const AT_ONCE = 64;
/** As many as one pod tries; more is a mistake in how addresses were found. */
export const MAX_ADDRESSES = 1_000;
/** The node ends the pod then, whoever has forgotten it. */
const DEADLINE_SECONDS = 120;
const POLL_MS = 250;
const CLEAN_UP_MS = 3_000;

/**
 * One line an address, by its number: names and addresses come back as the system says them, and nothing else.
 * `/dev/tcp` is bash's own, so that the image needs no tool for connections.
 */
const SCRIPT = `
export LC_ALL=C
try() {
  local found said code
  found=$(timeout ${CONNECT_SECONDS} getent ahosts "$2" | while read -r address rest; do echo "$address"; done | sort -u | tr '\\n' ',')
  said=$(timeout ${CONNECT_SECONDS} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1)
  code=$?
  said=\${said//$'\\n'/ }
  echo "${PROBE_MARK} $1 $code \${found:--} \${said:0:300}"
}
number=0
while [ $# -gt 1 ]; do
  try "$number" "$1" "$2" &
  number=$((number + 1))
  [ $((number % ${AT_ONCE})) -eq 0 ] && wait
  shift 2
done
wait
echo "${PROBE_MARK} end $number"
`.trim();

const PASSED_ON = {
  nodeSelector: z.unknown().optional(),
  tolerations: z.unknown().optional(),
  imagePullSecrets: z.unknown().optional(),
  securityContext: z.unknown().optional(),
  dnsConfig: z.unknown().optional(),
  dnsPolicy: z.unknown().optional(),
  hostAliases: z.unknown().optional(),
};
const TEMPLATE = z.object({
  spec: z.object({
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()).optional() }).optional(),
      spec: z.object({
        ...PASSED_ON,
        containers: z
          .array(z.object({ image: z.string(), securityContext: z.record(z.string(), z.unknown()).optional() }))
          .min(1),
      }),
    }),
  }),
});

const STATUS = z.object({
  status: z
    .object({
      phase: z.string().optional(),
      message: z.string().optional(),
      reason: z.string().optional(),
      containerStatuses: z
        .array(
          z.object({
            state: z
              .object({
                waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
                terminated: z.object({ exitCode: z.number() }).optional(),
              })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

/** What a pod waits for in vain. */
const HOPELESS =
  /^(ErrImagePull|ImagePullBackOff|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError)$/;

/**
 * Connects from inside the cluster to each of the addresses. The pod is removed again, whatever happens.
 * @throws CouldNotLook when the pod cannot be made, does not run or does not finish in time
 */
export async function connectFrom(
  api: KubernetesApi,
  place: ProbePlace,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<readonly Reached[]> {
  if (addresses.length === 0) return [];
  if (addresses.length > MAX_ADDRESSES) {
    throw new CouldNotLook(
      `${api.label}, connections from inside`,
      `${addresses.length} addresses, more than ${MAX_ADDRESSES}`,
      "look at the list in the evidence; something that is no address may be taken for one",
      { lasting: true },
    );
  }
  const name = `${PROBE_NAME}-${randomBytes(5).toString("hex")}`;
  const subject = `${api.label}, pod ${name} beside Deployment ${place.deployment}`;
  const pod = await podFor(api, place, name, addresses, signal);
  const made = await api.request({
    method: "POST",
    path: api.path("v1", "pods"),
    headers: { "content-type": "application/json" },
    body: JSON.stringify(pod),
    signal,
  });
  if (made.status !== 201) throw refused(subject, made);
  try {
    await ended(api, name, subject, signal);
    return readAnswers(await podLog(api, name, PROBE_NAME, 10 * MAX_ADDRESSES, signal), addresses, subject);
  } finally {
    await remove(api, name);
  }
}

async function podFor(
  api: KubernetesApi,
  { deployment, image }: ProbePlace,
  name: string,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<unknown> {
  const found = await api.get(TEMPLATE, api.path("apps/v1", "deployments", deployment), signal);
  if (!found) {
    throw new CouldNotLook(
      `${api.label}, Deployment ${deployment}`,
      "there is none, so that nothing can be placed beside it",
      "pulumi up --refresh at stage start, or correct the names in the settings",
    );
  }
  const { metadata, spec } = found.spec.template;
  const { containers, ...rest } = spec;
  const gateway = containers.find((container) => container.image.includes("api7-ee-3-gateway")) ?? containers[0];
  const instance = metadata?.labels?.["app.kubernetes.io/instance"] ?? deployment;
  const passedOn = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: api.namespace,
      labels: {
        "app.kubernetes.io/name": PROBE_NAME,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": "api7-migration",
      },
    },
    spec: {
      ...passedOn,
      restartPolicy: "Never",
      activeDeadlineSeconds: DEADLINE_SECONDS,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: PROBE_NAME,
          image: image ?? gateway?.image,
          imagePullPolicy: "IfNotPresent",
          command: ["/bin/bash", "-c", SCRIPT, PROBE_NAME],
          args: addresses.flatMap(({ host, port }) => [host, String(port)]),
          resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "128Mi" } },
          securityContext: {
            ...gateway?.securityContext,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            seccompProfile: { type: "RuntimeDefault" },
          },
        },
      ],
    },
  };
}

/** Waits until the pod has done its work. */
async function ended(api: KubernetesApi, name: string, subject: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { status = {} } = (await api.get(STATUS, api.path("v1", "pods", name), signal)) ?? {
      status: { phase: "gone" },
    };
    const state = status.containerStatuses?.[0]?.state;
    if (status.phase === "Succeeded") return;
    const waiting = state?.waiting?.reason ?? "";
    if (status.phase === "Failed" || status.phase === "gone" || HOPELESS.test(waiting)) {
      const exit = state?.terminated === undefined ? "" : `, exit code ${state.terminated.exitCode}`;
      const why = [waiting, state?.waiting?.message, status.reason, status.message].filter(Boolean).join(": ");
      throw new CouldNotLook(
        subject,
        `it ended as ${status.phase ?? "waiting"}${exit}${why === "" ? "" : ` (${why.slice(0, 300)})`}`,
        "give an image that the cluster may run and that has bash, timeout and getent: pulumi config set --path inspection.probeImage IMAGE",
      );
    }
    try {
      await sleep(POLL_MS, undefined, { signal });
    } catch (error) {
      throw new CouldNotLook(
        subject,
        `still ${status.phase ?? "without a phase"}${waiting === "" ? "" : ` (${waiting})`} at the check's time limit`,
        `kubectl -n ${api.namespace} get events; a pod beside the gateways has to start within seconds`,
        { cause: error },
      );
    }
  }
}

/** @throws CouldNotLook when an answer is missing: what was not tried is not reached */
function readAnswers(log: string, addresses: readonly Address[], subject: string): readonly Reached[] {
  const answers = readProbeLog(log);
  if (answers?.size !== addresses.length) {
    throw new CouldNotLook(
      subject,
      `its log has ${answers === undefined ? "no end" : `${answers.size} answers`}; ${addresses.length} answers were expected`,
      "give an image with bash, timeout and getent: pulumi config set --path inspection.probeImage IMAGE",
    );
  }
  return addresses.map((address, number) => {
    const { code = -1, addresses: found = [], said = "" } = answers.get(number) ?? {};
    return { ...address, state: stateOf(code, found, said), addresses: found, said: textOf(said).slice(0, 200) };
  });
}

function stateOf(code: number, addresses: readonly string[], said: string): Reached["state"] {
  if (code === 0) return "open";
  if (addresses.length === 0) return "unresolved";
  if (code === TIMED_OUT || /timed out/i.test(said)) return "timeout";
  return /refused/i.test(said) ? "refused" : "failed";
}

/** A pod that stays ends by its deadline; that it could not be removed is no finding. */
async function remove(api: KubernetesApi, name: string): Promise<void> {
  const path = `${api.path("v1", "pods", name)}?gracePeriodSeconds=0`;
  await api
    .request({ method: "DELETE", path, signal: AbortSignal.timeout(CLEAN_UP_MS) })
    .then(() => undefined)
    .catch(() => undefined);
}
