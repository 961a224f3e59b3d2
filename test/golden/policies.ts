import { SECRET } from "../components/recorder";
import {
  carriers,
  entries,
  type Entry,
  expected,
  type Golden,
  type GoldenResource,
  ofType,
  type Policy,
  shapeFor,
} from "./policyParts";

/** Rules that hold for every stack at every stage, asked of a golden's content. */

interface Action {
  readonly targetGroupArn?: string;
  readonly forward?: {
    readonly targetGroups?: readonly { readonly arn: string; readonly weight: number }[];
    readonly stickiness?: unknown;
  };
}

function actionsOf({ inputs }: GoldenResource): readonly Action[] {
  return (inputs?.["actions"] ?? inputs?.["defaultActions"] ?? []) as readonly Action[];
}

/** B's share by the stage's own name: asked here once more, so that a mistake in the stage table is seen. */
function shareOfB(stage: string): number {
  const step = /^traffic-(\d+)$/.exec(stage)?.[1];
  if (step !== undefined) return Number(step);
  return stage === "complete" || stage === "decommission" ? 100 : 0;
}

const weights: Policy = (golden, asked) => {
  const weightB = shareOfB(golden.stage);
  const found = carriers(golden);
  const carrierCount = asked.newLoadBalancer ? 1 : asked.groups;
  return [
    ...(found.length >= carrierCount ? [] : [`${found.length} carriers of weights, expected ${carrierCount}`]),
    ...expected("outputs", "weights", golden.outputs["weights"], { a: 100 - weightB, b: weightB }),
    ...found.flatMap(([label, resource]) => {
      const [action, ...more] = actionsOf(resource);
      const [a, b, ...others] = action?.forward?.targetGroups ?? [];
      const { ignoreChanges, hooks } = resource.options;
      return [
        ...expected(label, "number of further actions", more.length, 0),
        ...expected(label, "number of further target groups", others.length, 0),
        ...expected(label, "weights of A and B", [a?.weight, b?.weight], [100 - weightB, weightB]),
        ...(/-a(\.arn\]|\/[0-9a-f]+)$/.test(a?.arn ?? "")
          ? []
          : [`${label}: the first group is ${a?.arn ?? "none"}, not A's`]),
        ...(/^\[traffic-.*-b\.arn\]$/.test(b?.arn ?? "")
          ? []
          : [`${label}: the second group is ${b?.arn ?? "none"}, not B's`]),
        ...expected(label, "stickiness", action?.forward?.stickiness, { duration: 1, enabled: false }),
        ...expected(label, "targetGroupArn", action?.targetGroupArn ?? null, null),
        ...expected(label, "ignoreChanges", ignoreChanges ?? [], []),
        ...expected(label, "hooks", Object.keys(hooks ?? {}).sort(), ["beforeCreate", "beforeUpdate"]),
      ];
    }),
  ];
};

/** The way back depends on nothing that can be dead. */
const independentWayBack: Policy = (golden) => {
  const needs = (label: string, seen: ReadonlySet<string> = new Set()): ReadonlySet<string> =>
    (golden.resources[label]?.options.dependsOn ?? []).reduce(
      (found, next) => (found.has(next) ? found : needs(next, new Set([...found, next]))),
      seen,
    );
  return carriers(golden).flatMap(([label]) =>
    [...needs(label)]
      .filter((need) => !/^(TargetGroup|LoadBalancer|SecurityGroup)/.test(need))
      .map((need) => `${label} depends on ${need}`),
  );
};

/** The gate can run with everything dead, and nothing waits for it by `dependsOn` (see StageGate). */
const independentGate: Policy = (golden) => {
  const gate = golden.resources["Command gate"];
  if (gate === undefined) return ["there is no gate"];
  return [
    ...expected("Command gate", "dependsOn", gate.options.dependsOn ?? [], ["RandomPassword database-b-password"]),
    ...expected("Command gate", "provider", gate.options.provider ?? null, null),
    ...expected("Command gate", "logging", gate.inputs?.["logging"], "none"),
    ...expected("Command gate", "triggers", gate.inputs?.["triggers"] ?? null, null),
    ...entries(golden)
      .filter(([, { options }]) => options.dependsOn?.includes("Command gate"))
      .map(([label]) => `${label} depends on the gate`),
  ];
};

