import { expectedBake } from "../migration/judge/expectedBake";
import { judgeConfig } from "../migration/judge";
import { trafficShare } from "../migration/stages";
import { type ExpectedBake } from "./plan";

/**
 * How long the judge will need at each step, at the given rate, if B is as good as A (migration/judge/expectedBake.ts).
 *
 * @param requestsPerSecond of A and B together; undefined or not above 0: nothing can be said
 */
export function bakeMinutes(requestsPerSecond: number | undefined): ExpectedBake {
  return (settings, stage) => {
    const share = trafficShare(stage);
    // At 100 % the soak decides, not the comparison.
    if (share === undefined || share === 100 || requestsPerSecond === undefined || !(requestsPerSecond > 0))
      return undefined;
    const config = judgeConfig(settings.judge, settings.trafficSteps.length - 1);
    return expectedBake(config, requestsPerSecond, [share]).steps[0]?.minutes;
  };
}
