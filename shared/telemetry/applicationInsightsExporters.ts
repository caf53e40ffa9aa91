import { AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import { managedIdentity } from '../managedIdentity.ts';
import type { TelemetrySettings } from '../settings.ts';
import type { Exporters } from './backend.ts';

/** Exporters to Application Insights, with a managed identity if the settings name one. */
export function createExporters({ applicationInsights = '', identity }: TelemetrySettings): Exporters {
  // The exporter's own statistics go to other endpoints, which a private network cannot reach.
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
  // Otherwise it sends the resource as a row of its own with every batch of spans.
  process.env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED ??= 'true';
  const options = {
    connectionString: applicationInsights,
    disableOfflineStorage: true,
    ...(identity && { credential: managedIdentity(identity.clientId) }),
  };
  return { spans: new AzureMonitorTraceExporter(options), metrics: new AzureMonitorMetricExporter(options) };
}
