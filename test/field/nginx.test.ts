// The service behind nginx, below a path, with the lines that docs/gateways.md has. A few seconds.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { PlayPromptClient } from '../../client/index.ts';
import { isListening } from '../support/httpsStore.ts';
import { freePorts, newFolder, startService, type TestService } from '../support/service.ts';

const page = z.object({
  '@odata.context': z.string(),
  '@odata.nextLink': z.string().optional(),
  value: z.array(z.object({ id: z.string() })),
});

const isThere = spawnSync('nginx', ['-v']).status === 0;
if (!isThere && process.env.CI) throw new Error('nginx is missing.');

const suite = isThere ? describe : describe.skip;
suite(isThere ? 'behind nginx' : 'behind nginx, which is missing', () => {
  const folder = newFolder();
  const configuration = mkdtempSync(join(tmpdir(), 'nginx-'));
  let service: TestService;
  let nginx: ChildProcess;
  let publicUrl: string;
  beforeAll(async () => {
    const [port = ''] = await freePorts(1);
    publicUrl = `http://127.0.0.1:${port}/prompts`;
    const env = { AZURITE_LOCATION: folder.path, PUBLIC_URL: publicUrl, PAGES: 'board,docs' };
    service = await startService(env, ['--app', '.']);
    const [, location = ''] = /```nginx\n(.+?)```/s.exec(readFileSync('docs/gateways.md', 'utf8')) ?? [];
    const lines = location.replace('https://APP.azurewebsites.net', service.facts.baseUrl);
    expect(lines).toContain(service.facts.baseUrl);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (each) => `${each}_temp_path ${configuration};`,
    );
    writeFileSync(
      join(configuration, 'nginx.conf'),
      `daemon off; pid ${configuration}/nginx.pid; events {}
      http { access_log off; ${paths.join(' ')} server { listen 127.0.0.1:${port}; ${lines} } }`,
    );
    nginx = spawn('nginx', ['-c', join(configuration, 'nginx.conf'), '-e', 'stderr'], { stdio: ['ignore', 2, 2] });
    while (!(await isListening(Number(port)))) if (nginx.exitCode !== null) throw new Error('nginx has ended.');
  });
  afterAll(async () => {
    nginx?.kill('SIGQUIT');
    if (nginx?.exitCode === null) await once(nginx, 'exit');
    await service?.end('SIGINT');
    rmSync(configuration, { recursive: true, force: true });
    folder.remove();
  });

  test('a client works with the address of the gateway, and follows the links of responses', async () => {
    const getToken = () => service.facts.token ?? '';
    const client = new PlayPromptClient({ baseUrl: publicUrl, getToken });
    const ids = ['a', 'b', 'c'];
    for (const id of ids) await client.update({ clientContext: 'gateway' }, { id });
    const follow = async (url: string) => {
      const response = await fetch(url, { headers: { Authorization: `Bearer ${getToken()}` } });
      expect([url, response.status]).toEqual([url, 200]);
      return response.json();
    };
    const found: string[] = [];
    let next: string | undefined = `${publicUrl}/v1.0/playPromptOperation?$top=1`;
    while (next !== undefined) {
      const { value, ...links } = page.parse(await follow(next));
      expect(links['@odata.context']).toBe(`${publicUrl}/v1.0/$metadata#playPromptOperation`);
      found.push(...value.map(({ id }) => id));
      next = links['@odata.nextLink'];
    }
    expect(found.sort()).toEqual(ids);
    const { service: root, openApi, live } = z.record(z.string(), z.string()).parse(await follow(`${publicUrl}/`));
    for (const link of [root, openApi, live]) await follow(link ?? '');
  });

  test.each(['board', 'docs'])('the files and links of /%s are found below the path', async (name) => {
    const queue = [`${publicUrl}/${name}`];
    const types: string[] = [];
    for (const url of queue) {
      const response = await fetch(url);
      const type = response.headers.get('content-type')?.replace(/;.*/, '') ?? '';
      expect([url, response.status, type]).toEqual([url, 200, expect.any(String)]);
      types.push(type);
      if (/swagger-ui/.test(url)) continue;
      const links = (await response.text()).matchAll(
        /(?:href=|src=|from |new URL\()["']([\w./-]+)["'](?=[\s/>;]|, import)/g,
      );
      for (const [, link = ''] of links) {
        const { href } = new URL(link, url);
        if (!queue.includes(href)) queue.push(href);
      }
    }
    for (const type of ['text/css', 'text/javascript', 'image/svg+xml']) expect(types).toContain(type);
    expect(types.filter((type) => type === 'text/html')).toHaveLength(2);
  });

  test('a body in chunks arrives, since nginx sends its length', async () => {
    const response = await fetch(`${publicUrl}/v1.0/playPromptOperation/chunked`, {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${service.facts.token}`, 'Content-Type': 'application/json' },
      body: ReadableStream.from(['{"status":', '"Running"}']).pipeThrough(new TextEncoderStream()),
      duplex: 'half',
    });
    expect(response.status).toBe(200);
  });
});
