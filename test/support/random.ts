/** Random numbers from 0 to 1 that a seed decides: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Takes one of several, each with the probability of its weight. */
export function pick<Value>(random: () => number, weighted: readonly (readonly [number, Value])[]): Value {
  const last = weighted.at(-1);
  if (!last) throw new RangeError('There is nothing to pick from.');
  let rest = random() * weighted.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of weighted) {
    if (rest < weight) return value;
    rest -= weight;
  }
  return last[1];
}
