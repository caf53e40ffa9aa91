// Whether what the callers of one operation saw can be explained by one order of their requests: linearizability, found
// as J. M. Wing and C. Gong do, "Testing and Verifying Concurrent Objects" (1993), with G. Lowe's memoisation.

/** What a caller asked and was answered. An empty patch is a read, which creates the operation where there is none. */
export interface Recorded<Entity, Patch> {
  readonly start: number;
  readonly end: number;
  readonly patch: Patch;
  readonly ifMatch?: string;
  readonly answer: Answered<Entity>;
}

type Answered<Entity> =
  /** It took effect between start and end; the entity is what was stored then, or afterwards and before the end. */
  | { readonly status: 200; readonly entity: Entity; readonly etag: string }
  /** The ETag was not that of the operation, and nothing was written. */
  | { readonly status: 412 }
  /** It took effect or not, at any time after its start. */
  | { readonly status: 409 | 503 };

/** How a patch changes what is stored, undefined for nothing. */
export type Merge<Entity, Patch> = (current: Entity | undefined, patch: Patch) => Entity;

/** What is stored. An ETag that no caller ever sees is `unseen`. */
type State<Entity> = { readonly entity: Entity; readonly etag: string } | undefined;

const UNSEEN = '';

/** How far an operation has come, one character for each: it is also what the memory is keyed by. */
const [WAITING, EFFECTIVE, DONE] = ['.', 'e', 'd'];

/**
 * Whether a history has an explanation, if nothing was stored before it.
 *
 * A version that a write makes gets, at once, one of the ETags that some answer gives to the very entity, or one that
 * nobody sees: so ETags stay opaque, and every order that is tried knows which one is current.
 */
export function isLinearizable<Entity, Patch>(
  history: readonly Recorded<Entity, Patch>[],
  merge: Merge<Entity, Patch>,
): boolean {
  type Move = { readonly step: Recorded<Entity, Patch>; readonly to: string };
  const isAmbiguous = ({ answer }: Recorded<Entity, Patch>) => answer.status === 409 || answer.status === 503;
  const steps = history.toSorted((a, b) => a.end - b.end);
  /** What is sure and answered at once is tried first: then a good history is explained with few detours. */
  const hope = ({ step, to }: Move) => Number(isAmbiguous(step)) * 2 + Number(to === EFFECTIVE);
  const byHope = (a: Move, b: Move) => hope(a) - hope(b);
  const ends = steps.map((step) => (isAmbiguous(step) ? Number.POSITIVE_INFINITY : step.end));
  const failed = new Set<string>();
  return search(WAITING.repeat(steps.length), undefined);

  function search(progress: string, state: State<Entity>): boolean {
    const openEnds = ends.filter((_, i) => progress[i] !== DONE);
    const firstEnd = Math.min(...openEnds);
    if (firstEnd === Number.POSITIVE_INFINITY) return true;
    const key = `${progress} ${JSON.stringify(state)}`;
    if (failed.has(key)) return false;
    const moves = steps.flatMap((step, i) =>
      progress[i] === DONE || step.start > firstEnd
        ? []
        : successors(step, i, progress, state).map(([to, next]) => ({
            step,
            to,
            next,
            progress: mark(progress, i, to),
          })),
    );
    // What is sure and leaves all as it is can come first in every order; so no other move need be tried.
    const free = moves.find(({ step, next }) => next === state && !isAmbiguous(step));
    const found = (free ? [free] : moves.toSorted(byHope)).some((move) => search(move.progress, move.next));
    if (!found) failed.add(key);
    return found;
  }

  /** How one step can continue from here: how far it comes, and what is stored then. */
  function successors(
    { patch, ifMatch, answer }: Recorded<Entity, Patch>,
    i: number,
    progress: string,
    state: State<Entity>,
  ): [string, State<Entity>][] {
    const answers = (version: State<Entity>) =>
      answer.status === 200 && answer.etag === version?.etag && isSame(answer.entity, version.entity);
    if (progress[i] === EFFECTIVE) return answers(state) ? [[DONE, state]] : [];

    const holds = ifMatch === undefined || (state !== undefined && state.etag === ifMatch);
    if (answer.status === 412) return ifMatch !== undefined && !holds ? [[DONE, state]] : [];
    if (!holds) return [];
    const entity = merge(state?.entity, patch);
    if (state && isSame(entity, state.entity)) return answer.status !== 200 || answers(state) ? [[DONE, state]] : [];
    const versions = [...etagsOf(entity, progress), UNSEEN].map((etag) => ({ entity, etag }));
    if (answer.status !== 200) return versions.map((version) => [DONE, version]);
    return versions.flatMap((version): [string, State<Entity>][] =>
      answers(version) ? [[DONE, version]] : [[EFFECTIVE, version]],
    );
  }

  /** The ETags that answers give to an entity, but for those that are known to be of a version before. */
  function etagsOf(entity: Entity, progress: string) {
    const seen = new Set<string>();
    const spent = new Set<string | undefined>();
    steps.forEach(({ ifMatch, answer }, i) => {
      if (progress[i] !== WAITING && answer.status !== 412) spent.add(ifMatch);
      if (answer.status !== 200) return;
      if (progress[i] === DONE) spent.add(answer.etag);
      else if (isSame(answer.entity, entity)) seen.add(answer.etag);
    });
    return [...seen].filter((etag) => !spent.has(etag));
  }
}

const mark = (progress: string, i: number, to: string) => progress.slice(0, i) + to + progress.slice(i + 1);

/** Entities are JSON, whose members are always in the same order. */
const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