const databases: Policy = (golden) => {
  const { protectB } = shapeFor(golden);
  return [
    ...ofType(golden, /^aws:rds\/instance:/).flatMap(([label, { inputs = {}, options }]) => [
      ...expected(label, "storageEncrypted", inputs["storageEncrypted"], true),
      ...expected(label, "publiclyAccessible", inputs["publiclyAccessible"], false),
      ...expected(label, "skipFinalSnapshot", inputs["skipFinalSnapshot"], false),
      ...expected(label, "deleteAutomatedBackups", inputs["deleteAutomatedBackups"], false),
      ...expected(label, "deletionProtection", inputs["deletionProtection"], protectB),
      ...expected(label, "protect", options.protect ?? false, protectB),
      ...(typeof inputs["finalSnapshotIdentifier"] === "string" ? [] : [`${label}: no finalSnapshotIdentifier`]),
    ]),
    ...ofType(golden, /^aws:rds\/snapshot:/).flatMap(([label, { options }]) =>
      expected(label, "retainOnDelete", options.retainOnDelete, true),
    ),
  ];
};

const WORLD = ["0.0.0.0/0", "::/0"];

const ingress: Policy = (golden, asked) => {
  const { configurationB } = shapeFor(golden);
  return [
    ...ofType(golden, /:SecurityGroup(Rule)?$/).flatMap(([label, { inputs = {}, type }]) => [
      ...(type.endsWith("Rule") ? [`${label}: an old kind of rule, which hides its source in a list`] : []),
      ...["ingress", "egress"].filter((list) => list in inputs).map((list) => `${label}: ${list} inside the group`),
    ]),
    ...ofType(golden, /:SecurityGroupIngressRule$/).flatMap(([label, { inputs = {} }]) => {
      const cidrs = ["cidrIpv4", "cidrIpv6"].flatMap((field) => (field in inputs ? [String(inputs[field])] : []));
      const source = cidrs.length > 0 || typeof inputs["referencedSecurityGroupId"] === "string";
      return [
        ...(source ? [] : [`${label}: no source`]),
        ...cidrs
          .filter((cidr) => !asked.ingressCidrs.includes(cidr))
          .map((cidr) => `${label}: ${cidr} was not asked for`),
      ];
    }),
    ...ofType(golden, /:NetworkPolicy$/).flatMap(([label, { inputs = {} }]) => {
      const { ingress: rules = [] } = inputs["spec"] as {
        readonly ingress?: readonly { readonly from?: readonly { readonly ipBlock?: { readonly cidr: string } }[] }[];
      };
      const open = rules.filter(
        ({ from = [] }) => from.length === 0 || from.some(({ ipBlock }) => WORLD.includes(ipBlock?.cidr ?? "")),
      );
      // B's dashboard is the one thing that a stage opens, by a resource of its own.
      const opened = configurationB === "open" && /^NetworkPolicy dashboard-b-.*-open$/.test(label);
      return open.length === 0 || opened ? [] : [`${label}: open to everybody`];
    }),
  ];
};

const secrets: Policy = (golden, asked) => {
  const text = JSON.stringify(golden);
  const texts = [
    ...asked.secrets
      .filter((secret) => text.includes(secret))
      .map((secret) => `the secret ${secret} is there in plain`),
    ...(/:\/\/[^:@/" ]+:(?!\[secret\])[^@/" ]+@/.test(text) ? ["an address with a password in it"] : []),
    ...(text.includes("PRIVATE KEY") ? ["a private key"] : []),
  ];
  const marked = entries(golden).flatMap(([label, { inputs }]) =>
    Object.entries((inputs?.["environment"] ?? {}) as Readonly<Record<string, unknown>>)
      .filter(([name, value]) => /TOKEN|PASSWORD|DSN|SECRET|KEY$/.test(name) && value !== "[secret]")
      .map(([name]) => `${label}: ${name} is not marked as a secret`),
  );
  return [...texts, ...marked];
};

