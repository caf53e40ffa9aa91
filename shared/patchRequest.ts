import type * as z from 'zod';
import { type ErrorDetail, GraphError } from './graphError.ts';
import {
  idOfClientContext,
  type PlayPromptOperationPatch,
  playPromptOperation,
  playPromptOperationPatch,
} from './playPromptOperation.ts';

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
function withoutIgnoredAnnotations(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name === '@odata.type' || !name.includes('@odata.'))
      .map(([name, member]) => [name, isObject(member) ? withoutIgnoredAnnotations(member) : member]),
  );
}

function addressFaults(addressId: string | undefined, bodyId: unknown): ErrorDetail[] {
  if (addressId === undefined) return [];
  const parsed = playPromptOperation.shape.id.safeParse(addressId);
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => ({
      ...describe(issue),
      message: `The id in the address ${describe(issue).message}.`,
      target: 'id',
    }));
  }
  if (typeof bodyId === 'string' && bodyId !== addressId) {
    return [{ code: 'IdMismatch', message: 'id must be the one in the address, or be left out.', target: 'id' }];
  }
  return [];
}

function identityFaults({ id, clientContext }: Record<string, unknown>): ErrorDetail[] {
  const named = id !== undefined || (clientContext !== undefined && clientContext !== null && clientContext !== '');
  if (named) return [];
  const message =
    'The request names no operation: put its id in the address, or an id in the body, or a clientContext that is not ' +
    'empty in the body.';
  return [{ code: 'MissingIdentity', message, target: 'id' }];
}

function invalid(details: readonly ErrorDetail[]) {
  const [first] = details;
  const message =
    details.length === 1 && first ? first.message : `The request has ${details.length} faults; details names each.`;
  return new GraphError('badRequest', message, { details });
}

/** Each fault that zod found, as Graph's `details` have it. */
function toDetails(issue: z.core.$ZodIssue): ErrorDetail[] {
  const path = issue.path.join('/');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const target = path === '' ? key : `${path}/${key}`;
      return { code: 'UnknownProperty', message: `${target} is not a property of the resource.`, target };
    });
  }
  const { code, message } = describe(issue);
  return [{ code, message: `${path} ${message}.`, target: path }];
}

function describe(issue: z.core.$ZodIssue): { code: string; message: string } {
  if (issue.code === 'too_big' && issue.origin === 'string') {
    return { code: 'TooLong', message: `must be at most ${issue.maximum} characters long` };
  }
  switch (issue.code) {
    case 'invalid_type':
      return { code: 'InvalidType', message: `must be ${typeNames[issue.expected] ?? issue.expected}` };
    case 'invalid_value':
      return { code: 'InvalidValue', message: `must be one of ${issue.values.join(', ')}` };
    case 'too_big':
    case 'too_small':
      return { code: 'OutOfRange', message: 'must be a whole number from -2147483648 to 2147483647' };
    default:
      return { code: 'InvalidValue', message: issue.message };
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  object: 'an object',
};
