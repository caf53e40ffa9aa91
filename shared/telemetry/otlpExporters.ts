import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { EXPORT_TIMEOUT_MS, type Exporters } from './backend.ts';

/** Exporters to a collector, by OTLP over HTTP in JSON. They send the headers in `OTEL_EXPORTER_OTLP_HEADERS`. */
export function createExporters(endpoint: string): Exporters {
  const timeoutMillis = EXPORT_TIMEOUT_MS;
  return {
    spans: new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis }),
    metrics: new OTLPMetricExporter({ url: `${endpoint}/v1/metrics`, timeoutMillis }),
  };
}
