import { alphaOf, METRICS, stepPart, type Metric } from "./budget";
import { type JudgeConfig } from "./config";
import { againstAll, type References } from "./fullWeight";
import { dispersionOfMetric, expectedRequests, goAlphas, goBounds, notWorseThanA, type MetricState } from "./metric";
import { isAsked, metricsOfService, serviceNotWorse, type ServiceMetric } from "./services";
import { viewShare } from "./share";
import { type StepState } from "./step";
import { countText, metricText, minutesText, percentText, trialsText } from "./words";

/** What stands between a step and *go*, cheapest first. Texts are made only where somebody reads them. */
export type Blocker = () => string;

const MINUTE_MS = 60_000;

/** Everything that is missing for *go* after the last sample. None: the step may end. */
export function* blockers(step: StepState, references: References, config: JudgeConfig): Generator<Blocker> {
  const { settings } = config;
  if (step.weightB === 0) {
    yield () => "B gets no traffic at weight 0";
    return;
  }
  if (step.judgedFromMs === null || step.cleanFromMs === null) {
    const left = settings.warmUpSeconds - (step.lastMs - step.startedMs) / 1000;
    yield () => `warm-up: another ${Math.max(0, Math.ceil(left))} s are discarded`;
    return;
  }
  yield* dataBlockers(step, config);
  const minutes = (step.lastMs - step.cleanFromMs) / MINUTE_MS;
  if (minutes < settings.minimumMinutes) {
    yield () => `${minutesText(minutes)} judged, at least ${minutesText(settings.minimumMinutes)} are`;
  }
  const errors = step.metrics.errors;
  const served = errors?.clean.nB ?? 0;
  if (served < settings.minimumRequestsB) {
    yield () => `B has served ${countText(served)} requests, at least ${settings.minimumRequestsB} are wanted`;
  }
  yield* shareBlockers(step, config);
  if (step.weightB === 100) yield* fullWeightBlockers(step, references, config);
  else yield* comparisonBlockers(step, minutes, config);
}

function* dataBlockers(step: StepState, { settings }: JudgeConfig): Generator<Blocker> {
  const { lastFault, lastMs } = step;
  const { cleanMinutes, silentMinutes } = settings.data;
  if (lastFault !== null && lastMs - lastFault.atMs < cleanMinutes * MINUTE_MS) {
    yield () =>
      `data: ${lastFault.kind} at ${new Date(lastFault.atMs).toISOString()}: ${lastFault.text}; ` +
      `${cleanMinutes} clean minutes are wanted since then`;
  }
  const silence = (cluster: "A" | "B", since: number | null): Blocker | undefined => {
    const from = since ?? step.judgedFromMs ?? lastMs;
    const dry = since === null || lastMs - from > silentMinutes * MINUTE_MS;
    return dry ? () => `${cluster} has had no request for ${minutesText((lastMs - from) / MINUTE_MS)}` : undefined;
  };
  const silent = [silence("B", step.lastRequestMsB)];
  if (step.weightB < 100) silent.push(silence("A", step.lastRequestMsA));
  for (const blocker of silent) if (blocker !== undefined) yield blocker;
}

function* shareBlockers(step: StepState, config: JudgeConfig): Generator<Blocker> {
  const { settings, plannedSteps } = config;
  const alpha = alphaOf("share", settings, stepPart(step.index, plannedSteps));
  const view = viewShare(step.share, step.weightB / 100, alpha, settings);
  if (view.verdict === "fits") return;
  const seen = `${percentText(view.share ?? 0)} of ${countText(step.share.n)} requests at weight ${step.weightB}`;
  const between = `between ${percentText(view.low)} and ${percentText(view.high)}`;
  yield () =>
    view.verdict === "open"
      ? `share: B gets ${seen}, ${between}: not shown to be right yet`
      : `share: B gets ${seen}, ${between}: stickiness, a way past the load balancer, or a rule that is not applied; ` +
        `nothing else can be concluded`;
}

