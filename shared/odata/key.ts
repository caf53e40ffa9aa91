import { playPromptOperation } from '../operation/playPromptOperation.ts';
import { Faults, ServiceError } from '../serviceError.ts';
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
  const [, text] = KEY_PREDICATE.exec(key) ?? [];
  if (text === undefined) {
    throw new ServiceError('invalidRequest', "The key in the URL must be an id in quotes: ('{id}').");
  }
  return text.replaceAll("''", "'");
}

/**
 * The id in the URL of a request that needs one.
 *
 * @throws ServiceError `invalidRequest` when no operation can have that id
 */
export function requireKey(parameters: KeyParameters): string {
  const id = readKey(parameters) ?? '';
  const faults = new Faults();
  addKeyFaults(faults, id);
  faults.throwIfAny();
  return id;
}

/** Adds why no operation can have the id in the URL, if none can. */
export function addKeyFaults(faults: Faults, id: string): void {
  for (const issue of playPromptOperation.shape.id.safeParse(id).error?.issues ?? []) {
    const { code, message } = describeIssue(issue);
    faults.add(code, 'id', message, 'The id in the URL');
  }
}
