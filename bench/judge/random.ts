/** Fast random counts for simulations: the same for the same seed on every machine. Not for secrets. */

/** Uniform in [0, 1) with 32 bits (sfc32 of PractRand, Doty-Humphrey). */
export type Uniform = () => number;

export function uniform(seed: number): Uniform {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
  let c = 0x243f6a88 | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 4_294_967_296;
  };
  // The first outputs of neighbouring seeds are alike.
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** Draws from a Poisson distribution with a fixed mean, by a table: one uniform number and about one look each. */
export class Poisson {
  readonly #upTo: Float64Array;
  readonly #first: number;
  readonly #guide: Int32Array;

  /** @param mean at least 0, at most 1e6 */
  constructor(readonly mean: number) {
    const width = 8 * Math.sqrt(mean) + 20;
    this.#first = Math.max(0, Math.floor(mean - width));
    const size = Math.ceil(mean + width) - this.#first + 1;
    const density = new Float64Array(size);
    // From the mode outwards: no logarithm of a factorial is needed.
    const mode = Math.floor(mean) - this.#first;
    density[mode] = 1;
    for (let i = mode + 1; i < size; i++) density[i] = ((density[i - 1] ?? 0) * mean) / (this.#first + i);
    for (let i = mode - 1; i >= 0; i--) density[i] = ((density[i + 1] ?? 0) * (this.#first + i + 1)) / mean;
    const total = density.reduce((sum, value) => sum + value, 0);
    this.#upTo = new Float64Array(size);
    let sum = 0;
    for (let i = 0; i < size; i++) {
      sum += (density[i] ?? 0) / total;
      this.#upTo[i] = sum;
    }
    this.#upTo[size - 1] = 1;
    const cells = Math.max(16, size);
    this.#guide = new Int32Array(cells + 1);
    let index = 0;
    for (let cell = 0; cell <= cells; cell++) {
      while ((this.#upTo[index] ?? 1) <= cell / cells && index < size - 1) index += 1;
      this.#guide[cell] = index;
    }
  }

  draw(random: Uniform): number {
    if (this.mean === 0) return 0;
    const u = random();
    let index = this.#guide[Math.floor(u * (this.#guide.length - 1))] ?? 0;
    while ((this.#upTo[index] ?? 1) <= u) index += 1;
    return this.#first + index;
  }
}

/** Draws how many of n independent trials succeed; quick where few do. */
export function binomial(random: Uniform, n: number, chance: number): number {
  if (chance <= 0 || n <= 0) return 0;
  if (chance >= 1) return n;
  if (chance > 0.5) return n - binomial(random, n, 1 - chance);
  // Distances between successes are geometric.
  const logMiss = Math.log1p(-chance);
  let successes = 0;
  let position = 0;
  for (;;) {
    position += Math.floor(Math.log(1 - random()) / logMiss) + 1;
    if (position > n) return successes;
    successes += 1;
  }
}

/** Geometric with mean `mean`, at least 1. */
export function geometric(random: Uniform, mean: number): number {
  return mean <= 1 ? 1 : Math.floor(Math.log(1 - random()) / Math.log1p(-1 / mean)) + 1;
}
