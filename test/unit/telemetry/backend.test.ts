import { describe, expect, jest, test } from '@jest/globals';
import { ExportResultCode } from '@opentelemetry/core';
import { InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { type Backend, createBackend } from '../../../shared/telemetry/backend.ts';

/** An app that records to a backend whose exporters are loaded when the backend asks for them. */
function start({ spans = new InMemorySpanExporter(), metrics = newMetricExporter() }: Partial<Exporters> = {}) {
  const load = jest.fn(async () => {
    await new Promise(setImmediate);
    return { spans, metrics, logs: new InMemoryLogRecordExporter() };
  });
  return { load, ...recordingTo(createBackend(load)) };
}

interface Exporters {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
}
const newMetricExporter = () => new InMemoryMetricExporter(AggregationTemporality.DELTA);
const recordingTo = ({ spanProcessor, metricReader }: Backend) => ({
  tracers: new BasicTracerProvider({ spanProcessors: [spanProcessor] }),
  meters: new MeterProvider({ readers: [metricReader] }),
});

describe('the exporters', () => {
  test('are loaded with the first export, and once', async () => {
    const spans = new InMemorySpanExporter();
    const { tracers, meters, load } = start({ spans });
    tracers.getTracer('t').startSpan('first').end();
    meters.getMeter('m').createCounter('c').add(1);
    await new Promise(setImmediate);
    expect(load).not.toHaveBeenCalled();
    await Promise.all([tracers.forceFlush(), meters.forceFlush()]);
    tracers.getTracer('t').startSpan('second').end();
    await tracers.forceFlush();
    expect(load).toHaveBeenCalledTimes(1);
    expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(['first', 'second']);
  });

  test('choose the temporality of the first metrics too', async () => {
    const metrics = newMetricExporter();
    const { meters } = start({ metrics });
    const counter = meters.getMeter('m').createCounter('c');
    for (const value of [1, 2]) {
      counter.add(value);
      await meters.forceFlush();
    }
    const exported = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const delta = AggregationTemporality.DELTA;
    expect(exported.map((each) => [each.aggregationTemporality, each.dataPoints[0]?.value])).toEqual([
      [delta, 1],
      [delta, 2],
    ]);
  });

  test('are shut down, and have what was recorded before; those that were never asked for need no shutdown', async () => {
    const ended: string[] = [];
    const exportBatch: SpanExporter['export'] = (_batch, done) => done({ code: ExportResultCode.SUCCESS });
    const spans = { export: exportBatch, shutdown: async () => void ended.push('spans') };
    const metrics: PushMetricExporter = {
      export: (_batch, done) => done({ code: ExportResultCode.SUCCESS }),
      forceFlush: async () => void ended.push('flushed'),
      shutdown: async () => void ended.push('metrics'),
    };
    const { tracers, meters } = start({ spans, metrics });
    tracers.getTracer('t').startSpan('s').end();
    await tracers.shutdown();
    await meters.shutdown();
    expect(ended).toEqual(['spans', 'flushed', 'metrics']);
    const unused = start();
    await unused.tracers.shutdown();
    expect(unused.load).not.toHaveBeenCalled();
  });

  test('that cannot be loaded fail the export, and nothing else', async () => {
    const reason = new Error('broken');
    const { tracers } = recordingTo(createBackend(() => Promise.reject(reason)));
    tracers.getTracer('t').startSpan('s').end();
    await expect(tracers.forceFlush()).rejects.toEqual([reason]);
  });
});
