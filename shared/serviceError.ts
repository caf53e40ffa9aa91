/** Why a request fails although it is valid. `odata/errorResponse.ts` has the message of each. */
export type OperationFailure =
  /** The tenant has no operation with this id. */
  | 'notFound'
  /** The application has no subscription with this id. */
  | 'subscriptionNotFound'
  /** Concurrent changes of the operation never stopped. */
  | 'conflict'
  /** The request is conditional on a version, and there is no operation. */
  | 'versionMissing'
  /** The current version is none of those that the request is conditional on. */
  | 'versionChanged'
  /** The request is conditional on the absence of the current version. */
  | 'versionExcluded'
  /** Whether the repeatable request has been executed is no longer known. */
  | 'repetitionUnknown'
  /** The repeatable request has been executed with other content. */
  | 'repetitionDiffers';

/**
 * Why a request fails. `odata/errorResponse.ts` maps each reason to the status, the `code` and the headers that the
 * caller sees.
 */
export type ErrorReason =
  | OperationFailure
  | 'invalidRequest'
  /** The operation has ended, and keeps its status. */
  | 'statusFinal'
  | 'tokenMissing'
  | 'tokenInvalid'
  | 'forbidden'
  | 'unknownUrl'
  | 'validationFailed'
  | 'methodNotAllowed'
  | 'preconditionFailed'
  | 'notAcceptable'
  | 'lengthRequired'
  | 'contentTooLarge'
  | 'unsupportedMediaType'
  | 'failedDependency'
  | 'tooManyRequests'
  | 'insufficientStorage'
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
 * The only error whose text reaches a caller. `message` and `details` describe what is wrong, where, and what would be
 * right; they reveal nothing internal. `cause` is only logged.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly reason: ErrorReason;
  readonly details: readonly ErrorDetail[];
  /** The methods that the resource supports; for `methodNotAllowed` only. */
  readonly allow: readonly string[];

  constructor(reason: OperationFailure);
  constructor(reason: ErrorReason, message: string, options?: ServiceErrorOptions);
  constructor(reason: ErrorReason, message: string = reason, options: ServiceErrorOptions = {}) {
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

interface ServiceErrorOptions {
  readonly details?: readonly ErrorDetail[];
  readonly allow?: readonly string[];
  readonly cause?: unknown;
}

/** How many faults of a request are described; the others are counted. */
export const MAX_DETAILS = 20;

/** The largest description of faults, in bytes of JSON, which keeps an error response below 16 KiB. */
const MAX_DETAILS_BYTES = 12 * 1024;

/** The longest name from a request that an error repeats, in UTF-16 code units. */
export const MAX_QUOTED_LENGTH = 128;

/** Shortens a name from a request to what an error may repeat. */
export function quoted(name: string): string {
  return name.length <= MAX_QUOTED_LENGTH ? name : `${name.slice(0, MAX_QUOTED_LENGTH - 3).toWellFormed()}...`;
}

/** Joins names to the path of a property, such as `resultInfo/code`, shortened to what an error may repeat. */
export function pathOf(names: readonly PropertyKey[]): string {
  return quoted(
    names
      .map((name) => quoted(String(name)))
      .filter((name) => name !== '')
      .join('/'),
  );
}

/**
 * Collects the faults of a request. It keeps what an error describes and counts the rest, so that an error never grows
 * with the number or the size of its faults.
 */
export class Faults {
  readonly #details: ErrorDetail[] = [];
  #bytes = 0;
  #count = 0;

  /** Adds a fault of `target`. Its message is `subject`, `text` and a period. */
  add(code: string, target: string, text: string, subject: string = target): void {
    this.#count += 1;
    if (this.#count > MAX_DETAILS) return;
    const detail = { code, message: `${quoted(subject)} ${text}.`, target: quoted(target) };
    this.#bytes += Buffer.byteLength(JSON.stringify(detail));
    if (this.#bytes <= MAX_DETAILS_BYTES) this.#details.push(detail);
  }

  /** @throws ServiceError `invalidRequest` if there are any faults */
  throwIfAny(): void {
    if (this.#count > 0) throw this.toError();
  }

  toError(): ServiceError {
    const [first] = this.#details;
    const more = this.#count - this.#details.length;
    const named = more === 0 ? 'each' : `the first ${this.#details.length}`;
    const message =
      this.#count === 1 && first ? first.message : `The request has ${this.#count} faults; details names ${named}.`;
    const details =
      more === 0
        ? this.#details
        : [...this.#details, { code: 'MoreFaults', message: `${more} more faults are not listed.`, target: '' }];
    return new ServiceError('invalidRequest', message, { details });
  }
}

/** The error of a request with a single fault: see `Faults.add`. */
export function invalidRequest(...fault: Parameters<Faults['add']>): ServiceError {
  const faults = new Faults();
  faults.add(...fault);
  return faults.toError();
}

/** Whether the store or the issuer cannot serve at the moment, so that a later attempt may succeed. */
export function isUnavailable(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.reason === 'unavailable';
}
