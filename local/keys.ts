// The keys of the local set-up: the issuer's signing key and the certificate for https. They are kept between starts, so
// that tokens, and trust in the certificate, outlive a restart.
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { generate } from 'selfsigned';
import * as z from 'zod';
import { LOOPBACK } from './loopback.ts';

/** How the issuer signs. */
export const SIGNING_ALGORITHM = 'RS256';

const DAY_MS = 24 * 60 * 60 * 1000;
const CERTIFICATE_LIFETIME_MS = 365 * DAY_MS;
/** The folder of the keys, unless KEYS_LOCATION names another. */
export const KEYS_FOLDER = '.keys';

/** A certificate that is valid for less is replaced. */
const CERTIFICATE_RESERVE_MS = 7 * DAY_MS;

const signingKey = z.object({
  kty: z.literal('RSA'),
  kid: z.string(),
  n: z.string(),
  e: z.string(),
  d: z.string(),
  p: z.string(),
  q: z.string(),
  dp: z.string(),
  dq: z.string(),
  qi: z.string(),
});

/** A private RSA key as a JWK (RFC 7518 6.3). */
export type SigningKey = z.infer<typeof signingKey>;

/** A certificate for loopback and its private key, both as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** The absolute path of the certificate, for clients to trust. */
  readonly file: string;
  /** The absolute path of the key. */
  readonly keyFile: string;
}

/** Makes a key for signing tokens. */
export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { modulusLength: 2048, extractable: true });
  return signingKey.parse({ ...(await exportJWK(privateKey)), kid: randomUUID() });
}

/**
 * Reads the signing key that is kept in a folder, or makes one there.
 *
 * @throws Error that names the file when it holds something else
 */
export async function keptSigningKey(folder: string): Promise<SigningKey> {
  const file = join(folder, 'signing-key.json');
  if (!existsSync(file)) keep(file, JSON.stringify(await newSigningKey()));
  try {
    return signingKey.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new Error(`${file} must hold a private RSA key as a JWK. Delete it to get a new key.`, { cause });
  }
}

/**
 * Reads the certificate that is kept in a folder, or makes one there; one that is about to expire is replaced. It is not
 * a certificate authority: to trust it is to trust this machine's loopback address only.
 */
export async function keptCertificate(folder: string): Promise<Certificate> {
  const file = resolve(folder, 'certificate.pem');
  const keyFile = resolve(folder, 'certificate-key.pem');
  if (!isUsable(file, keyFile)) {
    const now = Date.now();
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notBeforeDate: new Date(now - DAY_MS),
      notAfterDate: new Date(now + CERTIFICATE_LIFETIME_MS),
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', serverAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 7, ip: LOOPBACK },
            { type: 2, value: 'localhost' },
          ],
        },
      ],
    });
    keep(keyFile, made.private);
    keep(file, made.cert);
  }
  return { cert: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8'), file, keyFile };
}

function isUsable(file: string, keyFile: string) {
  if (!existsSync(file) || !existsSync(keyFile)) return false;
  const certificate = new X509Certificate(readFileSync(file));
  return (
    certificate.validToDate.getTime() > Date.now() + CERTIFICATE_RESERVE_MS &&
    certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))
  );
}

/** Writes a file that only its owner can read, whole or not at all. */
export function keep(file: string, content: string): void {
  const folder = resolve(file, '..');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, content, { mode: 0o600 });
  renameSync(unfinished, file);
}
