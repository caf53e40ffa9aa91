// Loads the app of the current folder and reports how long that took.
import { serveUntilStopped } from '../../local/childProcess.ts';
import { loadApp } from '../../local/loadApp.ts';

await serveUntilStopped(async () => {
  const start = performance.now();
  await loadApp(process.cwd());
  return { ready: { milliseconds: performance.now() - start }, stop: async () => {} };
});
