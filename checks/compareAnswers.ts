import { differingParts, isMeant, mayBeSent, requestText, type Answer, type DifferingPart } from "../migration/answers";
import { type AnswerComparison, type SampleRequest } from "../migration/inspection";
import { shapeOf } from "../migration/stages";
import { type LiveListener } from "./clients/elb";
import { exchange } from "./clients/http";
import { type GateCheck } from "./context";
import { configurationB, inspectionContext, type InspectionContext } from "./inspectionContext";
import { CouldNotLook, redact, Report, type CheckResult } from "./result";

const CHECK = "compare answers";
/** Requests under way at a time: each is sent to A twice and to B once. */
const AT_ONCE = 8;
const FINDINGS_SHOWN = 20;

/**
 * Before the first percent the same requests go to A and to B, each by a test rule that a header picks, and the answers
 * are compared. A answers twice: what differs between A and A says nothing about B.
 */
export const compareAnswers: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ from, to }) => shapeOf(to).weightB > 0 && from !== undefined && shapeOf(from).weightB === 0,
  run: (context) => checkAnswers(inspectionContext(context)),
};

export async function checkAnswers(context: InspectionContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const { answers } = context.inspection;
  if (answers === undefined) {
    report.note("A's and B's answers were not compared: the setting compareAnswers is not given");
    return report.result();
  }
  await report.look(async () => {
    const requests = await requestsOf(report, context, answers);
    const listener = await listenerOf(context);
    if (!(await rulesStand(report, context, answers, listener))) return;
    await compareAll(report, context, answers, listener, requests);
  });
  return report.result();
}

/** The settings' own requests, and a sample of the configuration's routes. @throws CouldNotLook */
async function requestsOf(
  report: Report,
  context: InspectionContext,
  answers: AnswerComparison,
): Promise<readonly SampleRequest[]> {
  const { routes } = await configurationB(context);
  const login = loginHeaders(context);
  const sampled = routes.list(answers.routes).map((request) => ({ ...request, headers: { ...login } }));
  const given = answers.requests.filter((request) => {
    if (mayBeSent(request)) return true;
    report.note(`${requestText(request)} is not sent: it would be carried out twice (replayable is not set)`);
    return false;
  });
  const all = [...given.map((request) => ({ ...request, headers: { ...login, ...request.headers } })), ...sampled];
  report.addEvidence({ requests: all.map(requestText) });
  if (all.length > 0) return all;
  throw new CouldNotLook(
    "compared requests",
    "no route of the configuration has a whole host and path, and the settings name no request",
    "name some in compareAnswers.requests",
    { lasting: true },
  );
}

function loginHeaders({ systems }: InspectionContext): Readonly<Record<string, string>> {
  const text = systems.testCredentials();
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as Readonly<Record<string, string>>;
  } catch {
    throw new CouldNotLook(
      "test credentials",
      "they are no JSON object",
      "pulumi config set --secret testCredentials",
      {
        lasting: true,
      },
    );
  }
}

async function listenerOf(context: InspectionContext): Promise<LiveListener> {
  const [rule] = context.scope.rules;
  const balancers = await context.systems.loadBalancers();
  const listener = rule && (await balancers.listener(rule));
  if (listener) return listener;
  throw new CouldNotLook("the rules' listener", "there is none", "pulumi up --refresh at the present stage");
}

/** Without its rules a request with the header goes by the weights, and A would be compared with itself. */
async function rulesStand(
  report: Report,
  context: InspectionContext,
  answers: AnswerComparison,
  listener: LiveListener,
): Promise<boolean> {
  const balancers = await context.systems.loadBalancers();
  const rules = await balancers.headerRules(listener.arn, answers.headerName);
  let stand = true;
  for (const cluster of ["A", "B"] as const) {
    const planes = cluster === "A" ? context.scope.clusterA.dataPlanes : context.scope.clusterB.dataPlanes;
    const value = `${answers.headerValue}-${cluster.toLowerCase()}`;
    for (const { group, targetGroup } of planes) {
      const arn = await balancers.targetGroupArn(targetGroup);
      const there = rules.some(
        (rule) =>
          rule.value === value &&
          rule.targetGroups.some((one) => one.arn === arn && one.weight > 0) &&
          rule.targetGroups.every((one) => one.arn === arn || one.weight === 0),
      );
      if (there) continue;
      stand = false;
      report.finding({
        subject: `test rule of cluster ${cluster}, gateway group ${group}`,
        seen: `no rule of the listener sends requests with header ${answers.headerName} to ${targetGroup} alone`,
        expected: "one rule for each cluster and group, made at stage start",
        remedy: "pulumi up --refresh at stage start",
      });
    }
  }
  return stand;
}

