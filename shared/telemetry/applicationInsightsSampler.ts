import { ApplicationInsightsSampler } from '@azure/monitor-opentelemetry-exporter';
import type { Sampler } from '@opentelemetry/sdk-trace-base';

/** Apart from the exporters, which are loaded later. */
export const createApplicationInsightsSampler = (ratio: number): Sampler => new ApplicationInsightsSampler(ratio);
