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
