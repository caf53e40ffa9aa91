// `npm run bot`: runs docs/examples/bot.ts against the service that npm start runs in this folder.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { requestToken } from './requestToken.ts';
import { runningService } from './running.ts';

try {
  const service = runningService();
  const defaults = { SERVICE_URL: service.baseUrl, ACCESS_TOKEN: await requestToken(service) };
  const trust = service.certificate && { NODE_EXTRA_CA_CERTS: service.certificate };
  const bot = spawn(process.execPath, ['--import', './local/clientSource.js', 'docs/examples/bot.ts'], {
    env: { ...defaults, ...process.env, ...trust },
    stdio: 'inherit',
  });
  // Ctrl-C reaches the bot itself.
  process.on('SIGINT', () => {});
  process.once('SIGTERM', () => bot.kill());
  const [code] = await once(bot, 'exit');
  process.exitCode = code ?? 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
