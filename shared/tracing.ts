import { type Attributes, propagation, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import manifest from '../package.json' with { type: 'json' };
import { ServiceError } from './serviceError.ts';

/** The instrumentation scope of every span and metric of the service. */
export const SCOPE = 'playpromptoperation';

/** The version of the service. Bundlers leave out the rest of the manifest, since nothing else of it is named. */
export const VERSION = manifest.version;

/** The diagnostics channel of Node.js that has each line of the log. */
export const LOG_CHANNEL = 'playpromptoperation.log';

export interface LogLine {
  readonly severity: 'info' | 'warn' | 'error';
  readonly line: string;
}

/** The counter that each cache has. */
export const CACHE_LOOKUPS = {
  name: 'playpromptoperation.cache.lookups',
  description: 'Cache lookups, by cache and whether the entry was found.',
} as const;

/** The counter of damaged rows. */
export const DAMAGED_ROWS = {
  name: 'playpromptoperation.damaged.rows',
  description: 'Rows that a list left out because they are damaged.',
} as const;

/** A histogram of durations in seconds, with the boundaries of OpenTelemetry's semantic conventions. */
export const DURATION_IN_SECONDS = {
  unit: 's',
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
};

/** The attributes of a URL that hold no id. The path, and so `url.full`, is never recorded. */
export function serverAttributes(url: string): Attributes {
  const parsed = URL.parse(url);
  if (parsed === null) return {};
  const scheme = parsed.protocol.slice(0, -1);
  return {
    'url.scheme': scheme,
    'server.address': parsed.hostname,
    'server.port': Number(parsed.port || (scheme === 'https' ? 443 : 80)),
  };
}

/** Whether telemetry is registered, and with it what carries a trace on to others. */
export const isTraced = () => propagation.fields().length > 0;

const tracer = trace.getTracer(SCOPE);

/**
 * Runs `work` in a child span of the active one, if that is recorded: without telemetry, or where a sampler has left out the
 * request, the spans of its steps would cost time and record nothing.
 */
export function withChildSpan<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return trace.getActiveSpan()?.isRecording() ? withSpan(name, work) : work();
}

/**
 * Runs `work` in a span. A refusal is an attribute of the span; a failure sets its status. The message of an error is never
 * recorded, since it may repeat what the caller sent.
 */
export function withSpan<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      return await work();
    } catch (error) {
      recordError(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

function recordError(span: Span, error: unknown) {
  if (error instanceof ServiceError && !error.isFailure) {
    span.setAttribute('playpromptoperation.refusal', error.reason);
  } else {
    span.setAttribute('error.type', errorType(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
}

function errorType(error: unknown) {
  if (error instanceof ServiceError) return error.reason;
  return error instanceof Error ? error.name : typeof error;
}
