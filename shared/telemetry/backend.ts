import { ExportResultCode } from '@opentelemetry/core';
import { BatchLogRecordProcessor, type LogRecordExporter, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  type MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** How long an export may take. It is short because the platform ends an instance within seconds. */
export const EXPORT_TIMEOUT_MS = 3000;

/** The exporters of one backend. */
export interface Exporters {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
  readonly logs: LogRecordExporter;
}

/** What sends spans, metrics and the log to one backend. */
export interface Backend {
  readonly spanProcessor: SpanProcessor;
  readonly metricReader: MetricReader;
  readonly logRecordProcessor: LogRecordProcessor;
}

/**
 * A backend whose exporters are loaded with its first export, seconds after the first response, which would otherwise wait
 * for them: they are larger than the rest of the app. What is recorded until then is exported by them.
 */
export function createBackend(load: () => Promise<Exporters>): Backend {
  let loading: Promise<Exporters> | undefined;
  let exporters: Exporters | undefined;
  const whenLoaded = () => {
    loading ??= load().then((loaded) => {
      exporters = loaded;
      return loaded;
    });
    return loading;
  };
  type Done = Parameters<SpanExporter['export']>[1];
  const exportBy = (done: Done, exportAll: (exporters: Exporters) => void) =>
    void whenLoaded().then(exportAll, (error) => done({ code: ExportResultCode.FAILED, error }));

  const spans: SpanExporter = {
    export: (batch, done) => exportBy(done, (loaded) => loaded.spans.export(batch, done)),
    shutdown: async () => exporters?.spans.shutdown(),
  };
  const metrics: PushMetricExporter = {
    selectAggregationTemporality: (type) =>
      exporters?.metrics.selectAggregationTemporality?.(type) ?? AggregationTemporality.CUMULATIVE,
    export: (batch, done) => exportBy(done, (loaded) => loaded.metrics.export(batch, done)),
    forceFlush: async () => exporters?.metrics.forceFlush(),
    shutdown: async () => exporters?.metrics.shutdown(),
  };
  const logs: LogRecordExporter = {
    export: (batch, done) => exportBy(done, (loaded) => loaded.logs.export(batch, done)),
    forceFlush: async () => exporters?.logs.forceFlush(),
    shutdown: async () => exporters?.logs.shutdown(),
  };
  /** A collection asks the exporter for the temporality of each instrument. */
  class Reader extends PeriodicExportingMetricReader {
    override async collect(...options: Parameters<MetricReader['collect']>) {
      await whenLoaded();
      return super.collect(...options);
    }
  }
  return {
    spanProcessor: new BatchSpanProcessor(spans, { exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    metricReader: new Reader({ exporter: metrics, exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    logRecordProcessor: new BatchLogRecordProcessor({ exporter: logs, exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
  };
}
