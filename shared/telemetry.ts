/** What is said of a span or a measurement: only what is of no person, in few different values. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A call of a step that is over. */
export interface Call<Args extends unknown[]> {
  readonly args: Args;
  readonly seconds: number;
  /** Adds to what its span says; `error.type` says that it failed. */
  say(attributes: Attributes): void;
}

export interface StepOptions<Args extends unknown[], Result> {
  /** The trace that a call belongs to, where that is not the one of the step within which it is called. */
  readonly parent?: (...args: Args) => TraceParent | undefined;
  /** Is told what came of each call. */
  readonly settled?: (
    outcome: { readonly result: Awaited<Result> } | { readonly error: unknown },
    call: Call<Args>,
  ) => void;
}

/** W3C Trace Context, section 3. */
export interface TraceParent {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** The counters, each with what it counts. */
export const counters = {
  'playpromptoperation.updates': 'Updates that were done, by the status that the operation has now.',
  'playpromptoperation.update.retries': 'Attempts of updates that were made again, by cause.',
  'playpromptoperation.token.failures': 'Requests that were not admitted, by cause.',
  'playpromptoperation.cache.lookups': 'Looks into what is remembered, by cache, and whether it was there.',
} as const;
export type Counter = keyof typeof counters;

/** The histograms of durations in seconds, named as OpenTelemetry's semantic conventions do. */
export const durations = {
  'http.server.request.duration': 'Requests, by route, method and status.',
  'db.client.operation.duration': 'Calls of the store, by operation and failure; all tries of a call are one.',
  'http.client.request.duration': 'Each try to call the store, by method, status, and how many came before it.',
} as const;
export type Duration = keyof typeof durations;

/** Where the service tells what it does. Whatever becomes of that, it never fails what is told of. */
export interface Telemetry {
  /** Makes of a function one whose calls are spans of this name. */
  step<Args extends unknown[], Result>(
    name: string,
    work: (...args: Args) => Result,
    options?: StepOptions<Args, Result>,
  ): (...args: Args) => Result;
  count(name: Counter, attributes: Attributes): void;
  record(name: Duration, seconds: number, attributes: Attributes): void;
  /** Sends what has not been sent yet, and ends. */
  close(): Promise<void>;
}

/** Tells nobody: steps are the functions themselves. */
export const noTelemetry: Telemetry = {
  step: (_name, work) => work,
  count() {},
  record() {},
  async close() {},
};
