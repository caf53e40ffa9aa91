import { describe, expect, test } from '@jest/globals';
import { findRoute, type Route, unknownUrl } from '../../../functions/router.ts';

const routeOf = (template: string): Route => ({
  name: template,
  template,
  handler: async () => ({ status: 200, headers: {} }),
});
const routes = ['v1.0/items', 'v1.0/items/{id}', 'v1.0/items({key})', 'v1.0/$batch'].map(routeOf);

/** The template of the route that serves a path, and its parameters. */
function find(path: string) {
  const found = findRoute(routes, path);
  return found && [found.route.template, found.params];
}

describe('a path finds its route, as on the host', () => {
  test.each([
    ['v1.0/items', 'v1.0/items', {}],
    ['/v1.0/items', 'v1.0/items', {}],
    ['/V1.0/ITEMS/', 'v1.0/items', {}],
    ['v1.0/items/a', 'v1.0/items/{id}', { id: 'a' }],
    ['v1.0/Items/A%20b%C3%A9/', 'v1.0/items/{id}', { id: 'A bé' }],
    ['v1.0/items/a%2Fb%2fc', 'v1.0/items/{id}', { id: 'a%2Fb%2fc' }],
    ['v1.0/items/%252F', 'v1.0/items/{id}', { id: '%2F' }],
    ["v1.0/items('a')", 'v1.0/items({key})', { key: "'a'" }],
    ["v1.0/ITEMS%28id='a)'%29", 'v1.0/items({key})', { key: "id='a)'" }],
    ['v1.0/$batch', 'v1.0/$batch', {}],
    ['v1.0/%24BATCH', 'v1.0/$batch', {}],
  ])('%s', (path, route, params) => {
    expect(find(path)).toEqual([route, params]);
  });

  test.each([
    '',
    '/',
    'v1.0',
    'v1x0/items',
    'v1.0/item',
    'v1.0/itemsx',
    'v1.0/items()',
    'v1.0/items(a',
    'v1.0/items/a/b',
  ])('%j finds none', (path) => {
    expect(find(path)).toBeUndefined();
  });

  test.each(['%', '%ff', 'a%zz'])('%j, which is badly encoded, is left unchanged', (id) => {
    expect(find(`v1.0/items/${id}`)).toEqual(['v1.0/items/{id}', { id }]);
  });
});

test('where nothing is served is 404', async () => {
  const request = { method: 'GET', url: 'http://a/', headers: new Headers(), params: {}, body: null };
  const call = async () => Reflect.apply(unknownUrl, undefined, [request]);
  await expect(call()).rejects.toMatchObject({ reason: 'unknownUrl' });
});
