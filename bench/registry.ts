import { type Benchmark } from "./benchmark";
import { judgeBenchmark } from "./judge";

/** Every benchmark there is. */
export const BENCHMARKS: readonly Benchmark[] = [
  {
    name: "judge",
    description: "false stops, delays and times to go of the judge, beside a fixed limit and Mann-Whitney",
    run: judgeBenchmark,
  },
];
