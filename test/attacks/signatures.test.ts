// Signatures that a careless verifier takes for good, or refuses although they are good: of every algorithm that can be
// configured, made here from the primitives of node:crypto (RFC 8017, RFC 7518 section 3, FIPS 186-5).
import { constants, createHash, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { createVerifyAccessToken } from '../../shared/auth/accessToken.ts';
import { createTenantKeys } from '../../shared/auth/signingKeys.ts';
import { TENANT } from '../support/operations.ts';
import { AUDIENCE, claimsOf } from '../support/tokens.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const smallRsa = generateKeyPairSync('rsa', { modulusLength: 2040 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

const MODULUS = numberOf(Buffer.from(rsa.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'));
/** The order of P-256, FIPS 186-5. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** DER, RFC 8017, section 9.2, note 1. */
const SHA256 = '3031300d060960864801650304020105000420';
const SHA1 = '3021300906052b0e03021a05000414';

function numberOf(bytes: Buffer) {
  return BigInt(`0x${bytes.toString('hex')}`);
}
const bytesOf = (number: bigint, length: number) => Buffer.from(number.toString(16).padStart(2 * length, '0'), 'hex');
const digest = (input: string, algorithm = 'sha256') => createHash(algorithm).update(input).digest();

/** The private operation of RSA on an encoded message. */
const raw = (message: Buffer) => privateEncrypt({ key: rsa.privateKey, padding: constants.RSA_NO_PADDING }, message);
/** EMSA-PKCS1-v1_5 with other parts than it has. */
const encoded = ({ type = '01', fill = 0xff, info = SHA256, hash = Buffer.of(), tail = Buffer.of(), short = 0 }) => {
  const end = Buffer.concat([Buffer.of(0), Buffer.from(info, 'hex'), hash, tail]);
  const padding = Buffer.alloc(256 - 2 - end.length - short, fill);
  return Buffer.concat([Buffer.from(`00${type}`, 'hex'), padding, end, Buffer.alloc(short)]);
};
const pkcs1 = (input: string) => sign('sha256', Buffer.from(input), rsa.privateKey);
const pss = (input: string, saltLength: number, hash = 'sha256') =>
  sign(hash, Buffer.from(input), { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const ecdsa = (input: string, key: KeyObject = p256.privateKey, hash = 'sha256') =>
  sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
/** An ECDSA signature whose two numbers were changed. */
const changed = (input: string, change: (r: bigint, s: bigint) => readonly [bigint, bigint], length = 32) => {
  const signature = ecdsa(input);
  const [r, s] = change(numberOf(signature.subarray(0, 32)), numberOf(signature.subarray(32)));
  return Buffer.concat([bytesOf(r, length), bytesOf(s, length)]);
};

type Vector = readonly [title: string, isGood: boolean, sign: (input: string) => Buffer];
const vectors: Readonly<Record<'RS256' | 'PS256' | 'ES256', readonly Vector[]>> = {
  RS256: [
    ['as it should be', true, pkcs1],
    ['encoded by hand', true, (input) => raw(encoded({ hash: digest(input) }))],
    ['of SHA-512', false, (input) => sign('sha512', Buffer.from(input), rsa.privateKey)],
    ['of SHA-1', false, (input) => raw(encoded({ info: SHA1, hash: digest(input, 'sha1') }))],
    ['of a hash without its name', false, (input) => raw(encoded({ info: '', hash: digest(input) }))],
    ['of another hash under the name of SHA-256', false, (input) => raw(encoded({ hash: digest(input, 'sha512') }))],
    ['with bytes behind the hash', false, (input) => raw(encoded({ hash: digest(input), tail: Buffer.alloc(9) }))],
    ['with little padding, and zeros at the end', false, (input) => raw(encoded({ hash: digest(input), short: 190 }))],
    ['with padding of zeros', false, (input) => raw(encoded({ hash: digest(input), type: '00', fill: 0 }))],
    ['with the padding of an encryption', false, (input) => raw(encoded({ hash: digest(input), type: '02', fill: 7 }))],
    ['with padding of other bytes', false, (input) => raw(encoded({ hash: digest(input), fill: 0xfe }))],
    ['plus the modulus', false, (input) => bytesOf(numberOf(pkcs1(input)) + MODULUS, 257)],
    ['with a zero before it', false, (input) => Buffer.concat([Buffer.of(0), pkcs1(input)])],
    ['with a zero behind it', false, (input) => Buffer.concat([pkcs1(input), Buffer.of(0)])],
    ['without its last byte', false, (input) => pkcs1(input).subarray(0, -1)],
    ['that is 0', false, () => Buffer.alloc(256)],
    ['that is 1', false, () => bytesOf(1n, 256)],
    ['that is the modulus less 1', false, () => bytesOf(MODULUS - 1n, 256)],
    ['of PS256', false, (input) => pss(input, 32)],
    ['of a key of 2,040 bits', false, (input) => sign('sha256', Buffer.from(input), smallRsa.privateKey)],
  ],
  PS256: [
    ['as it should be', true, (input) => pss(input, 32)],
    ['with an empty salt', false, (input) => pss(input, 0)],
    ['with a long salt', false, (input) => pss(input, 222)],
    ['of SHA-512', false, (input) => pss(input, 64, 'sha512')],
    ['of SHA-384, whose salt has 32 bytes', false, (input) => pss(input, 32, 'sha384')],
    ['plus the modulus', false, (input) => bytesOf(numberOf(pss(input, 32)) + MODULUS, 257)],
    ['of RS256', false, pkcs1],
  ],
  ES256: [
    ['as it should be', true, (input) => ecdsa(input)],
    // ECDSA allows both, so that a signature does not identify a token.
    ['whose s is the other one', true, (input) => changed(input, (r, s) => [r, ORDER - s])],
    ['in DER', false, (input) => sign('sha256', Buffer.from(input), p256.privateKey)],
    ['of SHA-384', false, (input) => ecdsa(input, p256.privateKey, 'sha384')],
    ['of P-384', false, (input) => ecdsa(input, p384.privateKey)],
    ['of zeros', false, () => Buffer.alloc(64)],
    ['with r of 0', false, (input) => changed(input, (_, s) => [0n, s])],
    ['with s of 0', false, (input) => changed(input, (r) => [r, 0n])],
    ['with both of 1', false, (input) => changed(input, () => [1n, 1n])],
    ['with both of the order', false, (input) => changed(input, () => [ORDER, ORDER])],
    ['with r the other way round', false, (input) => changed(input, (r, s) => [ORDER - r, s])],
    ['whose numbers are swapped', false, (input) => changed(input, (r, s) => [s, r])],
    ['whose numbers are longer', false, (input) => changed(input, (r, s) => [r, s], 33)],
    ['plus the order', false, (input) => changed(input, (r, s) => [r + ORDER, s + ORDER], 33)],
    ['cut in half', false, (input) => ecdsa(input).subarray(0, 32)],
    ['that is empty', false, () => Buffer.of()],
  ],
};

let published: object[] = [];
let authority = '';
const server = createServer((request, response) => {
  const issuer = `${authority}/${TENANT}/v2.0`;
  const isDiscovery = request.url?.endsWith('/openid-configuration');
  response.end(JSON.stringify(isDiscovery ? { issuer, jwks_uri: `${authority}/keys` } : { keys: published }));
});
beforeAll(async () => {
  authority = `http://127.0.0.1:${await listen(server, 0, '')}`;
});
afterAll(() => close(server));

type Algorithm = keyof typeof vectors;
const keys = { RS256: rsa.publicKey, PS256: rsa.publicKey, ES256: p256.publicKey };

/** Whether the service accepts a token of an algorithm, when its issuer publishes a key. */
async function isGood(algorithm: string, sign: (input: string) => Buffer, key: KeyObject, changes: object = {}) {
  published = [
    { ...key.export({ format: 'jwk' }), kid: 'one', use: 'sig', ...changes },
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'two' },
  ];
  const settings = { authority, tenants: [TENANT], audiences: [AUDIENCE], appRoles: [], scopes: [], v1Issuer: '' };
  const algorithms: Algorithm[] = ['RS256', 'PS256', 'ES256'];
  const verify = createVerifyAccessToken({ ...settings, algorithms }, createTenantKeys({ authority }));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: algorithm, kid: 'one' })}.${encode(claimsOf({ authority }))}`;
  return verify(`Bearer ${input}.${sign(input).toString('base64url')}`).then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ reason: 'tokenInvalid' });
      return false;
    },
  );
}

describe.each(Object.entries(vectors))('a signature of %s', (algorithm, rows) => {
  test.each(rows)('%s: accepted %s', async (_title, expected, sign) => {
    expect(await isGood(algorithm, sign, keys[algorithm as Algorithm])).toBe(expected);
  });
});

describe('a good signature', () => {
  const pkcs1Small = (input: string) => sign('sha256', Buffer.from(input), smallRsa.privateKey);
  const rows: [string, boolean, string, typeof pkcs1, KeyObject, object][] = [
    ['of a key of 2,040 bits', false, 'RS256', pkcs1Small, smallRsa.publicKey, {}],
    [
      'of a key whose exponent is 1',
      false,
      'RS256',
      (input) => encoded({ hash: digest(input) }),
      rsa.publicKey,
      { e: 'AQ' },
    ],
    ['of a key of another type', false, 'RS256', pkcs1, p256.publicKey, {}],
    [
      'of a curve that ES256 does not have',
      false,
      'ES256',
      (input) => ecdsa(input, p384.privateKey),
      p384.publicKey,
      {},
    ],
    ['of a point that is not on the curve', false, 'ES256', (input) => ecdsa(input), p256.publicKey, { y: 'AAAA' }],
  ];
  test.each(rows)('%s: accepted %s', async (_title, expected, algorithm, sign, key, changes) => {
    expect(await isGood(algorithm, sign, key, changes)).toBe(expected);
  });
});
