import { AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import { managedIdentity } from './managedIdentity.ts';
import type { Exporters } from './openTelemetry.ts';
import type { TelemetrySettings } from './settings.ts';

/** What sends to Application Insights, with a managed identity where one is named. */
export function createExporters({ applicationInsights = '', identity }: TelemetrySettings): Exporters {
  // What the exporter tells Microsoft of itself goes to other addresses, to which a private network has no way.
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
  const options = {
    connectionString: applicationInsights,
    disableOfflineStorage: true,
    ...(identity && { credential: managedIdentity(identity.clientId) }),
  };
  return { spans: new AzureMonitorTraceExporter(options), metrics: new AzureMonitorMetricExporter(options) };
}
