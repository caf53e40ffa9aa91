// Loads the app of the current folder, and tells how long that took.
import { serveUntilTold } from '../../local/childProcess.ts';
import { loadApp } from '../../local/loadApp.ts';

await serveUntilTold(async () => {
  const start = performance.now();
  await loadApp(process.cwd());
  return { ready: { milliseconds: performance.now() - start }, stop: async () => {} };
});
