import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { Exporters } from './openTelemetry.ts';
import type { TelemetrySettings } from './settings.ts';

/** What sends to a collector, by OTLP over HTTP in JSON. `OTEL_EXPORTER_OTLP_HEADERS` is heeded. */
export function createExporters({ otlpEndpoint = '' }: TelemetrySettings, timeoutMillis: number): Exporters {
  return {
    spans: new OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces`, timeoutMillis }),
    metrics: new OTLPMetricExporter({ url: `${otlpEndpoint}/v1/metrics`, timeoutMillis }),
  };
}
