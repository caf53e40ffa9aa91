import { playPromptOperation } from '../operation/playPromptOperation.ts';
import { type ErrorDetail, invalidRequest, ServiceError } from '../serviceError.ts';
import { describeIssue } from './validation.ts';

/** Route parameters: the id as a path segment, or a key predicate without parentheses. OData URL Conventions, section 4.3. */
export type KeyParameters = Readonly<Partial<Record<'id' | 'key', string>>>;

/** A key predicate: `'{id}'` or `id='{id}'`. A quote within is doubled. */
const KEY_PREDICATE = /^(?:id=)?'((?:[^']|'')*)'$/;

/**
 * The id in the URL of a request, valid or not, if there is one: `/{id}`, `('{id}')` or `(id='{id}')`.
 *
 * @throws ServiceError `invalidRequest` when the parentheses hold anything else
 */
export function readKey({ id, key }: KeyParameters): string | undefined {
  if (key === undefined) return id || undefined;
  const [, quoted] = KEY_PREDICATE.exec(key) ?? [];
  if (quoted === undefined) {
    throw new ServiceError(
      'invalidRequest',
      "The key in the address must be an id in quotes: playPromptOperation('{id}').",
    );
  }
  return quoted.replaceAll("''", "'");
}

/**
 * The id in the URL of a request that needs one.
 *
 * @throws ServiceError `invalidRequest` when no operation can have that id
 */
export function requireKey(parameters: KeyParameters): string {
  const id = readKey(parameters) ?? '';
  const faults = keyFaults(id);
  if (faults.length > 0) throw invalidRequest(faults);
  return id;
}

/** Why no operation can have the id in the URL; empty when one can. */
export function keyFaults(id: string): ErrorDetail[] {
  const parsed = playPromptOperation.shape.id.safeParse(id);
  return (parsed.error?.issues ?? []).map((issue) => ({
    ...describeIssue(issue),
    message: `The id in the address ${describeIssue(issue).message}.`,
    target: 'id',
  }));
}
