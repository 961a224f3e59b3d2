import { type Benchmark } from "./benchmark";
import { fingerprintBenchmark } from "./fingerprint";
import { judgeBenchmark } from "./judge";
import { rollbackBenchmark } from "./rollback";

/** Every benchmark there is. */
export const BENCHMARKS: readonly Benchmark[] = [
  {
    name: "fingerprint",
    description: "the row-exact proof against pg_dump | sha256sum, its memory, and the load that it puts on A",
    run: fingerprintBenchmark,
  },
  {
    name: "judge",
    description: "false stops, delays and times to go of the judge, beside a fixed limit and Mann-Whitney",
    run: judgeBenchmark,
  },
  {
    name: "rollback",
    description: "from the decision to the weights, beside the engine's own floor in the same stack",
    run: (options) => rollbackBenchmark(options),
  },
];