interface Values {
  readonly etcd?: { readonly host?: readonly string[] };
  readonly apisix?: {
    readonly image?: { readonly tag?: string };
    readonly extraEnvVars?: readonly { readonly name: string }[];
  };
}

function releases(golden: Golden, prefix: string): readonly Entry[] {
  return ofType(golden, /:Release$/).filter(([, { options }]) => options.parent?.startsWith(prefix));
}

/** Values of a chart; those with a secret in them are marked as a whole and keep their shape below the mark. */
function valuesOf({ inputs }: GoldenResource): Readonly<Record<string, unknown>> {
  const values = (inputs?.["values"] ?? {}) as Readonly<Record<string, unknown>>;
  return (values[SECRET] ?? values) as Readonly<Record<string, unknown>>;
}

const oneVersion: Policy = (golden, asked) => [
  ...releases(golden, "ControlPlane ").flatMap(([label, release]) =>
    ["dashboard", "dp_manager", "developer_portal"].flatMap((component) => {
      const values = valuesOf(release)[component] as { readonly image?: { readonly tag?: string } } | undefined;
      return expected(label, `image of ${component}`, values?.image?.tag, `v${asked.version}`);
    }),
  ),
  ...releases(golden, "DataPlane ").flatMap(([label, release]) =>
    expected(label, "image", (valuesOf(release) as Values).apisix?.image?.tag, asked.version),
  ),
];

/** The address of a DP Manager, of an etcd, or of the control plane's other ports. */
const MANAGER_ADDRESS = /[a-z0-9.-]+:(7900|7943|2379)\b/g;

const pinned: Policy = (golden) => {
  const address = golden.outputs["dpManagerAddress"];
  return releases(golden, "DataPlane ").flatMap(([label, release]) => {
    const { options } = release;
    const values = valuesOf(release) as Values;
    const others = (JSON.stringify(values).match(MANAGER_ADDRESS) ?? []).filter(
      (found) => !String(address).endsWith(found),
    );
    const overriding = (values.apisix?.extraEnvVars ?? []).filter(({ name }) =>
      /DP_MANAGER|CONTROL_PLANE|ETCD/.test(name),
    );
    return [
      ...(/^https:\/\/\S+\.svc\.cluster\.local:7943$/.test(String(address))
        ? []
        : [`${label}: the address is ${String(address)}`]),
      ...expected(label, "etcd.host", values.etcd?.host, [address]),
      ...others.map((other) => `${label}: another address, ${other}`),
      ...overriding.map(({ name }) => `${label}: ${name} overrides the address`),
      ...(options.dependsOn?.some((need) => need.startsWith("Release control-plane")) === true
        ? []
        : [`${label} does not wait for control plane B`]),
    ];
  });
};

/** A is somebody else's: patches that are let go of, the groups of a load balancer of our own, and nothing more. */
const nothingOfA: Policy = (golden, asked) => {
  const inClusterA = entries(golden).filter(([, { options }]) => options.provider === "kubernetes cluster-a");
  return [
    ...inClusterA.flatMap(([label, { type, options }]) => {
      if (type.endsWith("Patch")) return expected(label, "retainOnDelete", options.retainOnDelete, true);
      const fillsOurs = type.endsWith(":TargetGroupBinding") && asked.newLoadBalancer;
      return fillsOurs ? [] : [`${label} is owned, in cluster A`];
    }),
    ...ofType(golden, /^aws:rds\/instance:|:TargetGroup$|:Listener$|:LoadBalancer$/).flatMap(
      ([label, { type, inputs }]) => {
        const ofB = type.endsWith(":Instance")
          ? inputs?.["identifier"] === golden.outputs["databaseBIdentifier"]
          : asked.newLoadBalancer || (type.endsWith(":TargetGroup") && label.endsWith("-b"));
        return ofB ? [] : [`${label} is A's`];
      },
    ),
  ];
};

