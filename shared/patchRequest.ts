import { addressedIdFaults } from './addressedId.ts';
import { invalid, toDetails } from './faults.ts';
import { type ErrorDetail, GraphError } from './graphError.ts';
import { idOfClientContext, type PlayPromptOperationPatch, playPromptOperationPatch } from './playPromptOperation.ts';

/** A valid request to change one operation. */
export interface PatchRequest {
  readonly id: string;
  readonly patch: PlayPromptOperationPatch;
}

/**
 * Validates the body of an update and finds which operation it names: by the id in the address, else by the `id` in
 * the body, else by its `clientContext`.
 *
 * @throws GraphError 400 whose `details` hold every fault there is
 */
export function validatePatch(body: unknown, addressId: string | undefined, tenant: string): PatchRequest {
  if (!isObject(body)) throw new GraphError('badRequest', 'The body must be a JSON object.');
  const properties = withoutIgnoredAnnotations(body);
  const parsed = playPromptOperationPatch.safeParse(properties);
  const faults = [
    ...addressFaults(addressId, properties.id),
    ...(parsed.success ? [] : parsed.error.issues.flatMap(toDetails)),
    ...(addressId === undefined ? identityFaults(properties) : []),
  ];
  if (!parsed.success || faults.length > 0) throw invalid(faults);

  const { id = addressId, clientContext } = parsed.data;
  return { id: id ?? idOfClientContext(tenant, String(clientContext)), patch: parsed.data };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** OData JSON Format, section 4.5: annotations never make a request fail; all but `@odata.type` say nothing here. */
export const ANNOTATION = /@odata\./;

function withoutIgnoredAnnotations(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name === '@odata.type' || !ANNOTATION.test(name))
      .map(([name, member]) => [name, isObject(member) ? withoutIgnoredAnnotations(member) : member]),
  );
}

function addressFaults(addressId: string | undefined, bodyId: unknown): ErrorDetail[] {
  if (addressId === undefined) return [];
  const faults = addressedIdFaults(addressId);
  if (faults.length > 0 || typeof bodyId !== 'string' || bodyId === addressId) return faults;
  return [{ code: 'IdMismatch', message: 'id must be the one in the address, or be left out.', target: 'id' }];
}

function identityFaults({ id, clientContext }: Record<string, unknown>): ErrorDetail[] {
  const named = id !== undefined || (clientContext !== undefined && clientContext !== null && clientContext !== '');
  if (named) return [];
  const message =
    'The request names no operation: put its id in the address, or an id in the body, or a clientContext that is not ' +
    'empty in the body.';
  return [{ code: 'MissingIdentity', message, target: 'id' }];
}
