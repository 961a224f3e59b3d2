import { Command, InvalidArgumentError } from "commander";
import { type Benchmark } from "./benchmark";
import { BENCHMARKS } from "./registry";

/**
 * `npm run bench [-- NAME] [--json]`: measures what the program promises, each figure beside its floor or a peer that is
 * measured in the same run. Exit codes: 0 every promise holds, 1 one does not, 2 wrong use.
 */

interface Options {
  readonly json?: boolean;
  readonly out: string;
  readonly seed: number;
}

const program = new Command("bench")
  .description("Measure what the program promises, beside floors and peers.")
  .argument("[name]", `one benchmark: ${BENCHMARKS.map(({ name }) => name).join(", ")}; default all`)
  .option("--json", "print the results as JSON, one object a line")
  .option("--out <folder>", "where plots go", "bench/out")
  .option("--seed <n>", "another seed for what is simulated", wholeNumber, 1)
  .action(async (name: string | undefined, options: Options) => {
    process.exitCode = await main(name, options);
  });

async function main(name: string | undefined, options: Options): Promise<number> {
  // Should everything end without a word, it was no success.
  process.exitCode = 1;
  const chosen = BENCHMARKS.filter((benchmark) => name === undefined || benchmark.name === name);
  if (chosen.length === 0) {
    process.stderr.write(
      `bench ${name ?? ""}: no such benchmark; there are ${BENCHMARKS.map((one) => one.name).join(", ")}.\n`,
    );
    return 2;
  }
  let ok = true;
  for (const benchmark of chosen) ok = (await runOne(benchmark, options)) && ok;
  return ok ? 0 : 1;
}

async function runOne(benchmark: Benchmark, { json, out, seed }: Options): Promise<boolean> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const { ok, text, values } = await benchmark.run({ out, seed, log });
  process.stdout.write(json === true ? `${JSON.stringify({ name: benchmark.name, ok, ...values })}\n` : `${text}\n`);
  return ok;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 1_000_000) throw new InvalidArgumentError("0 to 1,000,000");
  return value;
}

void program.parseAsync();