/** What B serves with. Commands prove or issue something; the dashboard's opening comes and goes with a stage. */
const SERVING =
  /:(Instance|ParameterGroup|SubnetGroup|Release|Namespace|TargetGroup|TargetGroupBinding|LoadBalancer|Listener|PodDisruptionBudget|SecurityGroup|SecurityGroupIngressRule|SecurityGroupEgressRule)$/;

const protection: Policy = (golden) => {
  const { protectB } = shapeFor(golden);
  return entries(golden)
    .filter(([label, { type, options }]) => {
      if (options.provider === "kubernetes cluster-a") return false;
      if (type.endsWith(":NetworkPolicy")) return !label.endsWith("-open");
      return SERVING.test(type) || (type.endsWith(":ListenerRule") && label.startsWith("ListenerRule traffic"));
    })
    .flatMap(([label, { options }]) => expected(label, "protect", options.protect ?? false, protectB));
};

/** Physical names that are fixed on purpose; every other name is the engine's, so that a replacement can stand beside the old. */
const FIXED_NAMES: Readonly<Record<string, string>> = {
  "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
  "aws:lb/loadBalancer:LoadBalancer": "name",
  // Found by name: by the checks, which depend on nothing of the program.
  "aws:lb/targetGroup:TargetGroup": "name",
  "aws:rds/instance:Instance": "identifier",
  "aws:rds/snapshot:Snapshot": "dbSnapshotIdentifier",
};

const names: Policy = (golden) =>
  ofType(golden, /^aws:/).flatMap(([label, { type, inputs = {} }]) =>
    ["name", "namePrefix", "identifier", "dashboardName", "alarmName", "dbSnapshotIdentifier"]
      .filter((field) => field in inputs && FIXED_NAMES[type] !== field)
      .map((field) => `${label}: ${field} is fixed`),
  );

const clusterIdentity: Policy = (golden) => [
  ...ofType(golden, /^pulumi:providers:kubernetes$/).flatMap(([label, { inputs }]) =>
    typeof inputs?.["clusterIdentifier"] === "string"
      ? []
      : [`${label}: without clusterIdentifier another host name of the server replaces everything`],
  ),
  ...ofType(golden, /^kubernetes:/)
    .filter(([, { options }]) => !/^kubernetes cluster-[ab]$/.test(options.provider ?? ""))
    .map(([label]) => `${label} is in no named cluster`),
];

/** What would make a golden differ from machine to machine, or from day to day. */
const portable: Policy = (golden) => {
  const text = JSON.stringify(golden);
  const unstable = [/"\/(?!\*|[a-z]+(\/|"))/, /\b20\d\d-\d\d-\d\dT\d\d:\d\d/, /\/(home|root|tmp|Users|work)\//];
  return unstable.flatMap((pattern) => pattern.exec(text)?.map((found) => `${found} is not the same everywhere`) ?? []);
};

export const POLICIES = {
  "two groups in fixed order, weights of the stage, sticky to none": weights,
  "a way back that depends on nothing of B": independentWayBack,
  "a gate that depends on nothing, and that nothing depends on": independentGate,
  "databases encrypted, private, protected, with a last snapshot": databases,
  "no open ingress that was not asked for": ingress,
  "no secret in plain": secrets,
  "control and data planes of one version": oneVersion,
  "data planes pinned to control plane B": pinned,
  "nothing of A owned": nothingOfA,
  "everything B serves with protected from start until abandon": protection,
  "no physical name fixed without need": names,
  "every cluster by its identity": clusterIdentity,
  "nothing of the machine or the day": portable,
} as const satisfies Readonly<Record<string, Policy>>;

export type PolicyName = keyof typeof POLICIES;
