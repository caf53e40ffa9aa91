import { describe, expect, test } from '@jest/globals';
import { ExportResultCode } from '@opentelemetry/core';
import { InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { createBackend } from '../../../shared/telemetry/backend.ts';

/** An app that records to a backend whose exporters are loaded when the backend asks for them. */
function start() {
  const spans = new InMemorySpanExporter();
  const metrics = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  let loads = 0;
  const backend = createBackend(async () => {
    loads += 1;
    await new Promise(setImmediate);
    return { spans, metrics, logs: new InMemoryLogRecordExporter() };
  });
  const tracers = new BasicTracerProvider({ spanProcessors: [backend.spanProcessor] });
  const meters = new MeterProvider({ readers: [backend.metricReader] });
  return { spans, metrics, tracers, meters, loads: () => loads };
}

describe('the exporters', () => {
  test('are loaded with the first export, and once', async () => {
    const { spans, tracers, meters, loads } = start();
    tracers.getTracer('t').startSpan('first').end();
    meters.getMeter('m').createCounter('c').add(1);
    await new Promise(setImmediate);
    expect(loads()).toBe(0);
    await Promise.all([tracers.forceFlush(), meters.forceFlush()]);
    tracers.getTracer('t').startSpan('second').end();
    await tracers.forceFlush();
    expect(loads()).toBe(1);
    expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(['first', 'second']);
  });

  test('choose the temporality of the first metrics too', async () => {
    const { metrics, meters } = start();
    const counter = meters.getMeter('m').createCounter('c');
    for (const value of [1, 2]) {
      counter.add(value);
      await meters.forceFlush();
    }
    const exported = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    expect(exported.map(({ aggregationTemporality }) => aggregationTemporality)).toEqual([
      AggregationTemporality.DELTA,
      AggregationTemporality.DELTA,
    ]);
    expect(exported.map(({ dataPoints }) => dataPoints[0]?.value)).toEqual([1, 2]);
  });

  test('are shut down, and have what was recorded before', async () => {
    const ended: string[] = [];
    const spans: SpanExporter = {
      export: (_batch, done) => done({ code: ExportResultCode.SUCCESS }),
      shutdown: async () => void ended.push('spans'),
    };
    const metrics: PushMetricExporter = {
      export: (_batch, done) => done({ code: ExportResultCode.SUCCESS }),
      forceFlush: async () => void ended.push('flushed'),
      shutdown: async () => void ended.push('metrics'),
    };
    const backend = createBackend(async () => ({ spans, metrics, logs: new InMemoryLogRecordExporter() }));
    const tracers = new BasicTracerProvider({ spanProcessors: [backend.spanProcessor] });
    const meters = new MeterProvider({ readers: [backend.metricReader] });
    tracers.getTracer('t').startSpan('s').end();
    await tracers.shutdown();
    await meters.shutdown();
    expect(ended).toEqual(['spans', 'flushed', 'metrics']);
  });

  test('that were never asked for need no shutdown', async () => {
    const { tracers, loads } = start();
    await tracers.shutdown();
    expect(loads()).toBe(0);
  });

  test('that cannot be loaded fail the export, and nothing else', async () => {
    const reason = new Error('broken');
    const backend = createBackend(() => Promise.reject(reason));
    const tracers = new BasicTracerProvider({ spanProcessors: [backend.spanProcessor] });
    tracers.getTracer('t').startSpan('s').end();
    await expect(tracers.forceFlush()).rejects.toEqual([reason]);
  });
});
