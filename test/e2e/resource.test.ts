// What a caller does with operations beside updating them, over HTTP.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { csdl } from '../../shared/description/csdl.ts';
import { toCsdlXml } from '../../shared/description/csdlXml.ts';
import { openApi } from '../../shared/description/openApi.ts';
import { checkAnswer } from '../support/openApi.ts';
import { newFolder, patch, send, startService, type TestService } from '../support/service.ts';

const folder = newFolder();
let service: TestService;
beforeAll(async () => {
  service = await startService({ AZURITE_LOCATION: folder.path, RETENTION_DAYS: '1' });
});
afterAll(async () => {
  await service.end('SIGINT');
  folder.remove();
});

const ENTITIES = '/v1.0/playPromptOperation';
const get = (path: string, headers: Record<string, string> = {}) => send(service, 'GET', path, { headers });

describe('an operation', () => {
  test('is read back as it was written, by either form of its address, and in any casing', async () => {
    const written = await patch(service, { id: 'read', status: 'Running', clientContext: 'é😀' });
    for (const path of [`${ENTITIES}/read`, `${ENTITIES}('read')`, `${ENTITIES.toUpperCase()}/read/`]) {
      const { status, headers, json } = await get(path);
      expect([status, headers.get('etag')]).toEqual([200, written.headers.get('etag')]);
      expect({ ...json, '@odata.context': written.json['@odata.context'] }).toEqual(written.json);
    }
  });

  test('is not sent again to whom has it', async () => {
    const { headers } = await patch(service, { id: 'known', status: 'Running' });
    const etag = headers.get('etag') ?? '';
    const again = await get(`${ENTITIES}/known`, { 'if-none-match': etag });
    expect([again.status, again.json, again.headers.get('etag')]).toEqual([304, undefined, etag]);
    await patch(service, { id: 'known', status: 'Completed' });
    expect((await get(`${ENTITIES}/known`, { 'if-none-match': etag })).json.status).toBe('Completed');
  });

  test('has headers that HEAD returns too', async () => {
    const { headers } = await patch(service, { id: 'headed' });
    const head = await send(service, 'HEAD', `${ENTITIES}/headed`);
    expect([head.status, head.json, head.headers.get('etag')]).toEqual([200, undefined, headers.get('etag')]);
  });
});

test('an update that is sent again with its repeatability headers gets the first answer again', async () => {
  const headers = {
    'repeatability-request-id': crypto.randomUUID(),
    'repeatability-first-sent': new Date().toUTCString(),
  };
  const update = () => patch(service, { id: 'repeated', status: 'Running' }, { headers });
  const first = await update();
  expect(first.headers.get('repeatability-result')).toBe('accepted');
  await patch(service, { id: 'repeated', status: 'Completed' });
  expect((await update()).json).toEqual(first.json);
  expect((await get(`${ENTITIES}/repeated`)).json.status).toBe('Completed');
});

test('what is deleted is gone, once', async () => {
  const { headers } = await patch(service, { id: 'gone' });
  const remove = () =>
    send(service, 'DELETE', `${ENTITIES}/gone`, { headers: { 'if-match': headers.get('etag') ?? '' } });
  expect((await Promise.all([remove(), remove(), remove()])).map(({ status }) => status).sort()).toEqual([
    204, 404, 404,
  ]);
  expect((await get(`${ENTITIES}/gone`)).status).toBe(404);
});

test('a timer can be run by hand, as on the real host; it takes nothing that ended lately', async () => {
  await patch(service, { id: 'ended', status: 'Completed' });
  const { status } = await send(service, 'POST', '/admin/functions/deleteEndedPlayPromptOperations', { body: {} });
  expect(status).toBe(202);
  expect(service.errors()).toContain('{"deleted":0,"isDone":true}');
  expect((await get(`${ENTITIES}/ended`)).status).toBe(200);
  const { status: unknown } = await send(service, 'POST', '/admin/functions/unknown', { body: {} });
  expect(unknown).toBe(404);
});

describe('a list', () => {
  test('has every operation once, over as many pages as its links lead to', async () => {
    const ids = Array.from({ length: 45 }, (_, n) => `listed-${n}`);
    await Promise.all(ids.map((id) => patch(service, { id, clientContext: 'in a list' })));
    const found: string[] = [];
    let pages = 0;
    let path: string | undefined = `${ENTITIES}?$filter=clientContext eq 'in a list'&$select=id&$top=10&$count=true`;
    while (path !== undefined) {
      const { status, json } = await get(path);
      expect([status, json['@odata.count']]).toEqual([200, pages === 0 ? 45 : undefined]);
      found.push(...json.value.map(({ id }: { id: string }) => id));
      path = json['@odata.nextLink'];
      pages += 1;
    }
    expect(found.sort()).toEqual(ids.sort());
    expect(pages).toBeGreaterThanOrEqual(5);
  });
});

describe('the service describes itself without a token', () => {
  const describing = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(new URL(path, service.facts.baseUrl), { headers });
    const body = await answer.text();
    checkAnswer({ method: 'GET', url: answer.url, status: answer.status, headers: answer.headers, body });
    return { mediaType: answer.headers.get('content-type'), body };
  };

  test('in OpenAPI, as the document that the answers of all these tests are held against', async () => {
    const { mediaType, body } = await describing('/openapi.json');
    expect(mediaType).toBe('application/json');
    const document = JSON.stringify(openApi(service.facts.baseUrl, { notifications: true }));
    // Some examples are good for a time only.
    const times = /\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT/g;
    expect(JSON.parse(body.replace(times, ''))).toEqual(JSON.parse(document.replace(times, '')));
  });

  test('in CSDL, XML or JSON', async () => {
    expect(await describing('/v1.0/$metadata')).toEqual({
      mediaType: 'application/xml',
      body: toCsdlXml({ notifications: true }),
    });
    expect(await describing('/V1.0/%24metadata?$format=json')).toEqual({
      mediaType: 'application/json',
      body: JSON.stringify(csdl({ notifications: true })),
    });
  });

  test('in a service document, from which a client finds the operations', async () => {
    const root = JSON.parse((await describing('/v1.0/')).body);
    const { pathname } = new URL(root.value[0].url, root['@odata.context']);
    expect((await get(pathname)).json['@odata.context']).toBe(`${root['@odata.context']}#${root.value[0].name}`);
  });
});

test('the board is a page that has all its parts', async () => {
  const { baseUrl } = service.facts;
  const page = await (await fetch(`${baseUrl}/board`)).text();
  const parts = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => new URL(path ?? '', baseUrl).href);
  expect(parts.length).toBeGreaterThan(2);
  for (const part of parts) expect((await fetch(part)).status).toBe(200);
});
