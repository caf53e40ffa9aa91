// What host.json and the template must keep, since nothing else would notice that it is missing.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { settingNames } from '../../shared/settings.ts';

test('the host logs warnings only, since its two lines per request would cost more than the service; the app logs all', () => {
  expect(JSON.parse(readFileSync('host.json', 'utf8')).logging.logLevel).toEqual({
    default: 'Warning',
    'Function.*.User': 'Information',
    'Host.Startup': 'Information',
  });
});

test('every setting of the app can be chosen in the template, or is set by it', () => {
  const [, chosen = ''] = /\ntype Settings = \{\n([\s\S]*?)\n\}/.exec(readFileSync('infra/types.bicep', 'utf8')) ?? [];
  const [, set = ''] =
    /name: 'appsettings'\n([\s\S]*?)\n {2}\}/.exec(readFileSync('infra/modules/app.bicep', 'utf8')) ?? [];
  const known = [...`${chosen}\n${set}`.matchAll(/^ +(?:\.\.\..*\{ )?([A-Z][A-Z0-9_]+): /gm)].map(([, name]) => name);
  // The template takes no keys, names the table itself, and Azure names the site.
  const neither = ['TABLES_CONNECTION', 'TABLES_NAME', 'WEBSITE_SITE_NAME'];
  expect(settingNames.filter((name) => !known.includes(name))).toEqual(neither);
});
