import { channel } from 'node:diagnostics_channel';
import type { InvocationContext } from '@azure/functions';
import { LOG_CHANNEL, type LogLine } from '../shared/tracing.ts';

const exported = channel(LOG_CHANNEL);

/** Logs a line of JSON: to the host, and to OpenTelemetry if that is registered (see `App.exportsLog`). */
export function log(context: InvocationContext, severity: LogLine['severity'], content: object): void {
  const line = JSON.stringify(content);
  context[severity](line);
  exported.publish({ severity, line } satisfies LogLine);
}
