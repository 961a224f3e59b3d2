/** A pseudo-random sequence in [0, 1), the same for the same seed (mulberry32). For traffic, not for secrets. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Draws items with the probability weight / sum of weights. */
export class WeightedChoice<T extends { readonly weight: number }> {
  readonly #items: readonly T[];
  readonly #upTo: readonly number[];
  readonly #sum: number;

  /** @throws Error when there is no item with a positive weight */
  constructor(items: readonly T[]) {
    this.#items = items.filter((item) => item.weight > 0);
    let sum = 0;
    this.#upTo = this.#items.map((item) => (sum += item.weight));
    this.#sum = sum;
    if (this.#items.length === 0) {
      throw new Error("nothing to choose from: no item has a weight above 0");
    }
  }

  /** @param random uniform in [0, 1) */
  pick(random: number): T {
    const wanted = random * this.#sum;
    let low = 0;
    let high = this.#items.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#upTo[middle] ?? Infinity) > wanted) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const item = this.#items[low];
    if (item === undefined) {
      throw new Error("a weighted choice without items was made: the constructor lets none through");
    }
    return item;
  }
}
