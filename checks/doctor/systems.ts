import { z } from "zod";
import { SECRET_VARIABLES } from "../../migration/gateRequest";
import { scopeOf } from "../../migration/scope";
import { type Settings } from "../../migration/settings";
import { awsCouldNotLook } from "../clients/aws";
import { targetFromDsn } from "../clients/databaseTarget";
import { LoadBalancers } from "../clients/elb";
import { exchange } from "../clients/http";
import { KubernetesApi, readJson, refused } from "../clients/kubernetes";
import { Snapshot } from "../clients/postgres";
import { describeInstance } from "../clients/rdsInstance";
import { callerArn } from "../clients/sts";
import { CouldNotLook } from "../result";
import { type Examination } from "./examination";
import { outputOf, type RunOptions } from "./programs";

/** What the stack names, seen from the machine at hand: who one is, and whether each system answers. Reads only. */

const STATEMENT_MS = 10_000;
/** AWS refuses a signature that is five minutes off; soak and samples are counted in seconds. */
const MAX_SKEW_SECONDS = 5;

/** The stack is there, and its state can be read. @throws CouldNotLook */
export async function examineState(exam: Examination, stack: string, options: RunOptions): Promise<void> {
  const url = options.environment["PULUMI_BACKEND_URL"];
  const words = ["stack", "ls", "--json", "--non-interactive"];
  const said = await outputOf("pulumi", words, options).catch((error: unknown) => {
    if (!(error instanceof CouldNotLook)) throw error;
    const remedy = url === undefined ? "pulumi login s3://BUCKET, or set PULUMI_BACKEND_URL" : `pulumi login '${url}'`;
    throw new CouldNotLook("state", error.seen, remedy, { cause: error });
  });
  const parsed = z.array(z.object({ name: z.string() })).safeParse(JSON.parse(said ?? "[]"));
  const names = parsed.success ? parsed.data.map(({ name }) => name) : [];
  const short = stack.split("/").at(-1) ?? stack;
  if (names.some((name) => name === stack || name.split("/").at(-1) === short))
    exam.well("state", `it has stack ${short}`);
  else {
    exam.finding({
      subject: "state",
      seen: names.length === 0 ? "it has no stack" : `its stacks are ${names.join(", ")}`,
      expected: `stack ${short}`,
      remedy: `pulumi stack init ${short}, or log in to the right state (PULUMI_BACKEND_URL)`,
    });
  }
}

/** Who AWS says that the caller is, in the account that the settings name. @throws CouldNotLook */
export async function examineIdentity(exam: Examination, settings: Settings, signal: AbortSignal): Promise<void> {
  let arn: string | undefined;
  try {
    arn = await callerArn(settings.region, signal);
  } catch (error) {
    throw awsCouldNotLook(error, "sts:GetCallerIdentity", "AWS credentials");
  }
  const account = arn?.split(":")[4] ?? "";
  const named = accountsIn(settings);
  if (arn === undefined || (named.length > 0 && !named.includes(account))) {
    exam.finding({
      subject: "AWS credentials",
      seen: arn ?? "an identity without a name",
      expected: `an identity of account ${named.join(" or ")}, which the settings name`,
      remedy: "log in to that account (AWS_PROFILE, or the role of the pipeline)",
    });
    return;
  }
  exam.well("AWS credentials", arn);
}

/** Accounts in the ARNs of the settings. */
function accountsIn(settings: Settings): readonly string[] {
  const { loadBalancer, gatewayGroups } = settings;
  const arns = [
    ...(loadBalancer.kind === "existing" ? [loadBalancer.listenerArn] : []),
    ...gatewayGroups.flatMap(({ clusterA }) => clusterA.targetGroupArn ?? []),
  ];
  return [...new Set(arns.map((arn) => arn.split(":")[4] ?? "").filter((account) => account !== ""))];
}

/** The load balancer's API answers this identity, and an existing listener is there. @throws CouldNotLook */
export async function examineLoadBalancer(exam: Examination, settings: Settings, signal: AbortSignal): Promise<void> {
  const balancers = new LoadBalancers(settings.region, signal);
  const [rule] = scopeOf(settings).rules;
  const listener = rule === undefined ? undefined : await balancers.listener(rule);
  if (listener !== undefined)
    exam.well("load balancer", `${listener.protocol} ${listener.port} of ${listener.dnsName}`);
  else if (settings.loadBalancer.kind === "new") exam.well("load balancer", "its API answers; there is none yet");
  else {
    exam.finding({
      subject: "load balancer",
      seen: "there is no such listener in this account and Region",
      expected: settings.loadBalancer.listenerArn,
      remedy: "correct loadBalancer.listenerArn, aws:region, or the account (AWS_PROFILE)",
    });
  }
}

/** RDS answers this identity, and knows database A where the settings name it. @throws CouldNotLook */
export async function examineRds(exam: Examination, settings: Settings, signal: AbortSignal): Promise<void> {
  const { databaseIdentifier } = settings.clusterA;
  if (databaseIdentifier === undefined) {
    exam.note("RDS was not asked: the settings name no instance of database A");
    return;
  }
  const found = await describeInstance(settings.region, databaseIdentifier, signal);
  if (found !== undefined) {
    exam.well("RDS", `${databaseIdentifier} is ${found.status}, ${found.engine} ${found.engineVersion}`);
    return;
  }
  exam.finding({
    subject: "RDS",
    seen: `there is no instance ${databaseIdentifier} in this account and Region`,
    expected: "database A",
    remedy: "correct clusterA.databaseIdentifier, aws:region, or the account (AWS_PROFILE)",
  });
}

