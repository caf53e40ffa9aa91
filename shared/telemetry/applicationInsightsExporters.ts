import {
  type AzureMonitorExporterOptions,
  AzureMonitorLogExporter,
  AzureMonitorMetricExporter,
  AzureMonitorTraceExporter,
} from '@azure/monitor-opentelemetry-exporter';
import type { Exporters } from './backend.ts';

/** What gets tokens for Application Insights. */
export type Credential = AzureMonitorExporterOptions['credential'];

/** Exporters to Application Insights; without a credential, the key in the connection string identifies the service. */
export function createExporters(connectionString: string, credential: Credential): Exporters {
  // The exporter's own statistics go to other endpoints, which a private network cannot reach.
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
  // Otherwise it sends the resource as a row of its own with every batch of spans.
  process.env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED ??= 'true';
  const options = { connectionString, disableOfflineStorage: true, ...(credential && { credential }) };
  return {
    spans: new AzureMonitorTraceExporter(options),
    metrics: new AzureMonitorMetricExporter(options),
    logs: new AzureMonitorLogExporter(options),
  };
}
