import { idOfClientContext, playPromptOperationPatch } from '../operation/playPromptOperation.ts';
import type { UpdateRequest } from '../operation/updateDecision.ts';
import { Faults, invalidRequest, ServiceError } from '../serviceError.ts';
import { addKeyFaults } from './key.ts';
import { addIssues } from './validation.ts';

/**
 * Validates the body of an update and determines the operation: by the id in the URL, else by the `id` in the body, else
 * by its `clientContext`.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function validatePatch(
  body: unknown,
  keyInUrl: string | undefined,
  tenant: string,
  version: ODataVersion = '4.0',
): Pick<UpdateRequest, 'id' | 'patch'> {
  const properties = propertiesOf(body, version);
  const parsed = playPromptOperationPatch.safeParse(properties);
  const faults = new Faults();
  if (keyInUrl !== undefined) addKeyFaults(faults, keyInUrl);
  if (keyInUrl !== undefined && typeof properties.id === 'string' && properties.id !== keyInUrl) {
    faults.add('IdMismatch', 'id', 'must equal the id in the URL, or be left out');
  }
  if (!parsed.success) addIssues(faults, parsed.error.issues);
  if (keyInUrl === undefined && !namesOperation(properties))
    faults.add('MissingIdentity', 'id', HOW_TO_NAME, 'The request');
  faults.throwIfAny();
  if (!parsed.success) throw faults.toError();

  const { id, clientContext } = parsed.data;
  return { id: id ?? keyInUrl ?? idOfClientContext(tenant, String(clientContext)), patch: parsed.data };
}

/**
 * The properties of a JSON object, and `@odata.type`, without the annotations that are ignored.
 *
 * @throws ServiceError `invalidRequest` when the body is not an object, or has a type twice
 */
export function propertiesOf(body: unknown, version: ODataVersion = '4.0'): Record<string, unknown> {
  if (!isObject(body)) throw new ServiceError('invalidRequest', 'The body must be a JSON object.');
  return withoutIgnoredAnnotations(body, version);
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * What the name of an annotation or of control information contains. Whatever its namespace and the version of OData, none
 * of them but the type makes a request fail. OData JSON Format, section 4.5.
 */
export const ANNOTATION = '@';

/** A version of OData that the service supports. A request without OData-Version is treated as 4.0. */
export type ODataVersion = '4.0' | '4.01';

/** Only `@odata.type` has a meaning here, which 4.01 spells `@type` too. A type that is null is as absent. */
function withoutIgnoredAnnotations(value: object, version: ODataVersion): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...value };
  const alias = version === '4.01' ? kept['@type'] : null;
  if ((alias ?? null) !== null && (kept['@odata.type'] ?? null) !== null) {
    throw invalidRequest('DuplicateProperty', '@type', 'is the same as @odata.type: send one of them');
  }
  for (const name of Object.keys(kept)) {
    const member = kept[name];
    if (isObject(member)) kept[name] = withoutIgnoredAnnotations(member, version);
    if (name.includes(ANNOTATION) && (name !== '@odata.type' || member === null)) delete kept[name];
  }
  return (alias ?? null) === null ? kept : { ...kept, '@odata.type': alias };
}

const HOW_TO_NAME =
  'names no operation: send an id in the URL, an id in the body, or a clientContext that is not empty in the body';

const namesOperation = ({ id, clientContext }: Record<string, unknown>) =>
  (id ?? null) !== null || (clientContext ?? '') !== '';
