// Registers the OpenTelemetry SDK. Loaded only if a setting asks for telemetry: it is as large as the rest of the app.
import { randomUUID } from 'node:crypto';
import { useInstrumenter } from '@azure/core-tracing';
import { context, DiagConsoleLogger, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, type Sampler } from '@opentelemetry/sdk-trace-base';
import type { TelemetrySettings } from '../settings.ts';
import { VERSION } from '../version.ts';
import { createAzureSdkInstrumenter } from './azureSdkInstrumenter.ts';

/** How long an export may take. It is short because the platform ends an instance within seconds. */
const EXPORT_TIMEOUT_MS = 3000;

/**
 * Registers the OpenTelemetry SDK, with exporters to each backend that the settings name, and traces the calls of the
 * Azure SDK. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` override the resource; `OTEL_TRACES_SAMPLER`
 * and `OTEL_BSP_*` apply.
 *
 * @returns a function that exports what is pending and shuts the SDK down
 */
export async function registerTelemetry(settings: TelemetrySettings): Promise<() => Promise<void>> {
  const backends = await Promise.all([
    ...(settings.otlpEndpoint === undefined ? [] : [import('./otlpExporters.ts')]),
    ...(settings.applicationInsights === undefined ? [] : [import('./applicationInsightsExporters.ts')]),
  ]);
  const exporters = backends.map(({ createExporters }) => createExporters(settings, EXPORT_TIMEOUT_MS));
  const resource = resourceFromAttributes({
    'service.name': settings.serviceName,
    'service.version': VERSION,
    // One for each process, or else the cumulative metrics of all would be one stream.
    'service.instance.id': randomUUID(),
  }).merge(detectResources({ detectors: [envDetector] }));
  const sampler = await createSampler(settings);
  const tracers = new BasicTracerProvider({
    resource,
    ...(sampler && { sampler }),
    spanProcessors: exporters.map(
      ({ spans }) => new BatchSpanProcessor(spans, { exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ),
  });
  // Not before: the SDK calls the samplers of Application Insights invalid, even where another takes their place.
  diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ERROR);
  const meters = new MeterProvider({
    resource,
    readers: exporters.map(
      (each) =>
        new PeriodicExportingMetricReader({
          exporter: each.metrics,
          exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        }),
    ),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  useInstrumenter(createAzureSdkInstrumenter());
  return async () => {
    await Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
  };
}

/**
 * The sampler of Application Insights, which keeps the same traces here as in the host, whatever the caller's
 * `traceparent` asks for; or else the one that the SDK itself takes from the environment.
 */
async function createSampler({ traceRatio }: TelemetrySettings): Promise<Sampler | undefined> {
  if (traceRatio === undefined) return undefined;
  const { ApplicationInsightsSampler } = await import('@azure/monitor-opentelemetry-exporter');
  return new ApplicationInsightsSampler(traceRatio);
}
