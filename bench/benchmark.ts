/** What a benchmark is to the command. */

export interface BenchmarkOptions {
  /** Folder for plots and other files. */
  readonly out: string;
  /** Seed of everything that is simulated: the same seed, the same figures. */
  readonly seed: number;
  /** Progress, one line each. */
  readonly log: (line: string) => void;
}

export interface BenchmarkResult {
  /** Whether every promise that was measured holds. */
  readonly ok: boolean;
  /** The result for a terminal. */
  readonly text: string;
  /** The result as JSON. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  readonly run: (options: BenchmarkOptions) => Promise<BenchmarkResult>;
}
