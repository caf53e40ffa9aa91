// `npm run bot`: runs docs/examples/bot.ts against the service that npm start runs in this folder.
import { join } from 'node:path';
import { ancestorsEnd } from './ancestors.ts';
import './clientSource.js';
import { keysFolder, runningService, trustService } from './running.ts';

try {
  const service = runningService();
  trustService(service);
  const defaults = {
    SERVICE_URL: service.baseUrl,
    TOKEN_ENDPOINT: service.tokenEndpoint,
    SCOPE: `${service.audience}/.default`,
    STATE_FILE: join(keysFolder(), 'bot.json'),
  };
  Object.assign(process.env, { ...defaults, ...process.env });
  void ancestorsEnd().then(() => process.exit());
  await import('../docs/examples/bot.ts');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
