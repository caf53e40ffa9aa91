/**
 * Why a request fails. `odata/errorResponse.ts` maps each reason to the status, the `code` and the headers that the
 * caller sees.
 */
export type ErrorReason =
  | 'invalidRequest'
  | 'tokenMissing'
  | 'tokenInvalid'
  | 'forbidden'
  | 'notFound'
  | 'methodNotAllowed'
  | 'notAcceptable'
  | 'conflict'
  | 'preconditionFailed'
  | 'contentTooLarge'
  | 'unsupportedMediaType'
  | 'failedDependency'
  | 'tooManyRequests'
  | 'internal'
  | 'notImplemented'
  | 'unavailable';

/** One fault of a request. `target` is the path of the property at fault, such as `resultInfo/code`. */
export interface ErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target: string;
}

/**
 * The only error whose text reaches a caller. `message` and `details` say what was wrong, where, and what would be
 * right; they hold nothing of the inside. `cause` is for the log alone.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly reason: ErrorReason;
  readonly details: readonly ErrorDetail[];
  /** The methods that the resource supports; for `methodNotAllowed` only. */
  readonly allow: readonly string[];

  constructor(
    reason: ErrorReason,
    message: string,
    options: { details?: readonly ErrorDetail[]; allow?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.reason = reason;
    this.details = options.details ?? [];
    this.allow = options.allow ?? [];
  }

  /** Whether the service failed, as opposed to having refused the request. */
  get isFailure(): boolean {
    return this.reason === 'internal' || this.reason === 'unavailable';
  }
}

/** The error of a request that has these faults, one or more. */
export function invalidRequest(details: readonly ErrorDetail[]): ServiceError {
  const [first] = details;
  const message =
    details.length === 1 && first ? first.message : `The request has ${details.length} faults; details names each.`;
  return new ServiceError('invalidRequest', message, { details });
}

/** Whether the store or the issuer cannot serve at the moment, so that a later attempt may succeed. */
export function isUnavailable(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.reason === 'unavailable';
}
