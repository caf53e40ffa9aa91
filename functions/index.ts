// The entry point: reads the settings from the environment, and registers the app that they describe with the host.
import { app as host } from '@azure/functions';
import { readSettings } from '../shared/settings.ts';
import { type App, createApp, createFailedApp } from './app.ts';
import { excludeLoopback } from './noProxy.ts';

// Before the SDK reads the variables.
excludeLoopback(process.env);

let app: App;
try {
  app = await createApp(readSettings(process.env));
} catch (error) {
  app = createFailedApp(error);
}
// Microsoft's own instrumentation for Azure Functions sets it too.
if (app.exportsLog) host.setup({ capabilities: { WorkerOpenTelemetryEnabled: true } });
for (const { name, template, methods, handler } of app.http) {
  host.http(name, { route: template, methods: [...methods], authLevel: 'anonymous', handler });
}
for (const { name, schedule, handler } of app.timers) host.timer(name, { schedule, handler });
host.hook.appStart(() => app.start());
host.hook.appTerminate(() => app.terminate());