/** Database A takes this machine's connection. @throws CouldNotLook */
export async function examineDatabaseA(exam: Examination, stack: string, options: RunOptions): Promise<void> {
  const target = targetFromDsn("database A", await databaseADsn(stack, options), options.environment);
  const snapshot = await Snapshot.open(target, {
    connections: 1,
    statementTimeoutMs: STATEMENT_MS,
    signal: options.signal,
  });
  try {
    const [facts] = await snapshot.query<{ version: string; user: string }>(
      "select current_setting('server_version') as version, current_user as \"user\"",
    );
    exam.well("database A", `PostgreSQL ${facts?.version ?? "of unknown version"}, as ${facts?.user ?? "nobody"}`);
  } finally {
    await snapshot.close();
  }
}

/** From the environment, as the commands get it; else from the stack's config, which asks for its key. */
async function databaseADsn(stack: string, options: RunOptions): Promise<string> {
  const variable = SECRET_VARIABLES.databaseA;
  const given = options.environment[variable];
  if (given !== undefined && given !== "") return given;
  const words = ["config", "get", "databaseADsn", "--stack", stack, "--non-interactive"];
  const said = await outputOf("pulumi", words, options).catch(() => undefined);
  if (said !== undefined && said.trim() !== "") return said.trim();
  throw new CouldNotLook(
    "database A",
    "its connection string could not be had: the engine did not give the secret databaseADsn",
    `pulumi config set --secret databaseADsn --stack ${stack}, or hand it over in ${variable}`,
    { lasting: true },
  );
}

const VERSION = z.object({ gitVersion: z.string() });

/** The API server answers and takes the kubeconfig's identity. @throws CouldNotLook */
export async function examineCluster(
  exam: Examination,
  which: "A" | "B",
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const label = `cluster ${which}`;
  const { clusterA, clusterB } = scopeOf(settings);
  const api = await KubernetesApi.open(label, which === "A" ? clusterA : clusterB, signal);
  const answer = await api.request({ path: "/version", signal });
  if (answer.status !== 200) throw refused(`${label}, /version`, answer);
  const pods = await api.request({ path: `${api.path("v1", "pods")}?limit=1`, signal });
  if (pods.status !== 200) throw refused(`${label}, pods of namespace ${api.namespace}`, pods);
  exam.well(label, `Kubernetes ${readJson(VERSION, answer, label).gitVersion}, namespace ${api.namespace} can be read`);
}

/** The metric servers answer. Whether they have the samples is asked by `check -- metrics`. @throws CouldNotLook */
export async function examineMetrics(exam: Examination, settings: Settings, signal: AbortSignal): Promise<void> {
  const { metrics } = settings;
  if (metrics?.source !== "prometheus") {
    exam.note(`no metric server was asked: the setting metrics names ${metrics?.source ?? "no source"}`);
    return;
  }
  for (const server of new Set([metrics.a.url, metrics.b.url])) {
    const url = new URL(`${server.replace(/\/$/, "")}/-/ready`);
    const { status } = await exchange({ url, signal, subject: `metrics, ${url.host}` });
    // A refusal is an answer: credentials are handed over by the commands that need them.
    if (status < 500) exam.well("metrics", `${url.host} answers`);
    else {
      exam.finding({
        subject: `metrics, ${url.host}`,
        seen: `HTTP ${status}`,
        expected: "a server that is ready",
        remedy: "look at that server: without samples of A and B no traffic step ends",
      });
    }
  }
}

/** This machine's clock against AWS's own. @throws CouldNotLook */
export async function examineClock(
  exam: Examination,
  region: string,
  { environment, signal, now }: RunOptions & { readonly now: () => Date },
): Promise<void> {
  const url = new URL(environment["AWS_ENDPOINT_URL"] ?? `https://sts.${region}.amazonaws.com/`);
  const before = now().getTime();
  const { date } = await exchange({ url, signal, subject: `clock of ${url.host}` });
  const after = now().getTime();
  if (date === undefined) {
    throw new CouldNotLook(
      `clock of ${url.host}`,
      "it answered without a date",
      "check the proxy between here and AWS",
    );
  }
  // The header has whole seconds, and was written at some moment of the exchange.
  const low = (date.getTime() - after) / 1000;
  const high = (date.getTime() + 1000 - before) / 1000;
  const skew = low > 0 ? low : high < 0 ? high : 0;
  if (Math.abs(skew) <= MAX_SKEW_SECONDS) exam.well("clock", `within ${MAX_SKEW_SECONDS} s of ${url.host}`);
  else {
    exam.finding({
      subject: "clock",
      seen: `${Math.round(Math.abs(skew))} s ${skew > 0 ? "behind" : "ahead of"} ${url.host}`,
      expected: `at most ${MAX_SKEW_SECONDS} s: soak, samples and signatures are counted by it`,
      remedy: "synchronize it: timedatectl set-ntp true (on EC2: chrony with 169.254.169.123)",
    });
  }
}
