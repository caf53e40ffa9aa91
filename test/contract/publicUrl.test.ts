import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';

const PUBLIC_URL = 'https://gateway.example/prompts';
const ROOT = `${PUBLIC_URL}/v1.0`;

const app = useApp({ PUBLIC_URL });

test('every link begins with PUBLIC_URL, whatever address the host saw', async () => {
  const paths: string[] = [];
  for (const id of ['a', 'b']) {
    const path = `/v1.0/playPromptOperation/${id}`;
    const { json } = await app.send({ path, body: { clientContext: 'x' } });
    expect(json['@odata.context']).toBe(`${ROOT}/$metadata#playPromptOperation/$entity`);
    const minimal = await app.send({ path, body: {}, headers: { prefer: 'return=minimal' } });
    expect(minimal.headers.get('odata-entityid')).toBe(`${ROOT}/playPromptOperation/${id}`);
  }
  for (let next: string | undefined = `${ROOT}/playPromptOperation?$top=1`; next; ) {
    expect(next).toContain(`${ROOT}/playPromptOperation?`);
    paths.push(next.slice(PUBLIC_URL.length));
    const { json } = await app.send({ method: 'GET', path: paths.at(-1) ?? '' });
    next = json['@odata.nextLink'];
  }
  expect(paths.length).toBeGreaterThan(1);
});

test('so do those in a batch, in descriptions, and at the root', async () => {
  const requests = [
    { id: '1', method: 'GET', url: '/prompts/v1.0/playPromptOperation/a' },
    { id: '2', method: 'GET', url: '/' },
  ];
  const { json } = await app.send({ method: 'POST', path: '/v1.0/$batch', body: { requests } });
  expect(json.responses.map(({ body }: { body: Record<string, string> }) => body['@odata.context']).sort()).toEqual([
    `${ROOT}/$metadata`,
    `${ROOT}/$metadata#playPromptOperation/$entity`,
  ]);
  const document = (await app.send({ method: 'GET', path: '/openapi.json' })).json;
  expect(document.servers).toEqual([{ url: PUBLIC_URL }]);
  const links: string[] = Object.values((await app.send({ method: 'GET', path: '/' })).json);
  expect(links.filter((link) => !link.startsWith(`${PUBLIC_URL}/`))).toEqual([]);
  expect(links).toContain(`${PUBLIC_URL}/openapi.json`);
});
