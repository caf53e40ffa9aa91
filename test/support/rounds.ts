// The random tests have two forms: `npm test` runs a few rounds, the same ones every time; `npm run soak` goes on with others
// for as long as it is asked to.

const { SOAK_MINUTES, SOAK_SEED } = process.env;

/** Decides every random choice. */
export const seed = Number(SOAK_SEED ?? 1);

/** How long a random test goes on in `npm run soak`, in milliseconds; undefined in `npm test`. */
export const soakFor = SOAK_MINUTES === undefined ? undefined : Number(SOAK_MINUTES) * 60_000;

/** The numbers of the rounds of a random test: the first `count` of them in `npm test`. */
export function* rounds(count: number): Generator<number> {
  const begin = performance.now();
  const isOver = (round: number) => (soakFor === undefined ? round >= count : performance.now() - begin >= soakFor);
  for (let round = 0; !isOver(round); round++) yield round;
}
