import { v5 as uuidv5 } from 'uuid';
import * as z from 'zod';

/** The longest `resultInfo/message`, and `clientContext` (Graph's own limit), in UTF-16 code units. */
export const MAX_MESSAGE_LENGTH = 8192;
export const MAX_CLIENT_CONTEXT_LENGTH = 256;

export const operationStatuses = ['NotStarted', 'Running', 'Completed', 'Failed'] as const;
/** The statuses of an operation that has ended. */
export const finalStatuses = ['Completed', 'Failed'] as const;
export const completionReasons = [
  'unknown',
  'completedSuccessfully',
  'mediaOperationCanceled',
  'unknownFutureValue',
] as const;

/**
 * A string that survives every store and every JSON parser unchanged: no lone surrogate, no NUL. Its length is that of
 * JavaScript and of Table Storage, in UTF-16 code units; zod's own `max` counts code points.
 */
export const storableText = (maximum: number) =>
  z
    .string()
    .check(({ value, issues }) => {
      if (value.length > maximum)
        issues.push({ code: 'too_big', origin: 'string', maximum, inclusive: true, input: value });
      else if (!value.isWellFormed() || value.includes('\0'))
        issues.push({ code: 'custom', message: 'must be well-formed Unicode without NUL', input: value });
    })
    // JSON Schema counts code points, of which there are never more than code units.
    .meta({ maxLength: maximum });

/**
 * A member of the enumeration `title`, accepted in any casing, since Graph's own pages disagree on it, and stored in the
 * declared one.
 */
const member = <const Members extends readonly string[]>(title: string, members: Members) =>
  z.preprocess(
    (value) =>
      typeof value === 'string'
        ? (members.find((candidate) => candidate.toLowerCase() === value.toLowerCase()) ?? value)
        : value,
    z.enum(members).meta({ title }),
  );

/** Edm.Int32. The -0 of JSON becomes 0. */
const int32 = z.int32().overwrite((value) => value + 0);

const id = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._~-]*$/, {
    error: 'must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ -, the first a letter or digit',
  })
  .describe('The operation within its tenant. It never changes.');
/** Whether an operation can have this id. */
export const isId = (value: unknown): value is string => id.safeParse(value).success;

const clientContext = storableText(MAX_CLIENT_CONTEXT_LENGTH)
  .nullable()
  .describe('The name that the client has given the operation.');
const code = int32.describe('The result code, as an HTTP status: 2xx for success, 4xx and 5xx for failure.');
const subcode = int32.describe('The result subcode, which refines the code.');
const message = storableText(MAX_MESSAGE_LENGTH).nullable().describe('The description of the result.');
const status = member('operationStatus', operationStatuses).describe('The status of the operation.');
const completionReason = member('playPromptCompletionReason', completionReasons)
  .nullable()
  .describe('Why the prompt ended.');
/** A property that the service sets: a time in UTC, which is null if the operation was stored before it had one. */
const computedTime = (description: string) =>
  z.iso.datetime({ precision: 3 }).meta({ readOnly: true, description }).nullable();
/** A property of a body that is ignored, whatever it is: OData Protocol, 11.4.3. */
const ignoredTime = z
  .unknown()
  .transform(() => undefined)
  .meta({ readOnly: true, type: ['string', 'null'], format: 'date-time', description: 'Ignored.' })
  .optional();
/** Metadata of the schemas of resultInfo. */
const resultInfo = { title: 'resultInfo', description: 'The result of the operation.' };

/** The entity `microsoft.graph.playPromptOperation`, as it is stored and returned. */
export const playPromptOperation = z.strictObject({
  id,
  clientContext,
  resultInfo: z.strictObject({ code, subcode, message }).meta(resultInfo).nullable(),
  status,
  completionReason,
  createdDateTime: computedTime('When the operation was created.'),
  lastActionDateTime: computedTime('When the operation last changed. It increases with every change.'),
});
export type PlayPromptOperation = z.infer<typeof playPromptOperation>;

/** A version of an operation: its state between two writes. */
export interface OperationVersion {
  readonly operation: PlayPromptOperation;
  /** Changes with every write; opaque. */
  readonly etag: string;
}

/** The names of its properties, in the order of the reference page, and its times. */
export type PropertyName = keyof PlayPromptOperation;
export const propertyNames: readonly PropertyName[] = playPromptOperation.keyof().options;
export const timeProperties = ['createdDateTime', 'lastActionDateTime'] as const satisfies PropertyName[];
/** The properties that are returned without `$select`: times only with it, and in notifications. */
export const defaultProperties = propertyNames.filter((name) => !timeProperties.some((time) => time === name));

