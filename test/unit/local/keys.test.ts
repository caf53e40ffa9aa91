import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generate } from 'selfsigned';
import { keptCertificate, keptSigningKey } from '../../../local/keys.ts';
import { newFolder } from '../../support/service.ts';

let parent: ReturnType<typeof newFolder>;
let folder: string;
beforeEach(() => {
  parent = newFolder();
  folder = join(parent.path, 'keys');
});
afterEach(() => parent.remove());

test('signing key and certificate are made once, and kept where only their owner can read them', async () => {
  const key = await keptSigningKey(folder);
  const certificate = await keptCertificate(folder);
  expect([await keptSigningKey(folder), await keptCertificate(folder)]).toEqual([key, certificate]);
  if (process.platform === 'win32') return;
  const modeOf = (path: string) => statSync(path).mode & 0o777;
  expect(modeOf(folder)).toBe(0o700);
  for (const file of [join(folder, 'signing-key.json'), certificate.file, certificate.keyFile])
    expect(modeOf(file)).toBe(0o600);
});

test('a signing key that is spoilt is refused by the name of its file', async () => {
  await keptSigningKey(folder);
  for (const content of ['{', '{"kty":"oct","k":"AAAA"}']) {
    writeFileSync(join(folder, 'signing-key.json'), content);
    await expect(keptSigningKey(folder)).rejects.toThrow('signing-key.json must hold a private RSA key');
  }
});

describe('the certificate', () => {
  test('is of loopback alone, signs no other, and lasts more than half a year', async () => {
    const { cert, key, file } = await keptCertificate(folder);
    const certificate = new X509Certificate(cert);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now() + 180 * 24 * 60 * 60 * 1000);
    expect(readFileSync(file, 'utf8')).toBe(cert);
  });

  test('is replaced when it is about to expire, or the key is that of another', async () => {
    const { file, keyFile, cert } = await keptCertificate(folder);
    const old = await generate([], { keyType: 'ec', notAfterDate: new Date(Date.now() + 60_000) });
    writeFileSync(file, old.cert);
    writeFileSync(keyFile, old.private);
    const second = await keptCertificate(folder);
    expect([old.cert, cert]).not.toContain(second.cert);
    writeFileSync(keyFile, old.private);
    const third = await keptCertificate(folder);
    expect(new X509Certificate(third.cert).checkPrivateKey(createPrivateKey(third.key))).toBe(true);
  });
});