function* comparisonBlockers(step: StepState, minutes: number, config: JudgeConfig): Generator<Blocker> {
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    if (state === undefined) {
      yield () => withoutMetric(metric, step, config);
      continue;
    }
    const dispersion = dispersionOfMetric(state, config.settings);
    const alphas = goAlphas(config.settings);
    if (notWorseThanA(state.clean, state.prior, config.margins[metric], alphas, dispersion)) continue;
    yield () => notShown(metricText(metric, step.bounds), state, config.margins[metric], minutes, config);
  }
  for (const [name, service] of Object.entries(step.services.byName)) {
    if (config.settings.services.acceptThin.includes(name)) continue;
    for (const metric of metricsOfService(name, service, config)) {
      if (isAsked(metric, config) && !serviceNotWorse(metric, config)) yield () => thinService(metric, minutes, config);
    }
  }
}

function withoutMetric(metric: Metric, step: StepState, { settings }: JudgeConfig): string {
  if (step.bounds !== null) {
    return `latency: A's histogram has no bucket bound near its ${metric} that B's has too; give both the same, finer buckets`;
  }
  return (
    `latency: A has answered ${countText(step.before.requests)} requests, ` +
    `${settings.latency.requestsA} are needed to choose the bounds`
  );
}

function notShown(
  subject: string,
  state: MetricState,
  margin: number,
  minutes: number,
  { settings }: JudgeConfig,
): string {
  const { nA, eA, nB, eB } = state.clean;
  const dispersion = dispersionOfMetric(state, settings);
  const { highB, allowed } = goBounds(state.clean, state.prior, margin, goAlphas(settings), dispersion);
  const seen =
    `${subject}: B ${trialsText({ n: nB, e: eB })}, A ${trialsText({ n: nA, e: eA })}; ` +
    `B is at most ${percentText(highB)}, shown has to be ${percentText(allowed)}`;
  return `${seen}${stillNeeded(state.clean, state.prior, margin, dispersion, minutes, settings)}`;
}

/** `; about 800 more requests on B, 13 min at the present rate` */
function stillNeeded(
  { nA, eA, nB }: MetricState["clean"],
  prior: MetricState["prior"],
  margin: number,
  dispersion: number,
  minutes: number,
  settings: JudgeConfig["settings"],
): string {
  const share = nA + nB > 0 ? nB / (nA + nB) : 0;
  if (share <= 0 || share >= 1 || minutes <= 0) return "";
  const chance = Math.max(1e-6, eA / nA);
  const more = expectedRequests(chance, share, prior, margin, goAlphas(settings), dispersion) * share - nB;
  if (more <= 0) return "";
  return `; about ${countText(more)} more requests on B, ${minutesText((more / nB) * minutes)} at the present rate, if B equals A`;
}

function thinService(metric: ServiceMetric, minutes: number, { settings }: JudgeConfig): string {
  const { subject, state, counts, margin } = metric;
  const { nA, eA, nB, eB } = counts;
  const dispersion = dispersionOfMetric(state, settings);
  const { highB, allowed } = goBounds(counts, state.prior, margin, goAlphas(settings), dispersion);
  const needed = stillNeeded(counts, state.prior, margin, dispersion, minutes, settings);
  return (
    `${subject}: B ${trialsText({ n: nB, e: eB })}, A ${trialsText({ n: nA, e: eA })}; B is at most ` +
    `${percentText(highB)}, shown has to be ${percentText(allowed)}${needed}; probe it by the header rule, or accept ` +
    `it by name in judge.services.acceptThin`
  );
}

function* fullWeightBlockers(step: StepState, references: References, config: JudgeConfig): Generator<Blocker> {
  if ((references.lastStep?.requests ?? 0) === 0) {
    yield () => "A has no reference: no step below 100 % was seen";
    return;
  }
  for (const metric of METRICS) {
    if (step.metrics[metric] === undefined) yield () => withoutMetric(metric, step, config);
  }
  const accepted = config.settings.services.acceptThin;
  for (const { subject, service, trials, results, limit, highB } of againstAll(step, references, config)) {
    if (service !== undefined && accepted.includes(service)) continue;
    if (limit !== undefined && highB >= limit) {
      yield () =>
        `${subject}: B ${trialsText(trials)}, at most ${percentText(highB)}; absolute limit ${percentText(limit)}`;
    }
    for (const { name, trials: reference, result } of results) {
      if (result.notWorse) continue;
      yield () =>
        `${subject}: B ${trialsText(trials)}, at most ${percentText(result.highB)}; ${name} ` +
        `${trialsText(reference)}, at least ${percentText(result.low)} and the margin`;
    }
  }
}
