import { describe, expect, test } from '@jest/globals';
import { isAllowedAddress, refusedUrl } from '../../../shared/notifications/receiverPolicy.ts';

const hosts = ['bot.example', '*.bots.example', 'xn--bcher-kva.example'];

describe('a receiver', () => {
  test.each([
    'https://bot.example/',
    'https://BOT.example:8443/a?b=c',
    'https://a.bots.example/',
    'https://a.b.bots.example/',
    'https://bücher.example/',
  ])('may be %s', (url) => expect(refusedUrl(url, hosts)).toBeUndefined());

  test.each([
    'http://bot.example/',
    'ftp://bot.example/',
    '//bot.example/',
    'bot.example',
    '',
    'https://bot.example./',
    'https://bots.example/',
    'https://.bots.example/',
    'https://evilbots.example/',
    'https://bot.example.evil.example/',
    'https://evil.example/?bot.example',
    'https://evil.example\\@bot.example/',
    'https://user@bot.example/',
    'https://:password@bot.example/',
    'https://bot.example@evil.example/',
    'https://bot.example/#',
    'https://bot.example/#fragment',
    'https://[::1]/',
    'https://127.0.0.1/',
    'http://127.0.0.1/',
    'https://localhost/',
  ])('may not be %.60s', (url) => expect(refusedUrl(url, hosts)).toEqual(expect.any(String)));

  test.each([
    'http://127.0.0.1:7000/',
    'https://127.1/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://0x7f.1./',
  ])('may be %s where that address is listed', (url) => expect(refusedUrl(url, ['127.0.0.1'])).toBeUndefined());

  test.each(['http://10.0.0.1/', 'http://8.8.8.8/', 'https://127.0.0.2/', 'http://[::1]/', 'http://localhost/'])(
    'may not be %s where another address is listed',
    (url) => expect(refusedUrl(url, ['127.0.0.1', '10.0.0.1'])).toEqual(expect.any(String)),
  );

  test('may be a private address only where that very address is listed', () => {
    expect(refusedUrl('https://10.0.0.1/', ['10.0.0.1'])).toBeUndefined();
    expect(refusedUrl('https://[::ffff:10.0.0.1]/', ['10.0.0.1'])).toEqual(expect.any(String));
    expect(isAllowedAddress('::ffff:10.0.0.1', ['10.0.0.1'])).toBe(true);
    expect(isAllowedAddress('10.0.0.2', ['10.0.0.1'])).toBe(false);
  });
});

test.each(['8.8.8.8', '20.50.2.1', '2606:4700::1111', '2a01:111::1'])('%s may be connected to', (address) =>
  expect(isAllowedAddress(address, hosts)).toBe(true),
);

test.each([
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.0.0.8', '192.0.2.1'],
  ...['192.88.99.1', '192.168.0.1', '198.18.0.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
  ...['168.63.129.16', '::', '::1', '::a9fe:a9fe', '::ffff:10.0.0.1', '::ffff:0:10.0.0.1', '64:ff9b::a00:1'],
  ...['64:ff9b:1::a00:1', '100::1', '100:0:0:1::1', '2001::1', '2001:2::1', '2001:db8::1', '2002:a00:1::', '3fff::1'],
  ...['4000::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1'],
])('%s may not be connected to', (address) => expect(isAllowedAddress(address, hosts)).toBe(false));
