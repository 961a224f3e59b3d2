/** B against A: sequential tests, three verdicts. See `judge.ts` for the whole and each file for its formulas. */
export { answerOf, judgeSamples, type JudgeAnswer } from "./answer";
export { judgeConfig, type JudgeConfig } from "./config";
export { NOTHING_SEEN, observe, type JudgeState, type JudgeVerdict, type StepSummary } from "./judge";
export {
  readSample,
  sampleOf,
  SampleError,
  type Histogram,
  type Sample,
  type ServiceSample,
  type Side,
} from "./sample";
export { expectedBake, USUAL_BASELINE, type Baseline, type ExpectedBake, type ExpectedStep } from "./expectedBake";
export { projectUse, type Projection, type UseObservation } from "./capacity";
export { startShare, observeShare, viewShare, type ShareState, type ShareView } from "./share";
export { hardStops } from "./hardStops";
