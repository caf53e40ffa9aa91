// `npm run smoke`: tests a deployed service with a token of its issuer.
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { readCommandLine } from '../local/commandLine.ts';

/** How often, and at what interval, the service is asked whether it is ready. */
const ATTEMPTS = 30;
const ATTEMPT_PAUSE_MS = 5000;
const REQUEST_DEADLINE_MS = 30_000;

const USAGE = `
npm run smoke -- [options] https://HOST

Waits until the service of that host is ready, and expects a 401 without an access token. Then it creates an operation, reads
it and deletes it, with the access token of the variable TOKEN: that of an application, which has an app role.

  --without-token  only do what needs no access token
  --help           print this text
`;

const { positionals, values } = readCommandLine(USAGE, { 'without-token': { type: 'boolean', default: false } }, true);
const [host] = positionals.map((url) => url.replace(/\/$/, ''));
const { TOKEN: token } = process.env;
if (!host || !(token || values['without-token'])) {
  console.error(
    `${host ? 'The variable TOKEN has no access token' : 'The URL of the service is missing'}. See --help.`,
  );
  process.exit(1);
}

const address = `${host}/v1.0/playPromptOperation/smoke-${crypto.randomUUID()}`;
const authorization = { Authorization: `Bearer ${token}` };
const json = { 'Content-Type': 'application/json' };
const body = JSON.stringify({ clientContext: 'smoke test', status: 'running' });

await untilReady();
await ask('without a token', address, { method: 'PATCH', headers: json, body }, 401);
if (!values['without-token']) await useOperation();
console.log(`${host} works${values['without-token'] ? ', as far as it can be seen without a token' : ''}.`);

async function useOperation() {
  const patched = await ask('PATCH', address, { method: 'PATCH', headers: { ...authorization, ...json }, body }, 200);
  const etag = z.string().parse(patched.headers.get('etag'));
  const read = await ask('GET', address, { headers: authorization }, 200);
  z.looseObject({ '@odata.etag': z.literal(etag), status: z.literal('Running') }).parse(await read.json());
  await ask('GET of a known version', address, { headers: { ...authorization, 'If-None-Match': etag } }, 304);
  await ask('DELETE', address, { method: 'DELETE', headers: { ...authorization, 'If-Match': etag } }, 204);
  await ask('GET after DELETE', address, { headers: authorization }, 404);
}

/** A service that was just deployed may need a while to reach its store and the signing keys. */
async function untilReady() {
  for (let attempt = 1; ; attempt++) {
    const ready = await send(`${host}/health/ready`, {}).catch(() => undefined);
    if (ready?.status === 200) return;
    if (attempt === ATTEMPTS) throw new Error(`${host}/health/ready answers ${ready?.status ?? 'nothing'}.`);
    await delay(ATTEMPT_PAUSE_MS);
  }
}

async function ask(what: string, url: string, init: RequestInit, status: number): Promise<Response> {
  const answer = await send(url, init);
  const id = answer.headers.get('request-id');
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} instead of ${status}; request-id ${id}.`);
  return answer;
}

function send(url: string, init: RequestInit) {
  return fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_DEADLINE_MS) });
}
