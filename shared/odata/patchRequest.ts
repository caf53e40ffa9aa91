import { idOfClientContext, playPromptOperationPatch } from '../operation/playPromptOperation.ts';
import type { PatchRequest } from '../operation/update.ts';
import { type ErrorDetail, invalidRequest, ServiceError } from '../serviceError.ts';
import { keyFaults } from './key.ts';
import { toDetails } from './validation.ts';

/**
 * Validates the body of an update and determines the operation: by the id in the URL, else by the `id` in the body, else
 * by its `clientContext`.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function validatePatch(body: unknown, keyInUrl: string | undefined, tenant: string): PatchRequest {
  if (!isObject(body)) throw new ServiceError('invalidRequest', 'The body must be a JSON object.');
  const properties = withoutIgnoredAnnotations(body);
  const parsed = playPromptOperationPatch.safeParse(properties);
  const faults = [
    ...keyInUrlFaults(keyInUrl, properties.id),
    ...(parsed.success ? [] : parsed.error.issues.flatMap(toDetails)),
    ...(keyInUrl === undefined ? identityFaults(properties) : []),
  ];
  if (!parsed.success || faults.length > 0) throw invalidRequest(faults);

  const { id = keyInUrl, clientContext } = parsed.data;
  return { id: id ?? idOfClientContext(tenant, String(clientContext)), patch: parsed.data };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** OData JSON Format, section 4.5: an annotation never makes a request fail. Only `@odata.type` has a meaning here. */
export const ANNOTATION = /@odata\./;

function withoutIgnoredAnnotations(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name === '@odata.type' || !ANNOTATION.test(name))
      .map(([name, member]) => [name, isObject(member) ? withoutIgnoredAnnotations(member) : member]),
  );
}

function keyInUrlFaults(keyInUrl: string | undefined, bodyId: unknown): ErrorDetail[] {
  if (keyInUrl === undefined) return [];
  const faults = keyFaults(keyInUrl);
  if (faults.length > 0 || typeof bodyId !== 'string' || bodyId === keyInUrl) return faults;
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
