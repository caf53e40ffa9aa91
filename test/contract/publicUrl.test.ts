import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';

const PUBLIC_URL = 'https://gateway.example/prompts';
const ROOT = `${PUBLIC_URL}/v1.0`;
const PATH = '/v1.0/playPromptOperation';

const app = useApp({ PUBLIC_URL });
const get = async (path: string) => (await app.send({ method: 'GET', path })).json;

test('every link begins with PUBLIC_URL, whatever address the host saw', async () => {
  const { json } = await app.send({ path: `${PATH}/a`, body: {} });
  expect(json['@odata.context']).toBe(`${ROOT}/$metadata#playPromptOperation/$entity`);
  const minimal = await app.send({ path: `${PATH}/b`, body: {}, headers: { prefer: 'return=minimal' } });
  expect(minimal.headers.get('odata-entityid')).toBe(`${ROOT}/playPromptOperation/b`);
  const { '@odata.nextLink': next } = await get(`${PATH}?$top=1`);
  expect(next).toContain(`${ROOT}/playPromptOperation?`);
  expect(await get(next.slice(PUBLIC_URL.length))).toMatchObject({ value: [expect.anything()] });
});

test('so do those in a batch, in descriptions, and at the root', async () => {
  const requests = [
    { id: '1', method: 'GET', url: '/prompts/v1.0/playPromptOperation' },
    { id: '2', method: 'GET', url: '/' },
  ];
  const { json } = await app.send({ method: 'POST', path: '/v1.0/$batch', body: { requests } });
  const contexts = json.responses.map(({ body }: { body: Record<string, string> }) => body['@odata.context']);
  expect(contexts).toEqual([`${ROOT}/$metadata#playPromptOperation`, `${ROOT}/$metadata`]);
  expect((await get('/openapi.json')).servers).toEqual([{ url: PUBLIC_URL }]);
  for (const link of Object.values(await get('/'))) expect(link).toMatch(new RegExp(`^${PUBLIC_URL}/`));
});
