import { describe, expect, test } from '@jest/globals';
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

test('a literal route is matched in any casing, and with a slash at the end', () => {
  const find = finder('', 'v1.0/playPromptOperation');
  for (const path of ['/v1.0/playPromptOperation', '/V1.0/PLAYPROMPTOPERATION', '/v1.0/playpromptoperation/'])
    expect(find(path)).toEqual(['v1.0/playPromptOperation', {}]);
  for (const path of [
    ...['/', '/v1.0', '/v1x0/playPromptOperation', '/v1.0/playPromptOperations', '/v1.0/playPromptOperation/x'],
    ...['/api/v1.0/playPromptOperation', '/v1.0//playPromptOperation'],
  ])
    expect(find(path)).toBeUndefined();
});

describe('a parameter', () => {
  test('is one segment, decoded, in the casing of the address', () => {
    const find = finder('', 'Items/{id}');
    expect(find('/items/A%20b~.-_%C3%A9')).toEqual(['Items/{id}', { id: 'A b~.-_é' }]);
    expect(find('/items')).toBeUndefined();
    expect(find('/items/')).toBeUndefined();
    expect(find('/items/a/b')).toBeUndefined();
  });

  test('that is optional has no entry where it is not there', () => {
    const find = finder('', 'items/{id?}');
    expect(find('/items')).toEqual(['items/{id?}', {}]);
    expect(find('/items/')).toEqual(['items/{id?}', {}]);
    expect(find('/items/a')).toEqual(['items/{id?}', { id: 'a' }]);
    expect(find('/items/a/b')).toBeUndefined();
  });

  test('that catches all is every segment, or none', () => {
    const find = finder('', 'items/{*rest}');
    expect(find('/items')).toEqual(['items/{*rest}', {}]);
    expect(find('/items/a')).toEqual(['items/{*rest}', { rest: 'a' }]);
    expect(find('/items/a/b%20c/d')).toEqual(['items/{*rest}', { rest: 'a/b c/d' }]);
    expect(find('/other/a')).toBeUndefined();
  });

  test('may have text around it, which is matched decoded and in any casing', () => {
    const find = finder('', 'items({key})', 'v-{id}.json');
    expect(find("/items('a')")).toEqual(['items({key})', { key: "'a'" }]);
    expect(find('/ITEMS%28%27a%27%29')).toEqual(['items({key})', { key: "'a'" }]);
    expect(find('/items(a)b)')).toEqual(['items({key})', { key: 'a)b' }]);
    expect(find('/V-7.JSON')).toEqual(['v-{id}.json', { id: '7' }]);
    expect(find("/ITEMS%28id='a)'%29/")).toEqual(['items({key})', { key: "id='a)'" }]);
    for (const path of ['/items()', '/items', '/items(a)/b', '/items(a', '/v-.json'])
      expect(find(path)).toBeUndefined();
  });

  test('keeps a slash that is encoded, which is no segment', () => {
    expect(finder('', 'items/{id}')('/items/a%2Fb%2fc%20d')).toEqual(['items/{id}', { id: 'a%2Fb%2fc d' }]);
    expect(finder('', 'items/{id}')('/items/%252F')).toEqual(['items/{id}', { id: '%2F' }]);
  });

  test('may be followed by others', () => {
    expect(finder('', '{set}/{id}/items')('/a/b/ITEMS')).toEqual(['{set}/{id}/items', { set: 'a', id: 'b' }]);
  });

  test.each(['%', '%zz', '%ff', 'a%'])('whose percent-encoding is broken is left unchanged: %s', (id) => {
    expect(finder('', 'items/{id}')(`/items/${id}`)).toEqual(['items/{id}', { id }]);
  });

  test('are none where a path begins with two slashes', () => {
    expect(finder('', '{*rest}')('//items/a')).toBeUndefined();
  });
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
  for (const prefix of ['api', 'api/v2']) {
    const find = finder(prefix, 'items/{id}');
    expect(find(`/${prefix}/items/a`)).toEqual(['items/{id}', { id: 'a' }]);
    expect(find('/items/a')).toBeUndefined();
  }
  expect(finder('api', '')('/api')).toEqual(['', {}]);
  expect(finder('', '')('/')).toEqual(['', {}]);
});

test.each(['a(b)', 'a[b]', 'a:b', 'a*b', 'a+b', 'a!b', 'a?b', '$a', 'a.b', 'a|b', '^a'])(
  'the characters of a literal segment mean themselves: %s',
  (segment) => {
    const find = finder('', segment);
    expect(find(`/${segment}`)).toEqual([segment, {}]);
    expect(find('/ab')).toBeUndefined();
    expect(find('/aab')).toBeUndefined();
  },
);

test.each([
  ...['{id:int}', '{id=5}', 'x{id?}', '{*id}.json', '{*id?}', '{a}{b}', '{a}-{b}', '{**rest}', '{', '{}'],
  '{id:guid?}',
])('a template with anything else is refused: %s', (route) => {
  expect(() => createRouter('', [serve(route)])).toThrow(/not supported/);
});
