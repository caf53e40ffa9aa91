import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufSpans } from '@opentelemetry/exporter-trace-otlp-proto';
import type { OtlpProtocol } from '../settings.ts';
import { EXPORT_TIMEOUT_MS, type Exporters } from './backend.ts';

const exporters = {
  'http/json': { Spans: JsonSpans, Metrics: JsonMetrics, Logs: JsonLogs },
  'http/protobuf': { Spans: ProtobufSpans, Metrics: ProtobufMetrics, Logs: ProtobufLogs },
};

/** Exporters to a collector, by OTLP over HTTP. They send the headers in `OTEL_EXPORTER_OTLP_HEADERS`. */
export function createExporters(endpoint: string, protocol: OtlpProtocol): Exporters {
  const { Spans, Metrics, Logs } = exporters[protocol];
  const to = (signal: string) => ({ url: `${endpoint}/v1/${signal}`, timeoutMillis: EXPORT_TIMEOUT_MS });
  return { spans: new Spans(to('traces')), metrics: new Metrics(to('metrics')), logs: new Logs(to('logs')) };
}
