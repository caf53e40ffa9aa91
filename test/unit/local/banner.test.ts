import { expect, test } from '@jest/globals';
import { banner, curl, namesProxy } from '../../../local/banner.ts';

const facts = {
  baseUrl: 'https://127.0.0.1:7071',
  token: 'a.b.c',
  tokenEndpoint: 'https://127.0.0.1:7072/t/oauth2/v2.0/token',
  issuer: 'https://127.0.0.1:7072/t/v2.0',
  tenant: 't',
  audience: 'a',
  tables: 'http://127.0.0.1:10002/devstoreaccount1',
  host: 'embedded',
};
const certificate = '/keys/certificate.pem';
const print = (platform: NodeJS.Platform, more: object = {}, runsTimers = true) =>
  banner({ ...facts, ...more }, { pages: [], tokenSeconds: 3600, platform, isProxied: false, runsTimers });

test('it says when timers will not run', () => {
  expect(print('linux')).not.toContain('AzureWebJobsStorage');
  expect(print('linux', {}, false)).toContain('timers do not run by themselves: Core Tools need AzureWebJobsStorage');
});

const forAll = [`export NODE_EXTRA_CA_CERTS='${certificate}' CURL_CA_BUNDLE='${certificate}'`, '--cacert'];
const plain = [`curl -sS -X PATCH '${facts.baseUrl}/v1.0/`, 'TOKEN=$(npm run --silent token)'];
const windows = [`$env:NODE_EXTRA_CA_CERTS = '${certificate}'`, `Import-Certificate -FilePath '${certificate}'`];
test.each<[platform: NodeJS.Platform, more: object, printed: string[], not: string]>([
  ['win32', {}, ['Invoke-RestMethod -Method Patch', '$TOKEN = npm run --silent token'], 'curl -'],
  ['win32', { certificate }, windows, 'CURL_CA_BUNDLE'],
  ['linux', {}, plain, 'CURL_CA_BUNDLE'],
  ['darwin', {}, plain, 'CURL_CA_BUNDLE'],
  ['linux', { certificate }, [...forAll, `SSL_CERT_FILE='${certificate}'`], 'Invoke-RestMethod'],
  ['darwin', { certificate }, [...forAll, 'security add-trusted-cert'], 'Invoke-RestMethod'],
  ['linux', { token: null }, ['Bearer {token}'], 'npm run --silent token'],
])('on %s with %j, the request and what it needs are those of the platform', (platform, more, printed, not) => {
  for (const part of printed) expect(print(platform, more)).toContain(part);
  expect(print(platform, more)).not.toContain(not);
});

test('where the environment names a proxy, curl goes past it', () => {
  expect(namesProxy({ PATH: '/bin', HTTP_PROXY: '', no_proxy: 'a' })).toBe(false);
  for (const name of ['HTTP_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY']) {
    expect(namesProxy({ [name]: 'http://proxy.example' })).toBe(true);
  }
  expect(curl({ certificate, isProxied: true })).toBe(`curl -sS --noproxy '*' --cacert '${certificate}'`);
});
