/** Every cause of an error answer, with what it becomes on the wire. Microsoft Graph, "Errors"; RFC 9110, section 15. */
export const causes = {
  badRequest: { status: 400, code: 'BadRequest' },
  tokenMissing: {
    status: 401,
    code: 'InvalidAuthenticationToken',
    headers: { 'WWW-Authenticate': 'Bearer realm=""' },
  },
  tokenInvalid: {
    status: 401,
    code: 'InvalidAuthenticationToken',
    headers: { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' },
  },
  forbidden: { status: 403, code: 'Forbidden' },
  notFound: { status: 404, code: 'ResourceNotFound' },
  methodNotAllowed: { status: 405, code: 'MethodNotAllowed' },
  notAcceptable: { status: 406, code: 'NotAcceptable' },
  conflict: { status: 409, code: 'Conflict' },
  preconditionFailed: { status: 412, code: 'PreconditionFailed' },
  contentTooLarge: { status: 413, code: 'RequestEntityTooLarge' },
  unsupportedMediaType: { status: 415, code: 'UnsupportedMediaType' },
  failedDependency: { status: 424, code: 'FailedDependency' },
  tooManyRequests: { status: 429, code: 'TooManyRequests', headers: { 'Retry-After': '1' } },
  internal: { status: 500, code: 'InternalServerError' },
  notImplemented: { status: 501, code: 'NotImplemented' },
  unavailable: { status: 503, code: 'ServiceUnavailable', headers: { 'Retry-After': '1' } },
} as const satisfies Record<string, { status: number; code: string; headers?: Record<string, string> }>;

export type GraphErrorReason = keyof typeof causes;

/** One fault of a request; `target` is the path of the property at fault, such as `resultInfo/code`. */
export interface ErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target: string;
}

/**
 * The only error that a caller is told about. `message` and `details` are sent as they are, so they name what was
 * wrong and what would be right, and hold nothing of the inside; `cause` is for the log alone.
 */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly reason: GraphErrorReason;
  readonly details: readonly ErrorDetail[];
  /** Headers that the answer must carry: `WWW-Authenticate`, `Allow` or `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    reason: GraphErrorReason,
    message: string,
    options: {
      details?: readonly ErrorDetail[];
      headers?: Readonly<Record<string, string>>;
      cause?: unknown;
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    const known = causes[reason];
    this.reason = reason;
    this.details = options.details ?? [];
    this.headers = { ...('headers' in known && known.headers), ...options.headers };
  }

  get status(): number {
    return causes[this.reason].status;
  }

  get code(): string {
    return causes[this.reason].code;
  }
}

/** Turns whatever was thrown into a GraphError; what is not one already becomes a 500 that says nothing of the inside. */
export function toGraphError(thrown: unknown): GraphError {
  return thrown instanceof GraphError
    ? thrown
    : new GraphError('internal', 'The service failed to process the request.', { cause: thrown });
}

/** What identifies one request: the service's own id, and the caller's when it sent one. */
export interface RequestIds {
  readonly requestId: string;
  readonly clientRequestId?: string;
}

/** The body of an error answer. Microsoft Graph, "Errors": `date` is UTC without a zone, to the second. */
export function toErrorBody(error: GraphError, { requestId, clientRequestId }: RequestIds, now: Date) {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.details.length > 0 && { details: error.details }),
      innerError: {
        date: now.toISOString().slice(0, 19),
        'request-id': requestId,
        ...(clientRequestId !== undefined && { 'client-request-id': clientRequestId }),
      },
    },
  };
}
