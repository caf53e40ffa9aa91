// Registers the OpenTelemetry SDK. Loaded only if a setting asks for telemetry: it is as large as the rest of the app.
import { useInstrumenter } from '@azure/core-tracing';
import { context, DiagConsoleLogger, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TelemetrySettings } from '../settings.ts';
import { createAzureSdkInstrumenter } from './azureSdkInstrumenter.ts';

/** Export intervals and timeout. They are short because the platform ends an instance within seconds. */
const SPANS_INTERVAL_MS = 1000;
const METRICS_INTERVAL_MS = 10_000;
const EXPORT_TIMEOUT_MS = 3000;

/**
 * Registers the OpenTelemetry SDK, with exporters to each backend that the settings name, and traces the calls of the
 * Azure SDK. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` override the resource; `OTEL_TRACES_SAMPLER` applies.
 *
 * @returns a function that exports what is pending and shuts the SDK down
 */
export async function registerTelemetry(settings: TelemetrySettings): Promise<() => Promise<void>> {
  diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ERROR);
  const backends = await Promise.all([
    ...(settings.otlpEndpoint === undefined ? [] : [import('./otlpExporters.ts')]),
    ...(settings.applicationInsights === undefined ? [] : [import('./applicationInsightsExporters.ts')]),
  ]);
  const exporters = backends.map(({ createExporters }) => createExporters(settings, EXPORT_TIMEOUT_MS));
  const resource = resourceFromAttributes({ 'service.name': settings.serviceName }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const tracers = new BasicTracerProvider({
    resource,
    spanProcessors: exporters.map(
      ({ spans }) =>
        new BatchSpanProcessor(spans, {
          scheduledDelayMillis: SPANS_INTERVAL_MS,
          exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        }),
    ),
  });
  const meters = new MeterProvider({
    resource,
    readers: exporters.map(
      (each) =>
        new PeriodicExportingMetricReader({
          exporter: each.metrics,
          exportIntervalMillis: METRICS_INTERVAL_MS,
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
