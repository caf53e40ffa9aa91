import { type Attributes, metrics } from '@opentelemetry/api';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

class OnDemandReader extends MetricReader {
  protected async onForceFlush() {}
  protected async onShutdown() {}
}

/**
 * Registers the metrics of this test file, before what it tests creates its instruments.
 *
 * @returns a function for what was recorded under a name since it was called last, for any name
 */
export function registerMetrics() {
  const reader = new OnDemandReader({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return async (name: string): Promise<{ readonly value: unknown; readonly attributes: Attributes }[]> => {
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const found = all.filter(({ descriptor }) => descriptor.name === name);
    return found.flatMap(({ dataPoints }) => dataPoints.map(({ value, attributes }) => ({ value, attributes })));
  };
}
