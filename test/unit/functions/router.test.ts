import { expect, test } from '@jest/globals';
import { createRouter } from '../../../functions/router.ts';

const serve = (template: string, ...methods: string[]) => ({
  name: template,
  template,
  methods: methods.length > 0 ? methods : ['PATCH'],
});

/** What a route finds for an address: the template that serves it, and its parameters. */
function finder(prefix: string, ...routes: readonly (string | ReturnType<typeof serve>)[]) {
  const route = createRouter(
    prefix,
    routes.map((each) => (typeof each === 'string' ? serve(each) : each)),
  );
  return (path: string, method = 'PATCH') => {
    const found = route(method, path);
    return found && [found.served.template, { ...found.params }];
  };
}

const LITERALS = ['a(b)', 'a[b]', 'a:b', 'a*b', 'a+b', 'a!b', 'a?b', '$a', 'a.b', 'a|b', '^a'];

// Letters count in any casing, and a slash at the end does not. A parameter is decoded, and keeps its casing.
test.each<[template: string, path: string, params: Record<string, string>]>([
  ['v1.0/playPromptOperation', '/v1.0/playPromptOperation', {}],
  ['v1.0/playPromptOperation', '/V1.0/PLAYPROMPTOPERATION/', {}],
  ...LITERALS.map((segment): [string, string, Record<string, string>] => [segment, `/${segment}`, {}]),
  ['Items/{id}', '/items/A%20b~.-_%C3%A9', { id: 'A b~.-_é' }],
  // A slash that is encoded is kept, and is no segment.
  ['items/{id}', '/items/a%2Fb%2fc%20d', { id: 'a%2Fb%2fc d' }],
  ['items/{id}', '/items/%252F', { id: '%2F' }],
  // A broken percent-encoding is left unchanged.
  ['items/{id}', '/items/%zz', { id: '%zz' }],
  ['items/{id}', '/items/%ff', { id: '%ff' }],
  ['items/{id?}', '/items', {}],
  ['items/{id?}', '/items/a', { id: 'a' }],
  ['items/{*rest}', '/items', {}],
  ['items/{*rest}', '/items/a', { rest: 'a' }],
  ['items/{*rest}', '/items/a/b%20c/d', { rest: 'a/b c/d' }],
  // Text around a parameter is matched decoded.
  ['items({key})', "/items('a')", { key: "'a'" }],
  ['items({key})', '/ITEMS%28%27a%27%29', { key: "'a'" }],
  ['items({key})', "/ITEMS%28id='a)'%29/", { key: "id='a)'" }],
  ['items({key})', '/items(a)b)', { key: 'a)b' }],
  ['v-{id}.json', '/V-7.JSON', { id: '7' }],
  ['{set}/{id}/items', '/a/b/ITEMS', { set: 'a', id: 'b' }],
])('%s serves %s with %j', (template, path, params) => {
  expect(finder('', template)(path)).toEqual([template, params]);
});

test.each<[template: string, ...paths: string[]]>([
  ['v1.0/playPromptOperation', '/', '/v1.0', '/v1x0/playPromptOperation', '/v1.0/playPromptOperations'],
  ['v1.0/playPromptOperation', '/v1.0/playPromptOperation/x', '/api/v1.0/playPromptOperation'],
  ['v1.0/playPromptOperation', '/v1.0//playPromptOperation'],
  ...LITERALS.map((segment): [string, string, string] => [segment, '/ab', '/aab']),
  ['items/{id}', '/items', '/items/', '/items/a/b'],
  ['items/{id?}', '/items/a/b'],
  ['items/{*rest}', '/other/a'],
  ['{*rest}', '//items/a'],
  ['items({key})', '/items()', '/items', '/items(a)/b', '/items(a'],
  ['v-{id}.json', '/v-.json'],
])('%s does not serve %s', (template, ...paths) => {
  for (const path of paths) expect([path, finder('', template)(path)]).toEqual([path, undefined]);
});

test('the functions are tried in the order of their names, in any casing, and the first that matches is used', () => {
  const named = [
    { ...serve('{*rest}'), name: 'zebra' },
    { ...serve('items/{id}'), name: 'Lion' },
    { ...serve('{set}/{id}'), name: 'ant' },
    { ...serve('items'), name: 'bee' },
  ];
  for (const order of [named, named.toReversed()]) {
    const find = finder('', ...order);
    expect([find('/items/a')?.[0], find('/items')?.[0], find('/')?.[0]]).toEqual(['{set}/{id}', 'items', '{*rest}']);
    expect(find('/items/a/b')).toEqual(['{*rest}', { rest: 'items/a/b' }]);
  }
});

test('a method finds the first route that serves it', () => {
  const find = finder('', serve('items', 'PATCH', 'PUT'), serve('{*rest}', 'GET', 'PATCH'));
  const found = ['PATCH', 'PUT', 'GET', 'DELETE'].map((method) => find('/items', method)?.[0]);
  expect(found).toEqual(['items', 'items', '{*rest}', undefined]);
});

test('the route prefix comes before every route, and alone is the address of an empty one', () => {
  const find = finder('api/v2', 'items/{id}');
  expect(find('/api/v2/items/a')).toEqual(['items/{id}', { id: 'a' }]);
  expect(find('/items/a')).toBeUndefined();
  expect(finder('api', '')('/api')).toEqual(['', {}]);
  expect(finder('', '')('/')).toEqual(['', {}]);
});

test('a template with anything else is refused', () => {
  for (const segment of ['{id:int}', 'x{id?}', '{*id?}', '{**rest}', '{', '{}', '{*id}.json', '{a}{b}', '{a}-{b}'])
    expect(() => finder('', segment)).toThrow(/not supported/);
});