interface Compared {
  readonly request: SampleRequest;
  readonly parts: readonly DifferingPart[];
  /** Parts in which A differs from itself. */
  readonly unsteady: ReadonlySet<string>;
}

async function compareAll(
  report: Report,
  context: InspectionContext,
  answers: AnswerComparison,
  listener: LiveListener,
  requests: readonly SampleRequest[],
): Promise<void> {
  const waiting = [...requests];
  const compared: Compared[] = [];
  const work = async (): Promise<void> => {
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
      const one = request;
      const found = await report.look(() => compareOne(context, answers, listener, one));
      if (found) compared.push(found);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  let shown = 0;
  let equal = 0;
  for (const { request, parts, unsteady } of compared) {
    const text = requestText(request);
    const differing = parts.filter(({ part }) => {
      const meant = isMeant(text, part, answers.differences);
      if (meant) report.note(`${text}, ${part}: differs, and is meant: ${meant.reason}`);
      return meant === undefined && !unsteady.has(part) && !(part.startsWith("body") && unsteady.has("body"));
    });
    if (differing.length === 0) equal += 1;
    else if ((shown += 1) <= FINDINGS_SHOWN) report.finding(differenceOf(text, differing));
  }
  if (shown > FINDINGS_SHOWN)
    report.note(`${shown - FINDINGS_SHOWN} more requests differ; all of them are in the evidence`);
  report.addEvidence({
    compared: compared.length,
    equal,
    differing: compared
      .filter(({ parts }) => parts.length > 0)
      .map(({ request, parts }) => ({
        request: requestText(request),
        parts: parts.map(({ part }) => part),
      })),
  });
}

function differenceOf(text: string, parts: readonly DifferingPart[]): Parameters<Report["finding"]>[0] {
  const [first] = parts;
  const more =
    parts.length > 1
      ? `, and ${parts.length - 1} more parts (${parts
          .slice(1, 4)
          .map(({ part }) => part)
          .join(", ")})`
      : "";
  return {
    subject: text,
    seen: `${first?.part ?? ""}: A ${redact(first?.a ?? "")}, B ${redact(first?.b ?? "")}${more}`,
    expected: "the same answer from both clusters",
    remedy: `find out what B lacks (check -- dependencies, check -- parity), or declare it: compareAnswers.differences with part '${first?.part ?? ""}' and its reason`,
    transient: true,
  };
}

async function compareOne(
  context: InspectionContext,
  answers: AnswerComparison,
  listener: LiveListener,
  request: SampleRequest,
): Promise<Compared> {
  const ask = (cluster: "a" | "b"): Promise<Answer> => askCluster(context, answers, listener, request, cluster);
  const first = await ask("a");
  const b = await ask("b");
  const parts = differingParts(first, b);
  // A request that was sent twice is not sent a third time when it writes.
  const safe = mayBeSent({ ...request, replayable: false });
  const again = parts.length > 0 && safe ? differingParts(first, await ask("a")) : [];
  return { request, parts, unsteady: new Set(again.map(({ part }) => part)) };
}

async function askCluster(
  context: InspectionContext,
  answers: AnswerComparison,
  listener: LiveListener,
  request: SampleRequest,
  cluster: "a" | "b",
): Promise<Answer> {
  const secure = listener.protocol === "HTTPS";
  const url = new URL(`${secure ? "https" : "http"}://${answers.address ?? `${listener.dnsName}:${listener.port}`}`);
  const {
    status,
    headers = {},
    body,
  } = await exchange({
    url: new URL(request.path, url),
    method: request.method as "GET",
    headers: {
      ...request.headers,
      host: request.host,
      "accept-encoding": "identity",
      [answers.headerName]: `${answers.headerValue}-${cluster}`,
    },
    body: request.body,
    // The certificate is the one that clients of this host see.
    options: secure ? { servername: request.host } : undefined,
    signal: context.signal,
    subject: `${requestText(request)}, cluster ${cluster.toUpperCase()}`,
  });
  return { status, headers, body };
}
