import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readLocalSettings } from '../../../local/localSettings.ts';
import { newFolder } from '../../support/service.ts';

const sample = { AUTH_AUTHORITY: 'http://127.0.0.1:7072', TABLES_NAME: 'a' };
const before = process.cwd();
let folder: ReturnType<typeof newFolder>;
const write = (file: string, content: string) => writeFileSync(join(folder.path, file), content);
beforeEach(() => {
  folder = newFolder();
  write('local.settings.sample.json', JSON.stringify({ Values: sample }));
  process.chdir(folder.path);
});
afterEach(() => {
  process.chdir(before);
  folder.remove();
});

describe('a local.settings.json', () => {
  test('comes after the environment, and a copy of the sample names no issuer', () => {
    write('local.settings.json', JSON.stringify({ Values: { ...sample, TABLES_NAME: 'b', PAGES: 'board' } }));
    const named = { TABLES_NAME: 'b', PAGES: 'docs' };
    expect(readLocalSettings({ PAGES: 'docs' })).toEqual({ named, sample, host: {} });
  });

  test('has the CORS of the embedded host as Core Tools read it', () => {
    const host = { CORS: 'http://localhost:3000', CORSCredentials: true, LocalHttpPort: 1 };
    write('local.settings.json', JSON.stringify({ Values: {}, Host: host }));
    expect(readLocalSettings({}).host).toEqual({ CORS: 'http://localhost:3000', CORS_CREDENTIALS: 'true' });
    write('local.settings.json', '{"Values":{},"Host":{"CORS":["*"]}}');
    expect(() => readLocalSettings({})).toThrow('Host.CORS must be a string');
  });

  test('leaves a setting of the sample out by an empty value, but for those of the issuer and the store', () => {
    const values = { AUTH_AUTHORITY: '', TABLES_NAME: '' };
    const left = { AUTH_AUTHORITY: sample.AUTH_AUTHORITY };
    write('local.settings.json', JSON.stringify({ Values: values }));
    expect(readLocalSettings({})).toMatchObject({ named: {}, sample: left });
    expect(readLocalSettings({ TABLES_NAME: 'c' })).toMatchObject({ named: { TABLES_NAME: 'c' }, sample });
    write('local.settings.json', '{"Values":{}}');
    expect(readLocalSettings({ TABLES_NAME: '' })).toMatchObject({ named: {}, sample: left });
  });

  test.each([
    ['{"Values":{"PORT":7071,"PAGES":"docs","X":null}}', ['Values.PORT must be a string', 'Values.X must be a string']],
    ['{"Values":[]}', ['Values must be an object of strings']],
    ['{}', ['Values must be an object of strings']],
    ['[]', ['It must be an object with "Values"']],
    ['{"Values":', ['cannot be read as JSON']],
  ])('that is bad is refused by its name and each bad key: %s', (content, expected) => {
    write('local.settings.json', content);
    for (const part of ['local.settings.json', ...expected]) expect(() => readLocalSettings({})).toThrow(part);
  });
});
