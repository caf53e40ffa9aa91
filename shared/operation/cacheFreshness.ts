/** How much one update counts: a rate is that of the last 50 or so. */
const WEIGHT = 1 / 50;

/** Versions older than 2 ** 20 milliseconds, or 17 minutes, have one rate. */
const OLDEST = 20;

/**
 * Learns how often a cached version is still the stored one. That depends on how many instances there are, and on the age
 * of the version: rates are by the power of two of its milliseconds.
 */
export function createCacheFreshness() {
  const rates = Array.from({ length: OLDEST + 1 }, () => 0.5);
  const indexOf = (ageMs: number) => Math.min(Math.floor(Math.log2(ageMs + 1)), OLDEST);
  const rateOf = (ageMs: number) => rates[indexOf(ageMs)] ?? 0;

  return {
    /** Whether a version of this age is fresh at least every second time. */
    isLikely: (ageMs: number): boolean => rateOf(ageMs) >= 0.5,

    learn(ageMs: number, isFresh: boolean): void {
      rates[indexOf(ageMs)] = rateOf(ageMs) + (Number(isFresh) - rateOf(ageMs)) * WEIGHT;
    },
  };
}
