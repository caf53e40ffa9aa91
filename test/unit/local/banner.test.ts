import { describe, expect, test } from '@jest/globals';
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

describe('on Windows', () => {
  test('the request is one of PowerShell, and so is the way to another token', () => {
    const printed = print('win32');
    expect(printed).toContain('Invoke-RestMethod -Method Patch');
    expect(printed).toContain('$TOKEN = npm run --silent token');
    expect(printed).not.toContain('curl -');
  });

  test('the certificate is imported', () => {
    const printed = print('win32', { certificate });
    expect(printed).toContain(`$env:NODE_EXTRA_CA_CERTS = '${certificate}'`);
    expect(printed).toContain(`Import-Certificate -FilePath '${certificate}'`);
  });
});

describe.each(['linux', 'darwin'] as const)('on %s', (platform) => {
  test('the request is one of curl, which trusts the certificate if there is one', () => {
    expect(print(platform)).toContain("curl -sS -X PATCH 'https://127.0.0.1:7071/v1.0/playPromptOperation'");
    expect(print(platform, { certificate })).toContain(`curl -sS --cacert '${certificate}' -X PATCH`);
    expect(print(platform)).toContain('TOKEN=$(npm run --silent token)');
  });

  test('Node and curl are made to trust the certificate', () => {
    const printed = print(platform, { certificate });
    expect(printed).toContain(`export NODE_EXTRA_CA_CERTS='${certificate}' CURL_CA_BUNDLE='${certificate}'`);
    expect(print(platform)).not.toContain('CURL_CA_BUNDLE');
  });
});

test('.NET is made to trust the certificate as its platform has it', () => {
  expect(print('linux', { certificate })).toContain(`SSL_CERT_FILE='${certificate}'`);
  expect(print('darwin', { certificate })).toContain('security add-trusted-cert');
});

test('an issuer that is not the local one gives no token', () => {
  const printed = print('linux', { token: null });
  expect(printed).toContain('Bearer {token}');
  expect(printed).not.toContain('npm run --silent token');
});

test('where the environment names a proxy, curl goes past it', () => {
  expect(namesProxy({ PATH: '/bin', HTTP_PROXY: '', no_proxy: 'a' })).toBe(false);
  for (const name of ['HTTP_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY']) {
    expect(namesProxy({ [name]: 'http://proxy.example' })).toBe(true);
  }
  expect(curl({ certificate, isProxied: true })).toBe(`curl -sS --noproxy '*' --cacert '${certificate}'`);
});
