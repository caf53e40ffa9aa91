// Telemetry by OpenTelemetry. Loaded only where it is asked for: it weighs as much as the rest of the app.
import { useInstrumenter } from '@azure/core-tracing';
import {
  context,
  DiagConsoleLogger,
  DiagLogLevel,
  defaultTextMapGetter,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { GraphError } from './graphError.ts';
import type { TelemetrySettings } from './settings.ts';
import { createStoreInstrumenter } from './storeInstrumenter.ts';
import { type Attributes, counters, durations, type StepOptions, type Telemetry } from './telemetry.ts';

const SCOPE = 'playpromptoperation';

/** How long what is told waits to be sent, and how long sending may take: the platform ends an instance within seconds. */
const SPANS_EVERY_MS = 1000;
const METRICS_EVERY_MS = 10_000;
const EXPORT_TIMEOUT_MS = 3000;

/** The bounds that OpenTelemetry's semantic conventions give for durations, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What sends to one place. */
export interface Exporters {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
}

/**
 * Sends spans and metrics to each place that the settings name. What the SDK of the store does is told too, and its
 * requests carry the trace on.
 */
export async function openTelemetry(settings: TelemetrySettings): Promise<Telemetry> {
  diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ERROR);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const destinations = await Promise.all([
    ...(settings.otlpEndpoint === undefined ? [] : [import('./otlpExporters.ts')]),
    ...(settings.applicationInsights === undefined ? [] : [import('./applicationInsightsExporters.ts')]),
  ]);
  const exporters = destinations.map(({ createExporters }) => createExporters(settings, EXPORT_TIMEOUT_MS));
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word, and OTEL_TRACES_SAMPLER is heeded.
  const resource = resourceFromAttributes({ 'service.name': settings.serviceName }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const tracers = new BasicTracerProvider({
    resource,
    spanProcessors: exporters.map(
      ({ spans }) =>
        new BatchSpanProcessor(spans, {
          scheduledDelayMillis: SPANS_EVERY_MS,
          exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        }),
    ),
  });
  const meters = new MeterProvider({
    resource,
    readers: exporters.map(
      ({ metrics }) =>
        new PeriodicExportingMetricReader({
          exporter: metrics,
          exportIntervalMillis: METRICS_EVERY_MS,
          exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        }),
    ),
  });
  const tracer = tracers.getTracer(SCOPE);
  const meter = meters.getMeter(SCOPE);
  const propagator = new W3CTraceContextPropagator();
  const counted = new Map(
    Object.entries(counters).map(([name, description]) => [name, meter.createCounter(name, { description })]),
  );
  const recorded = new Map(
    Object.entries(durations).map(([name, description]) => [
      name,
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: BOUNDS } }),
    ]),
  );

  const telemetry: Telemetry = {
    step<Args extends unknown[], Result>(
      name: string,
      work: (...args: Args) => Result,
      { parent, settled }: StepOptions<Args, Result> = {},
    ) {
      return (...args: Args) => {
        const carrier = parent?.(...args);
        const outer = carrier ? propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter) : context.active();
        const span = tracer.startSpan(name, {}, outer);
        const start = performance.now();
        const end = (outcome: { result: Awaited<Result> } | { error: unknown }) => {
          if ('error' in outcome) sayFailure(span, outcome.error);
          settled?.(outcome, { args, seconds: (performance.now() - start) / 1000, say: (said) => say(span, said) });
          span.end();
        };
        return context.with(trace.setSpan(outer, span), () => {
          try {
            const result = work(...args);
            void Promise.resolve(result).then(
              (value) => end({ result: value }),
              (error: unknown) => end({ error }),
            );
            return result;
          } catch (error) {
            end({ error });
            throw error;
          }
        });
      };
    },
    count: (name, attributes) => counted.get(name)?.add(1, attributes),
    record: (name, seconds, attributes) => recorded.get(name)?.record(seconds, attributes),
    async close() {
      await Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
    },
  };
  useInstrumenter(createStoreInstrumenter(tracer, propagator, telemetry.record));
  return telemetry;
}

function say(span: Span, attributes: Attributes) {
  span.setAttributes(attributes);
  if ('error.type' in attributes) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** What kind of failure it was; never its message, which may repeat what was sent. A refusal is no failure. */
function sayFailure(span: Span, error: unknown) {
  const isRefusal = error instanceof GraphError && error.status < 500;
  if (isRefusal) span.setAttribute('playpromptoperation.refusal', error.reason);
  else say(span, { 'error.type': error instanceof GraphError ? error.reason : nameOf(error) });
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : typeof error);
