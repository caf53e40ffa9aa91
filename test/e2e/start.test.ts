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
import { startChild } from '../../local/childProcess.ts';
import { close, listen } from '../../local/loopback.ts';
import { TENANT } from '../support/operations.ts';
import { environmentFor } from '../support/receiver.ts';
import {
  APP_FOLDER,
  freePorts,
  isRunning,
  newFolder,
  patch,
  send,
  spawnService,
  startService,
  type TestService,
  testHost,
} from '../support/service.ts';
import { azuriteConnection } from '../support/tables.ts';
import { useService } from '../support/useService.ts';

// For what only the embedded host has.
const testEmbedded = testHost() === 'embedded' ? test : test.skip;

const run = promisify(execFile);
const isFree = async (url: string) => (await Promise.allSettled([fetch(url)]))[0]?.status === 'rejected';

/** Reads an answer of the issuer. */
async function json(answer: Response) {
  return z.record(z.string(), z.unknown()).parse(await answer.json());
}

describe('a service that was started', () => {
  const service = useService();

  test('prints where everything is, in one line of JSON', () => {
    const { baseUrl, issuer, tokenEndpoint, tenant, tables, host } = service.facts;
    expect(service.facts).not.toHaveProperty('certificate');
    expect(baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(issuer).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/${tenant}/v2\\.0$`));
    expect(tokenEndpoint).toBe(issuer.replace('/v2.0', '/oauth2/v2.0/token'));
    expect(tables).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/devstoreaccount1$/);
    expect(host).toBe(testHost());
  });

  test('answers the reference page’s own example, with the token that it printed', async () => {
    const body = {
      '@odata.type': '#microsoft.graph.playPromptOperation',
      clientContext: 'String',
      resultInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
      status: 'Running',
      completionReason: 'unknown',
    };
    const first = await patch(service, body);
    const again = await patch(service, { ...body, status: 'Completed' });
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.json).toMatchObject({ id: first.json.id, status: 'Completed' });
  });

  test('has an issuer on Entra’s paths, whose tokens it takes', async () => {
    const { issuer, tokenEndpoint, tenant, audience } = service.facts;
    const discovery = await json(await fetch(`${issuer}/.well-known/openid-configuration`));
    expect(discovery).toMatchObject({ issuer, token_endpoint: tokenEndpoint });
    expect(discovery.jwks_uri).toMatch(new RegExp(`/${tenant}/discovery/v2\\.0/keys$`));
    const form = { grant_type: 'client_credentials', client_id: 'a', scope: `${audience}/.default` };
    const secret = { client_secret: 'b' };
    const statusWith = async (more: Record<string, string>) => {
      const body = new URLSearchParams({ ...form, ...more });
      const { access_token } = await json(await fetch(tokenEndpoint, { method: 'POST', body }));
      const facts = { ...service.facts, token: String(access_token) };
      return [decodeJwt(facts.token).roles, (await patch({ facts }, { clientContext: 'by form' })).status];
    };
    expect(await statusWith({ ...secret, role: 'Calls.AccessMedia.All' })).toEqual([['Calls.AccessMedia.All'], 200]);
    expect(await statusWith(secret)).toEqual([['Calls.Initiate.All'], 200]);
    expect(await statusWith({ client_assertion: 'a.b.c' })).toEqual([['Calls.Initiate.All'], 200]);
    const { error } = await json(await fetch(tokenEndpoint, { method: 'POST', body: new URLSearchParams(form) }));
    expect(error).toBe('invalid_request');
    expect(await statusWith({ ...secret, role: '' })).toEqual([[], 403]);
  });

  test('has an issuer whose tokens name the application that asks, and its principal in the tenant', async () => {
    const { tokenEndpoint, tenant, audience } = service.facts;
    const tokenOf = async (clientId: string, of = tenant) => {
      const body = { grant_type: 'client_credentials', client_secret: 'b', scope: `${audience}/.default` };
      const url = tokenEndpoint.replace(tenant, of);
      const response = await fetch(url, {
        method: 'POST',
        body: new URLSearchParams({ ...body, client_id: clientId }),
      });
      const { azp, oid, sub } = decodeJwt(String((await json(response)).access_token));
      expect(oid).toBe(sub);
      return { azp, oid };
    };
    const id = crypto.randomUUID();
    const one = await tokenOf(id);
    expect(one.azp).toBe(id);
    expect(await tokenOf(id)).toEqual(one);
    const elsewhere = await tokenOf(id, crypto.randomUUID());
    expect([elsewhere.azp, elsewhere.oid === one.oid]).toEqual([id, false]);
    const local = decodeJwt(service.facts.token ?? '');
    expect(await tokenOf('local')).toEqual({ azp: local.azp, oid: local.oid });
    expect((await tokenOf('another')).azp).not.toBe(local.azp);
  });

  test('has an issuer whose tokens a page of this machine can read, and no page of another', async () => {
    const { tokenEndpoint } = service.facts;
    const allowed = async (Origin: string) =>
      (await fetch(tokenEndpoint, { method: 'POST', headers: { Origin } })).headers.get('access-control-allow-origin');
    expect(await allowed('http://127.0.0.1:7071')).toBe('http://127.0.0.1:7071');
    expect(await allowed('http://localhost:3000')).toBe('http://localhost:3000');
    for (const origin of ['https://evil.example', 'http://127.0.0.1.evil.example', 'null']) {
      expect(await allowed(origin)).toBeNull();
    }
  });

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

  testEmbedded.each(['app', 'issuer'])('has an %s that answers to names of this machine only', async (part) => {
    const { baseUrl, issuer } = service.facts;
    const base = new URL(part === 'app' ? `${baseUrl}/health/live` : `${issuer}/.well-known/openid-configuration`);
    const statusOf = async (...hosts: string[]) => {
      const asked = httpRequest(base, { headers: hosts.flatMap((host) => ['Host', host]) }).end();
      const [response] = await once(asked, 'response');
      return response.resume().statusCode;
    };
    expect(await Promise.all(['localhost', 'evil.example', 'a#b'].map((host) => statusOf(host)))).toEqual([
      200, 421, 400,
    ]);
    expect(await statusOf('localhost', 'localhost')).toBe(400);
  });

  test('keeps every one of 200 concurrent updates of one operation, or answers 409 or 503', async () => {
    const path = `/${crypto.randomUUID()}`;
    const bodyOf = [
      (n: number) => ({ clientContext: `${n}` }),
      (n: number) => ({ resultInfo: { code: n } }),
      (n: number) => ({ resultInfo: { subcode: n } }),
      (n: number) => ({ resultInfo: { message: `${n}` } }),
    ];
    const sent = Array.from({ length: 200 }, (_, n) => bodyOf[n % bodyOf.length]?.(n) ?? {});
    const answers = await Promise.all(sent.map((body) => patch(service, body, { path })));
    expect(answers.filter(({ status }) => ![200, 409, 503].includes(status))).toEqual([]);
    for (const [n, { status, json }] of answers.entries())
      if (status === 200) expect(json).toMatchObject(sent[n] ?? {});
    // The last word on each member is that of an update that was answered 200.
    const { clientContext, resultInfo } = (await patch(service, {}, { path })).json;
    const { code, subcode, message } = resultInfo;
    const accepted = sent.filter((_, n) => answers[n]?.status === 200);
    for (const last of [
      { clientContext },
      { resultInfo: { code } },
      { resultInfo: { subcode } },
      { resultInfo: { message } },
    ])
      expect(accepted).toContainEqual(last);
  });
});

describe('without --json', () => {
  const folder = newFolder();
  let printed = '';
  let started: ReturnType<typeof spawnService>;
  beforeAll(async () => {
    const [PORT, ISSUER_PORT] = await freePorts(2);
    started = spawnService({ AZURITE_LOCATION: folder.path, ISSUER_PORT, PAGES: 'board' }, ['--port', PORT ?? '']);
    for await (const chunk of started.child.stdout?.setEncoding('utf8') ?? []) {
      printed += chunk;
      if (printed.includes('Ctrl-C')) break;
    }
  });
  afterAll(async () => {
    started.child.kill('SIGINT');
    await started.exited;
    folder.remove();
  });

  test('it prints a request that works as pasted', async () => {
    const [shell, ...flags] = process.platform === 'win32' ? ['powershell', '-Command'] : ['sh', '-c'];
    const request = /^(?:curl|Invoke-RestMethod) [\s\S]*?\}'$/m.exec(printed)?.[0] ?? '';
    const { stdout } = await run(shell ?? '', [...flags, request]);
    expect(stdout).toContain('#microsoft.graph.playPromptOperation');
    expect(stdout).toContain('Running');
  });

  test('it names the pages that are there, how long the token is valid, and how to get another', () => {
    expect(printed.match(/a page at \S+/g)).toEqual([expect.stringMatching(/\/board$/)]);
    expect(printed).toContain('valid for 60 minutes');
    expect(printed).toContain('npm run --silent token');
  });

  testEmbedded('a line is printed for every request, for a refusal with the code and the targets', async () => {
    const [, baseUrl = ''] = /service is at (\S+)\/v1\.0/.exec(printed) ?? [];
    const [, token = ''] = /Bearer ([\w.-]+)/.exec(printed) ?? [];
    const facts = { baseUrl, token };
    const good = await send({ facts }, 'GET', "/v1.0/playPromptOperation?$filter=clientContext eq 'secret context'");
    const bad = await patch({ facts }, { clientContext: 'secret context', status: 'secret status', odd: 1 });
    const anonymous = await patch({ facts: { ...facts, token: 'secret.to.ken' } }, {});
    expect([good.status, bad.status, anonymous.status]).toEqual([200, 400, 401]);
    const lineOf = (answer: typeof good) => {
      const id = answer.headers.get('request-id') ?? '';
      return started
        .errors()
        .split('\n')
        .filter((line) => line.includes(id) && !line.includes('{'))
        .map((line) => line.replace(id, '{id}').replace(/\d+ ms/, '{n} ms'));
    };
    expect(lineOf(good)).toEqual(['GET /v1.0/playPromptOperation 200 {n} ms {id}']);
    expect(lineOf(bad)).toEqual(['PATCH /v1.0/playPromptOperation 400 {n} ms {id} BadRequest status odd']);
    expect(lineOf(anonymous)).toEqual(['PATCH /v1.0/playPromptOperation 401 {n} ms {id} InvalidAuthenticationToken']);
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
    for (const url of [baseUrl, issuer, tables]) expect(await isFree(url)).toBe(true);
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
      if (signal === 'SIGHUP') for (const { pid } of service.parts) process.kill(pid, signal);
      const code = await service.end(signal);
      // On Windows, a signal from another process ends a process at once.
      if (signal !== 'SIGKILL' && isPosix) expect(code).toBe(0);
    });
  });

  test('a SIGKILL of the app alone, which ends the rest in order', async () => {
    await endAndStartAgain(async () => {
      const app = service.parts.at(-1);
      if (app === undefined) throw new Error('The service reported no part.');
      process.kill(app.pid, 'SIGKILL');
      const [code] = await once(service.process, 'exit');
      expect(code).toBe(1);
      expect(service.errors()).toContain('has ended by itself');
      expect(service.parts).toHaveLength(2);
      expect(service.parts.filter(isRunning)).toEqual([]);
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
  const folder = newFolder();
  const service = await startService({ AZURITE_LOCATION: folder.path }, ['--app', '.', '--watch']);
  // As an editor that saves what has not changed.
  const now = new Date();
  utimesSync('functions/health.ts', now, now);
  while (!service.errors().includes('The app was restarted.'))
    await once(service.process.stderr ?? service.process, 'data');
  expect((await patch(service, { id: 'after' })).status).toBe(200);
  expect(await service.end('SIGINT')).toBe(0);
  folder.remove();
});

describe('a start that fails reports why, exits with 1 and leaves nothing running', () => {
  const failing = async (env: NodeJS.ProcessEnv, flags?: string[]) => {
    const folder = newFolder();
    const { errors, exited } = spawnService({ AZURITE_LOCATION: folder.path, ...env }, flags);
    const [code] = await exited;
    folder.remove();
    expect(code).toBe(1);
    return errors();
  };

  test('when ports are in use: all of them at once, with the variables to set', async () => {
    const others = ['PORT', 'ISSUER_PORT', 'AZURITE_TABLE_PORT'].map((variable) => ({
      variable,
      server: createServer((_request, response) => response.end()),
    }));
    const ports = await Promise.all(others.map(({ server }) => listen(server, 0, '')));
    const errors = await failing(Object.fromEntries(others.map(({ variable }, n) => [variable, String(ports[n])])));
    for (const [n, { variable, server }] of others.entries()) {
      expect(errors).toMatch(new RegExp(`${variable} \\(.*\\): port ${ports[n]} is in use\\.`));
      await close(server);
    }
  });

  test('when this very service runs there, over https', async () => {
    const folder = newFolder();
    const running = await startService({ AZURITE_LOCATION: folder.path }, ['--host', 'embedded', '--https']);
    const { baseUrl, issuer, tables } = running.facts;
    const [PORT, ISSUER_PORT, AZURITE_TABLE_PORT] = [baseUrl, issuer, tables].map((url) => new URL(url).port);
    const errors = await failing({ PORT, ISSUER_PORT, AZURITE_TABLE_PORT });
    await running.end('SIGINT');
    folder.remove();
    expect(errors).toContain(`PORT (the app): port ${PORT} is in use: this service already runs there`);
    expect(errors).toContain(`port ${ISSUER_PORT} is in use: the token issuer of this service already runs there`);
    expect(errors).toContain(`port ${AZURITE_TABLE_PORT} is in use: an Azurite already runs there`);
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
  const registered = z.object({
    functions: z.array(z.object({ name: z.string(), route: z.string(), methods: z.array(z.string()) })),
  });
  const required = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: 'a', TABLES_CONNECTION: azuriteConnection() };
  const env = { ...process.env, PORT: '0', ...required };

  test('is the file that package.json names, and registers a function for each address, in the order in which the host tries them', async () => {
    const host = await startChild('host.ts', env);
    expect(host.ready).toMatchObject({ timers: [] });
    const functions = registered.parse(host.ready).functions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(functions.map(({ name, route }) => [name, route])).toEqual([
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
    await host.stop();
    const { main } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(readFileSync(main, 'utf8')).toContain('createApp(');
  });

  test('registers the timer of retention only where that is set', async () => {
    const host = await startChild('host.ts', { ...env, RETENTION_DAYS: '30' });
    const timers = [{ name: 'deleteEndedPlayPromptOperations', schedule: '0 0 * * * *' }];
    expect(host.ready).toMatchObject({ timers });
    await host.stop();
  });

  test('that cannot start answers every request with a 500 that does not reveal why', async () => {
    const host = await startChild('host.ts', { ...env, AUTH_AUDIENCES: '' }, { output: 'ignore' });
    const { port } = z.object({ port: z.number() }).parse(host.ready);
    for (const path of ['/health/live', '/health/ready', '/v1.0/playPromptOperation', '/']) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('AUTH_')]);
    }
    await host.stop();
  });
});
