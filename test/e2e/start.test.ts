// On a laptop, by the program that `npm start` runs: README.md.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as z from 'zod';
import { isRunning } from '../../local/ancestors.ts';
import { startChild } from '../../local/childProcess.ts';
import { close, listen } from '../../local/loopback.ts';
import { isListening } from '../support/httpsStore.ts';
import { TENANT } from '../support/operations.ts';
import { environmentFor } from '../support/receiver.ts';
import {
  APP_FOLDER,
  freePorts,
  newFolder,
  patch,
  send,
  spawnService,
  startService,
  type TestService,
  testHost,
} from '../support/service.ts';
import { azuriteConnection } from '../support/tables.ts';
import { until } from '../support/until.ts';
import { useService } from '../support/useService.ts';

// For what only the embedded host has.
const testEmbedded = testHost() === 'embedded' ? test : test.skip;

const run = promisify(execFile);

/** Reads an answer of the issuer. */
async function json(answer: Response) {
  return z.record(z.string(), z.unknown()).parse(await answer.json());
}

describe('a service that was started', () => {
  const service = useService();

  test('answers the reference page’s own example, its placeholders replaced, with the token that it printed', async () => {
    const body = {
      '@odata.type': '#microsoft.graph.playPromptOperation',
      clientContext: 'the example of the reference page',
      resultInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
      status: 'Completed',
      completionReason: 'completedSuccessfully',
    };
    const [first, again] = [await patch(service, body), await patch(service, body)];
    expect([first.status, again.status]).toEqual([200, 200]);
    const resultInfo = { ...body.resultInfo, code: 0, subcode: 0, message: null };
    expect(first.json).toMatchObject({ ...body, resultInfo, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(again.json).toEqual(first.json);
  });

  /** Asks the issuer for a token, as an application does. */
  async function askForToken(more: Record<string, string>, tenant = service.facts.tenant) {
    const scope = `${service.facts.audience}/.default`;
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'a', scope, ...more });
    return json(
      await fetch(service.facts.tokenEndpoint.replace(service.facts.tenant, tenant), { method: 'POST', body }),
    );
  }

  test.each<[Record<string, string>, roles: string[], status: number]>([
    [{ client_secret: 'b', role: 'Calls.AccessMedia.All' }, ['Calls.AccessMedia.All'], 200],
    [{ client_secret: 'b' }, ['Calls.Initiate.All'], 200],
    [{ client_assertion: 'a.b.c' }, ['Calls.Initiate.All'], 200],
    [{ client_secret: 'b', role: '' }, [], 403],
  ])('has an issuer whose token for %j has the roles %j and is answered %i', async (form, roles, status) => {
    const token = String((await askForToken(form)).access_token);
    expect(decodeJwt(token).roles).toEqual(roles);
    expect((await patch({ facts: { ...service.facts, token } }, { clientContext: 'by form' })).status).toBe(status);
  });

  test('has an issuer on Entra’s paths, which gives no token without a credential', async () => {
    const { issuer, tokenEndpoint, tenant } = service.facts;
    expect(await json(await fetch(`${issuer}/.well-known/openid-configuration`))).toMatchObject({
      issuer,
      token_endpoint: tokenEndpoint,
      jwks_uri: expect.stringMatching(new RegExp(`/${tenant}/discovery/v2\\.0/keys$`)),
    });
    expect(await askForToken({})).toMatchObject({ error: 'invalid_request' });
  });

  test('has an issuer whose tokens name the application that asks, and its principal in the tenant', async () => {
    const callerOf = async (client_id: string, tenant?: string) => {
      const { access_token } = await askForToken({ client_id, client_secret: 'b' }, tenant);
      const { azp, oid, sub } = decodeJwt(String(access_token));
      expect(oid).toBe(sub);
      return { azp, oid };
    };
    const id = crypto.randomUUID();
    const one = await callerOf(id);
    expect(one.azp).toBe(id);
    expect(await callerOf(id)).toEqual(one);
    expect(await callerOf(id, crypto.randomUUID())).toEqual({ azp: id, oid: expect.not.stringMatching(`${one.oid}`) });
    const { azp, oid } = decodeJwt(service.facts.token ?? '');
    expect(await callerOf('local')).toEqual({ azp, oid });
    expect((await callerOf('another')).azp).not.toBe(azp);
  });

  test.each([
    ['http://127.0.0.1:7071', 'http://127.0.0.1:7071'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['https://evil.example', null],
    ['http://127.0.0.1.evil.example', null],
    ['null', null],
  ])(
    'has an issuer whose tokens a page of this machine can read, and no page of another: %s',
    async (Origin, allowed) => {
      const { headers } = await fetch(service.facts.tokenEndpoint, { method: 'POST', headers: { Origin } });
      expect(headers.get('access-control-allow-origin')).toBe(allowed);
    },
  );

  test('answers MSAL’s instance discovery with itself as the only authority', async () => {
    const { issuer, tenant } = service.facts;
    const { origin, host } = new URL(issuer);
    const asked = encodeURIComponent(`${origin}/${tenant}/oauth2/v2.0/authorize`);
    const url = `${origin}/common/discovery/instance?api-version=1.1&authorization_endpoint=${asked}`;
    expect(await json(await fetch(url))).toEqual({
      tenant_discovery_endpoint: `${issuer}/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    });
  });

  const token = async (...flags: string[]) =>
    (await run(process.execPath, ['local/token.ts', ...flags], { env: environmentFor(service) })).stdout.trim();

  test('gives tokens by npm run token, with the role, tenant and lifetime asked for, or the default', async () => {
    const tenant = crypto.randomUUID();
    const claims = decodeJwt(await token('--role', 'Some.Role', '--tenant', tenant, '--expires-in', '60'));
    expect(claims).toMatchObject({ roles: ['Some.Role'], tid: tenant, exp: (claims.iat ?? 0) + 60 });
    const stderr = expect.stringContaining('expires_in');
    await expect(token('--expires-in', '86401')).rejects.toMatchObject({ stderr });
    const facts = { ...service.facts, token: await token() };
    expect((await patch({ facts }, { id: 'by-token' })).status).toBe(200);
  });

  test('npm run token and npm run listen report that no service of this folder is running', async () => {
    const env = { ...process.env, KEYS_LOCATION: join(service.keys, 'of-another-checkout') };
    const stderr = 'No service of this folder is running: run npm start first.\n';
    for (const script of ['token', 'listen'])
      await expect(run(process.execPath, [`local/${script}.ts`], { env })).rejects.toMatchObject({ code: 1, stderr });
  });

  testEmbedded.each(['app', 'issuer'])('has an %s that answers to no name of another machine', async (part) => {
    const { baseUrl, issuer } = service.facts;
    const url = part === 'app' ? `${baseUrl}/health/live` : `${issuer}/.well-known/openid-configuration`;
    const [response] = await once(httpRequest(url, { headers: { Host: 'evil.example' } }).end(), 'response');
    expect(response.resume().statusCode).toBe(421);
  });
});

describe('without --json', () => {
  let printed = '';
  let started: ReturnType<typeof spawnService>;
  beforeAll(async () => {
    const [PORT, ISSUER_PORT] = await freePorts(2);
    started = spawnService({ ISSUER_PORT, PAGES: 'board' }, ['--port', PORT ?? '']);
    for await (const chunk of started.child.stdout?.setEncoding('utf8') ?? []) {
      printed += chunk;
      if (printed.includes('Ctrl-C')) break;
    }
  });
  afterAll(async () => {
    started.child.kill('SIGINT');
    await started.exited;
  });

  test('it prints a request that works as pasted, the pages that are there, and how long the token is valid', async () => {
    const [shell, ...flags] = process.platform === 'win32' ? ['powershell', '-Command'] : ['sh', '-c'];
    const request = /^(?:curl|Invoke-RestMethod) [\s\S]*?\}'$/m.exec(printed)?.[0] ?? '';
    const { stdout } = await run(shell ?? '', [...flags, request]);
    expect(stdout).toMatch(/#microsoft\.graph\.playPromptOperation.*Running/s);
    expect(printed.match(/a page at \S+/g)).toEqual([expect.stringMatching(/\/board$/)]);
    expect(printed).toContain('valid for 60 minutes');
    expect(printed).toContain('npm run --silent token');
  });

  testEmbedded('a line is printed for every request, without what it holds', async () => {
    const [, baseUrl = ''] = /service is at (\S+)\/v1\.0/.exec(printed) ?? [];
    const [, token = ''] = /Bearer ([\w.-]+)/.exec(printed) ?? [];
    const facts = { baseUrl, token };
    const good = await send({ facts }, 'GET', "/v1.0/playPromptOperation?$filter=clientContext eq 'secret context'");
    const bad = await patch({ facts }, { clientContext: 'secret context', status: 'secret status', odd: 1 });
    const path = '/v1.0/playPromptOperation';
    const [goodId, badId] = [good, bad].map(({ headers }) => headers.get('request-id'));
    await until(() => started.errors().includes(`${badId} `));
    expect(started.errors()).toMatch(new RegExp(`^GET ${path} 200 \\d+ ms ${goodId}$`, 'm'));
    expect(started.errors()).toMatch(new RegExp(`^PATCH ${path} 400 \\d+ ms ${badId} BadRequest status odd$`, 'm'));
    expect(started.errors()).not.toMatch(/secret/);
  });
});

describe('what was stored, and a token, outlive', () => {
  const folder = newFolder();
  const isPosix = process.platform !== 'win32';
  let env: NodeJS.ProcessEnv;
  let service: TestService;
  beforeAll(async () => {
    const [ISSUER_PORT] = await freePorts(1);
    env = { AZURITE_LOCATION: join(folder.path, 'tables'), KEYS_LOCATION: join(folder.path, 'keys'), ISSUER_PORT };
    service = await startService(env);
  });
  afterAll(async () => {
    await service.end('SIGINT');
    folder.remove();
  });

  /** Changes the operation, ends the service, and expects the same operation of the next one, by the same token. */
  async function endAndStartAgain(end: () => Promise<unknown>) {
    const { baseUrl, issuer, tables, token } = service.facts;
    const { json: before } = await patch(service, { id: 'kept', clientContext: crypto.randomUUID() });
    await end();
    for (const url of [baseUrl, issuer, tables]) expect(await isListening(Number(new URL(url).port))).toBe(false);
    service = await startService(env);
    const { json: after } = await patch({ facts: { ...service.facts, token } }, { id: 'kept' });
    expect({ ...after, '@odata.context': '' }).toEqual({ ...before, '@odata.context': '' });
  }

  test.each([
    ['Ctrl-C', 'SIGINT'] as const,
    ['SIGTERM', 'SIGTERM'] as const,
    // Core Tools keep running when their parent is killed.
    ...(testHost() === 'embedded' ? [['SIGKILL right after an answer', 'SIGKILL'] as const] : []),
    ...(isPosix ? [['the end of the terminal', 'SIGHUP'] as const] : []),
  ])('%s, and nothing is left running', async (_title, signal) => {
    await endAndStartAgain(async () => {
      // The terminal sends it to all processes.
      if (signal === 'SIGHUP') for (const pid of service.pids) process.kill(pid, signal);
      const code = await service.end(signal);
      // On Windows, a signal from another process ends a process at once.
      if (signal !== 'SIGKILL' && isPosix) expect(code).toBe(0);
    });
  });

  test('a SIGKILL of the app alone, which ends the rest in order', async () => {
    await endAndStartAgain(async () => {
      expect(service.pids).toHaveLength(2);
      process.kill(Number(service.pids[1]), 'SIGKILL');
      expect((await service.exited)[0]).toBe(1);
      expect(service.errors()).toContain('has ended by itself');
      expect(service.pids.filter(isRunning)).toEqual([]);
    });
  });

  (isPosix ? test : test.skip)('the end of the script that called npm start, which is no signal to it', async () => {
    await service.end('SIGINT');
    const command = `(npm start --silent -- --host ${testHost()} --app ${APP_FOLDER} --json --quiet; true) & echo $!; wait`;
    const ports = { PORT: '0', AZURITE_TABLE_PORT: '0' };
    const script = spawn('bash', ['-c', command], {
      env: { ...process.env, ...ports, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = createInterface(script.stdout)[Symbol.asyncIterator]();
    const next = async () => String((await lines.next()).value);
    const subshell = Number(await next());
    service = { ...service, facts: JSON.parse(await next()) };
    await endAndStartAgain(async () => {
      process.kill(subshell, 'SIGKILL');
      // The pipe is open for as long as any process of it runs.
      expect(await lines.next()).toMatchObject({ done: true });
    });
  });
});

testEmbedded('with --watch, a change of the source restarts the app, on the same port', async () => {
  const service = await startService({}, ['--app', '.', '--watch']);
  // As an editor that saves what has not changed.
  const now = new Date();
  utimesSync('functions/health.ts', now, now);
  await until(() => service.errors().includes('The app was restarted.'));
  expect((await patch(service, { id: 'after' })).status).toBe(200);
  expect(await service.end('SIGINT')).toBe(0);
});

describe('a start that fails reports why, exits with 1 and leaves nothing running', () => {
  const failing = async (env: NodeJS.ProcessEnv, flags?: string[]) => {
    const { errors, exited } = spawnService(env, flags);
    expect((await exited)[0]).toBe(1);
    return errors();
  };

  test('when ports are in use: all of them at once, with the variables to set, and what this service has there', async () => {
    const running = await startService({}, ['--host', 'embedded', '--https']);
    const { baseUrl, issuer, tables } = running.facts;
    const [PORT, ISSUER_PORT, AZURITE_TABLE_PORT] = [baseUrl, issuer, tables].map((url) => new URL(url).port);
    const errors = await failing({ PORT, ISSUER_PORT, AZURITE_TABLE_PORT });
    await running.end('SIGINT');
    for (const [variable, port, owner] of [
      ['PORT', PORT, 'this service already runs there'],
      ['ISSUER_PORT', ISSUER_PORT, 'the token issuer of this'],
      ['AZURITE_TABLE_PORT', AZURITE_TABLE_PORT, 'an Azurite'],
    ])
      expect(errors).toMatch(new RegExp(`\\b${variable}\\b.*: port ${port} is in use: ${owner}`));
  });

  test('when another program has the port', async () => {
    const stranger = createServer((_request, response) => response.end());
    const port = await listen(stranger, 0, 'STRANGER');
    expect(await failing({ PORT: String(port) })).toMatch(new RegExp(`PORT \\(the app\\): port ${port} is in use\\.`));
    await close(stranger);
  });

  test('when two parts are to have the same port', async () => {
    const [port] = await freePorts(1);
    const errors = await failing({ PORT: port, ISSUER_PORT: port });
    expect(errors).toContain(`ISSUER_PORT: port ${port} is in use, as PORT.`);
  });

  const folder = resolve('package.json/folder');
  const readOnly = (variable: string) => `${folder} cannot be written to. Set ${variable} to another folder.\n`;
  test.each<[string, NodeJS.ProcessEnv, string[], string | RegExp]>([
    ['the app was not packaged', {}, ['--app', 'dist/none'], 'npm run package'],
    ['an option is unknown', {}, ['--prot', '1'], '--prot'],
    ['a setting is bad, before anything is started', { AUTH_TENANTS: 'contoso' }, [], /AUTH_TENANTS.*contoso/],
    ['the store cannot be written to', { AZURITE_LOCATION: folder }, [], readOnly('AZURITE_LOCATION')],
    ['the keys cannot be written to', { KEYS_LOCATION: folder }, [], readOnly('KEYS_LOCATION')],
    ['a port is none', { PORT: 'http' }, [], 'PORT'],
    ['the host is none', {}, ['--host', 'iis'], '--host must be func or embedded'],
    ['Core Tools are asked for and are not there', { PATH: '/nonexistent' }, ['--host', 'func'], /Core Tools/],
  ])('when %s', async (_title, env, flags, sentence) => {
    expect(await failing(env, flags.length > 0 ? flags : undefined)).toMatch(sentence);
  });

  test('--help lists the options', async () => {
    const { stdout } = await run(process.execPath, ['local/start.ts', '--help']);
    for (const option of ['--port', '--https', '--json', '--quiet', '--host', '--app'])
      expect(stdout).toContain(option);
  });

  test('when the file of the store is damaged, with its name', async () => {
    const folder = newFolder();
    const file = join(folder.path, '__azurite_db_table__.json');
    writeFileSync(file, '{"filename":');
    expect(await failing({ AZURITE_LOCATION: folder.path })).toBe(
      `${file} is damaged. Move it away to start with an empty store, or put a copy in its place.\n`,
    );
    folder.remove();
  });
});

describe('the built entry point', () => {
  const required = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: 'a', TABLES_CONNECTION: azuriteConnection() };
  const start = async (settings: NodeJS.ProcessEnv, output: 2 | 'ignore' = 2) => {
    const host = await startChild('host.ts', { ...process.env, PORT: '0', ...required, ...settings }, { output });
    const { stop } = host;
    return { ...registered.parse(host.ready), stop };
  };
  const registered = z.object({
    port: z.number(),
    functions: z.array(z.object({ name: z.string(), route: z.string(), methods: z.array(z.string()) })),
    timers: z.array(z.unknown()),
  });

  test('is the file that package.json names, and registers a function for each address and a timer', async () => {
    const { functions, timers, stop } = await start({ RETENTION_DAYS: '30' });
    expect(timers).toEqual([{ name: 'deleteEndedPlayPromptOperations', schedule: '0 0 * * * *' }]);
    expect(functions.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, route }) => [name, route])).toEqual([
      ['batch', 'v1.0/$batch'],
      ['healthLive', 'health/live'],
      ['healthReady', 'health/ready'],
      ['metadata', 'v1.0/$metadata'],
      ['openApi', 'openapi.json'],
      ['playPromptOperation', 'v1.0/playPromptOperation/{id}'],
      ['playPromptOperationByKey', 'v1.0/playPromptOperation({key})'],
      ['playPromptOperations', 'v1.0/playPromptOperation'],
      ['serviceDocument', 'v1.0'],
      ['unknownUrl', '{*path}'],
    ]);
    for (const { methods } of functions) expect(methods).toEqual(expect.arrayContaining(['GET', 'HEAD', 'OPTIONS']));
    await stop();
    const { main } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(readFileSync(main, 'utf8')).toContain('createApp(');
  });

  test('that cannot start answers every request with a 500 that does not reveal why', async () => {
    const { port, stop } = await start({ AUTH_AUDIENCES: '' }, 'ignore');
    for (const path of ['/health/live', '/health/ready', '/v1.0/playPromptOperation', '/']) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('AUTH_')]);
    }
    await stop();
  });
});
