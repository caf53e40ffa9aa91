// Registers the OpenTelemetry SDK. Loaded only if a setting asks for telemetry: it is as large as the rest of the app.
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { useInstrumenter } from '@azure/core-tracing';
import { context, DiagConsoleLogger, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { createLoggerConfigurator, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, type Sampler } from '@opentelemetry/sdk-trace-base';
import * as z from 'zod';
import type { TelemetrySettings } from '../settings.ts';
import { LOG_CHANNEL, type LogLine, SCOPE, VERSION } from '../tracing.ts';
import type { Credential } from './applicationInsightsExporters.ts';
import { createAzureSdkInstrumenter } from './azureSdkInstrumenter.ts';
import { type Backend, createBackend } from './backend.ts';

/**
 * Registers the OpenTelemetry SDK for each backend that the settings name, and traces the calls of the Azure SDK.
 * `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` override the resource; `OTEL_TRACES_SAMPLER` and `OTEL_BSP_*` apply.
 *
 * @param credential for Application Insights
 * @returns a function that exports what is pending and shuts the SDK down
 */
export async function registerTelemetry(
  settings: TelemetrySettings,
  credential?: Credential,
): Promise<() => Promise<void>> {
  const backends = backendsOf(settings, credential);
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
    spanProcessors: backends.map(({ spanProcessor }) => spanProcessor),
  });
  // Not before: the SDK calls the samplers of Application Insights invalid, even where another takes their place.
  diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ERROR);
  const meters = new MeterProvider({ resource, readers: backends.map(({ metricReader }) => metricReader) });
  const loggers = new LoggerProvider({
    resource,
    processors: backends.map(({ logRecordProcessor }) => logRecordProcessor),
    // As the host exports a log: without the lines of traces that are not recorded, which would cost most.
    loggerConfigurator: createLoggerConfigurator([{ pattern: '*', config: { traceBased: true } }]),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);
  const exportLine = exporterOfLines(loggers);
  subscribe(LOG_CHANNEL, exportLine);
  useInstrumenter(createAzureSdkInstrumenter());
  return async () => {
    unsubscribe(LOG_CHANNEL, exportLine);
    await Promise.allSettled([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
  };
}

/** OpenTelemetry, Logs Data Model, SeverityNumber. */
const severityNumbers = { info: 9, warn: 13, error: 17 } as const satisfies Record<LogLine['severity'], number>;

const logLine = z.object({ severity: z.enum(['info', 'warn', 'error']), line: z.string() });

function exporterOfLines(loggers: LoggerProvider) {
  const logger = loggers.getLogger(SCOPE);
  return (message: unknown) => {
    const { severity, line } = logLine.parse(message);
    logger.emit({ body: line, severityNumber: severityNumbers[severity] });
  };
}

function backendsOf(
  { otlpEndpoint, otlpProtocol, applicationInsights }: TelemetrySettings,
  credential: Credential,
): Backend[] {
  const backends: Backend[] = [];
  if (otlpEndpoint !== undefined) {
    const load = () => import('./otlpExporters.ts');
    backends.push(createBackend(async () => (await load()).createExporters(otlpEndpoint, otlpProtocol)));
  }
  if (applicationInsights !== undefined) {
    const load = () => import('./applicationInsightsExporters.ts');
    backends.push(createBackend(async () => (await load()).createExporters(applicationInsights, credential)));
  }
  return backends;
}

/**
 * The sampler of Application Insights, which keeps the same traces here as in the host, whatever the caller's
 * `traceparent` asks for; or else the one that the SDK itself takes from the environment.
 */
async function createSampler({ traceRatio }: TelemetrySettings): Promise<Sampler | undefined> {
  if (traceRatio === undefined) return undefined;
  const { createApplicationInsightsSampler } = await import('./applicationInsightsSampler.ts');
  return createApplicationInsightsSampler(traceRatio);
}
