import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { TelemetrySettings } from '../settings.ts';
import type { Exporters } from './exporters.ts';

/** Exporters to a collector, by OTLP over HTTP in JSON. They send the headers in `OTEL_EXPORTER_OTLP_HEADERS`. */
export function createExporters({ otlpEndpoint = '' }: TelemetrySettings, timeoutMillis: number): Exporters {
  return {
    spans: new OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces`, timeoutMillis }),
    metrics: new OTLPMetricExporter({ url: `${otlpEndpoint}/v1/metrics`, timeoutMillis }),
  };
}
