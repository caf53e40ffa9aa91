// The descriptions of the service, which need no token.
import { describe, expect, test } from '@jest/globals';
import { openApi } from '../../shared/description/openApi.ts';
import { useApp } from '../support/app.ts';

/** What of the document the requests with its examples need. */
interface Described {
  readonly paths: Record<string, PathItem>;
  readonly components: { readonly parameters: Record<string, Parameter> };
}
type PathItem = { parameters?: Reference[] } & { [method in 'get' | 'patch' | 'post' | 'delete']?: Method };
type Method = { parameters?: Reference[]; requestBody?: { content: Record<string, { example: object }> } };
type Reference = { $ref: string };
type Parameter = { name: string; in: string; example?: string; schema: { examples?: unknown[] } };

const app = useApp();

const ask = (path: string, headers: Record<string, string> = {}) =>
  app.send({ method: 'GET', path, headers, token: undefined });

test.each(['/v1.0', '/v1.0/', '/V1.0/$METADATA', '/OpenAPI.json'])('%s cares for no token', async (path) => {
  for (const authorization of ['Bearer none', 'Basic YTpi'])
    expect((await ask(path, { authorization })).status).toBe(200);
});

test.each<[query: string, accept: string | undefined, form: 'xml' | 'json']>([
  ['', undefined, 'xml'],
  ['', 'application/json, application/xml;q=0.9', 'json'],
  ['?format=xml', 'application/json', 'xml'],
])('$metadata%s with Accept %j is in %s', async (query, accept, form) => {
  const { status, headers, text } = await ask(`/v1.0/$metadata${query}`, accept === undefined ? {} : { accept });
  expect([status, headers.get('content-type')]).toEqual([200, `application/${form}`]);
  expect(text).toMatch(form === 'xml' ? /^<\?xml / : /^\{"\$Version":"4\.0"/);
});

test('the service document names the entity set, whose address is below its own', async () => {
  const { headers, json } = await ask('/v1.0/');
  expect(headers.get('content-type')).toContain('application/json;odata.metadata=minimal');
  expect(json).toEqual({
    '@odata.context': 'http://127.0.0.1:7071/v1.0/$metadata',
    value: [{ name: 'playPromptOperation', kind: 'EntitySet', url: 'playPromptOperation' }],
  });
});

test('openapi.json names the server that was asked', async () => {
  for (const server of ['http://127.0.0.1:7071', 'https://example.org']) {
    const { headers, text, json } = await ask(`${server}/openapi.json`);
    expect(headers.get('content-type')).toBe('application/json');
    // Its example of a header is the time at which it was asked.
    const now = new Date(json.components.parameters.repeatabilityFirstSent.schema.examples[0]);
    expect(json).toEqual(JSON.parse(JSON.stringify(openApi(server, { notifications: false }, now))));
    expect(new Set(text.match(/https?:[^"]+(?=\/v1\.0)/g))).toEqual(new Set([server]));
  }
});

test('openapi.json is in OpenAPI 3.0 if that is asked for', async () => {
  const { openapi, components } = (await ask('/openapi.json?version=3.0')).json;
  expect(openapi).toBe('3.0.3');
  const { clientContext } = components.schemas.playPromptOperation.properties;
  expect(clientContext).toMatchObject({ type: 'string', nullable: true });
  const refused = await ask('/openapi.json?version=2.0');
  expect([refused.status, refused.json.error.details]).toMatchObject([400, [{ target: 'version' }]]);
});

test('what every context URL leads to is there', async () => {
  const { json } = await app.send({ body: { clientContext: 'context' } });
  const { pathname, hash } = new URL(json['@odata.context']);
  const { json: csdl } = await ask(`${pathname}?$format=json`);
  const [namespace = '', container = ''] = csdl.$EntityContainer.split(/\.(?=\w+$)/);
  expect(csdl[namespace][container]).toHaveProperty(hash.slice(1).replace(/\/.*/, ''));
});

describe('every request works with the example of each parameter', () => {
  const described = openApi('http://127.0.0.1:7071', { notifications: false });
  const { paths, components }: Described = JSON.parse(JSON.stringify(described));
  const parameterOf = ({ $ref }: Reference) => components.parameters[$ref.replace(/.*\//, '')];
  const requests = Object.entries(paths).flatMap(([path, { parameters: common = [], ...methods }]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      path,
      method: method.toUpperCase(),
      parameters: [...parameters, ...common].flatMap((each) => parameterOf(each) ?? []),
      body: requestBody?.content['application/json']?.example,
    })),
  );

  test.each(requests)('$method $path', async ({ path, method, parameters, body }) => {
    const send = async (headers: Record<string, string>, query = '') => {
      const id = parameters.find((each) => each.in === 'path')?.example;
      // What the examples are about.
      await app.send({ path: `/v1.0/playPromptOperation/${id ?? 'a'}`, body: {} });
      const whole = path.replace('{id}', id ?? '') + query;
      return (await app.send({ method, path: whole, headers, ...(body && { body }) })).status;
    };
    expect(await send({})).toBeLessThan(300);
    const repeatable: Record<string, string> = {};
    for (const { name, in: place, schema } of parameters) {
      const [example] = schema.examples ?? [];
      if (example === undefined) continue;
      if (name.startsWith('Repeatability-')) repeatable[name] = String(example);
      else if (place === 'query')
        expect([name, await send({}, `?${name}=${encodeURIComponent(String(example))}`)]).toEqual([name, 200]);
      // That is what If-None-Match is for.
      else if (name === 'If-None-Match' && example === '*') expect(await send({ [name]: '*' })).toBe(412);
      else expect([name, (await send({ [name]: String(example) })) < 300]).toEqual([name, true]);
    }
    expect(await send(repeatable)).toBe(await send({}));
  });
});
