import { describe, invalid } from './faults.ts';
import { type ErrorDetail, GraphError } from './graphError.ts';
import { playPromptOperation } from './playPromptOperation.ts';

/** The parameters of a route: the id as a segment, or what stands in parentheses. OData URL Conventions, section 4.3. */
export type KeyParameters = Readonly<Partial<Record<'id' | 'key', string>>>;

/** A key predicate: the quoted id, or `id=` and it; a quote within is doubled. */
const KEY_PREDICATE = /^(?:id=)?'((?:[^']|'')*)'$/;

/**
 * The id in the address of a request, whatever it is, if there is one: `/{id}`, `('{id}')` or `(id='{id}')`.
 *
 * @throws GraphError 400 when the parentheses hold anything else
 */
export function readAddressedId({ id, key }: KeyParameters): string | undefined {
  if (key === undefined) return id || undefined;
  const [, quoted] = KEY_PREDICATE.exec(key) ?? [];
  if (quoted === undefined) {
    throw new GraphError('badRequest', "The key in the address must be an id in quotes: playPromptOperation('{id}').");
  }
  return quoted.replaceAll("''", "'");
}

/**
 * The id in the address of a request that needs one.
 *
 * @throws GraphError 400 when no operation can have that id
 */
export function requireAddressedId(parameters: KeyParameters): string {
  const id = readAddressedId(parameters) ?? '';
  const faults = addressedIdFaults(id);
  if (faults.length > 0) throw invalid(faults);
  return id;
}

/** Why no operation can have the id in the address; nothing where one can. */
export function addressedIdFaults(id: string): ErrorDetail[] {
  const parsed = playPromptOperation.shape.id.safeParse(id);
  return (parsed.error?.issues ?? []).map((issue) => ({
    ...describe(issue),
    message: `The id in the address ${describe(issue).message}.`,
    target: 'id',
  }));
}