/** `@odata.type`: the name of a type, with or without `#`; null is as absent. */
const odataType = (name: string) =>
  z
    .string()
    .refine((value) => value === name || value === `#${name}`, { error: `must be "#${name}" or "${name}"` })
    .meta({ enum: [`#${name}`, name] })
    .nullable()
    .optional();

/** The body of an update: any of the properties, and the annotation `@odata.type`. */
export const playPromptOperationPatch = z.strictObject({
  '@odata.type': odataType('microsoft.graph.playPromptOperation'),
  // It cannot be cleared, so that null is as absent.
  id: id.nullable().optional(),
  clientContext: clientContext.optional(),
  resultInfo: z
    .strictObject({
      '@odata.type': odataType('microsoft.graph.resultInfo'),
      code: code.optional(),
      subcode: subcode.optional(),
      message: message.optional(),
    })
    .meta(resultInfo)
    .nullable()
    .optional(),
  status: status.optional(),
  completionReason: completionReason.optional(),
  createdDateTime: ignoredTime,
  lastActionDateTime: ignoredTime,
});
export type PlayPromptOperationPatch = z.infer<typeof playPromptOperationPatch>;

/** A new operation, with an id and the initial values. */
export function newPlayPromptOperation(id: string): PlayPromptOperation {
  const times = { createdDateTime: null, lastActionDateTime: null };
  return { id, clientContext: null, resultInfo: null, status: 'NotStarted', completionReason: null, ...times };
}

/**
 * Merges a patch into an operation, as JSON Merge Patch does (RFC 7396): what is absent stays, null clears, and the
 * members of `resultInfo` merge one by one. A new `resultInfo` has code 0, subcode 0 and no message unless the patch sets
 * them. The id and the times stay.
 */
export function applyPatch(operation: PlayPromptOperation, patch: PlayPromptOperationPatch): PlayPromptOperation {
  return {
    ...operation,
    clientContext: patch.clientContext === undefined ? operation.clientContext : patch.clientContext,
    resultInfo: patchedResultInfo(operation.resultInfo, patch.resultInfo),
    status: patch.status ?? operation.status,
    completionReason: patch.completionReason === undefined ? operation.completionReason : patch.completionReason,
  };
}

/** Whether two operations have the same properties: in a tenth of the time that `isDeepStrictEqual` takes. */
export function isSameOperation(one: PlayPromptOperation, other: PlayPromptOperation): boolean {
  const { resultInfo: a } = one;
  const { resultInfo: b } = other;
  return (
    (a === b || (a?.code === b?.code && a?.subcode === b?.subcode && a?.message === b?.message)) &&
    one.id === other.id &&
    one.clientContext === other.clientContext &&
    one.status === other.status &&
    one.completionReason === other.completionReason &&
    one.createdDateTime === other.createdDateTime &&
    one.lastActionDateTime === other.lastActionDateTime
  );
}

/**
 * An operation with the times of a change from `current`, or of its creation if there is none. `lastActionDateTime` increases
 * strictly, although the clocks of instances differ.
 */
export function withTimes(
  operation: PlayPromptOperation,
  current: PlayPromptOperation | undefined,
  now: number,
): PlayPromptOperation {
  const last = current?.lastActionDateTime ?? '';
  const time = new Date(now).toISOString();
  const lastActionDateTime = time > last ? time : new Date(Date.parse(last) + 1).toISOString();
  return { ...operation, createdDateTime: current ? current.createdDateTime : time, lastActionDateTime };
}

function patchedResultInfo(
  current: PlayPromptOperation['resultInfo'],
  patch: PlayPromptOperationPatch['resultInfo'],
): PlayPromptOperation['resultInfo'] {
  if (patch === undefined) return current;
  if (patch === null) return null;
  const { code, subcode, message } = current ?? { code: 0, subcode: 0, message: null };
  return {
    code: patch.code ?? code,
    subcode: patch.subcode ?? subcode,
    message: patch.message === undefined ? message : patch.message,
  };
}

/**
 * The id of the operation that a tenant names by a `clientContext`: UUIDv5 (RFC 9562, section 5.5) of the context in
 * the namespace of the tenant, so that a retry without an id reaches the same operation.
 */
export function idOfClientContext(tenant: string, clientContext: string): string {
  // As bytes, since the package refuses a tenant id that is no UUID of a standard version.
  return uuidv5(clientContext, Buffer.from(tenant.replaceAll('-', ''), 'hex'));
}
