import { describe, expect, test } from '@jest/globals';
import { isAllowedAddress, refusedUrl } from '../../../shared/notifications/receiverPolicy.ts';

const hosts = ['bot.example', '*.bots.example', 'xn--bcher-kva.example'];

describe('a receiver', () => {
  const LISTED = ['bot.example', '[::1]', '[2606:4700::1111]', '127.0.0.1'];

  test.each([
    [hosts, ['https://bot.example/', 'https://BOT.example:8443/a?b=c', 'https://bücher.example/']],
    [hosts, ['https://a.bots.example/', 'https://a.b.bots.example/']],
    [['127.0.0.1'], ['http://127.0.0.1:7000/', 'https://127.1/', 'http://2130706433/', 'http://0177.0.0.1/']],
    [['127.0.0.1'], ['http://0x7f.1./']],
    [LISTED, ['http://[::1]:7000/', 'http://[0:0::1]/', 'https://[2606:4700:0::1111]/', 'http://127.0.0.1/']],
    [['10.0.0.1'], ['https://10.0.0.1/']],
  ])('may be, where %j are listed: %j', (listed, urls) => {
    for (const url of urls) expect([url, refusedUrl(url, listed)]).toEqual([url, undefined]);
  });

  test.each([
    ['a URL', ['//bot.example/', 'bot.example', '', 'https://']],
    ['https', ['http://bot.example/', 'ftp://bot.example/', 'http://127.0.0.1/', 'http://[::1]/', 'file:///a']],
    ['user', ['https://user@bot.example/', 'https://:password@bot.example/', 'https://bot.example@evil.example/']],
    [
      'white space',
      [' https://bot.example/', 'https://bot.example/a b', 'https://bot.exa\tmple/', 'https://bot.example/\n'],
    ],
    ['fragment', ['https://bot.example/#', 'https://bot.example/?a#fragment']],
    ['public', ['https://[::1]/', 'https://127.0.0.1/', 'https://[fe80::1]/', 'https://2852039166/']],
    [
      'a host that this service sends notifications to',
      [
        ...['https://bot.example./', 'https://bots.example/', 'https://.bots.example/', 'https://evilbots.example/'],
        ...['https://robot.example/', 'https://bot.example.evil.example/', 'https://evil.example/?bot.example'],
        ...['https://evil.example\\@bot.example/', 'https://localhost/', 'https://8.8.8.8/'],
      ],
    ],
  ])('must be, or have: %s', (wanted, urls) => {
    for (const url of urls) expect([url, refusedUrl(url, hosts)]).toEqual([url, expect.stringContaining(wanted)]);
  });

  test.each(['http://10.0.0.1/', 'http://8.8.8.8/', 'https://127.0.0.2/', 'http://[::1]/', 'http://localhost/'])(
    'may not be %s where another address is listed',
    (url) => expect(refusedUrl(url, ['127.0.0.1', '10.0.0.1'])).toEqual(expect.any(String)),
  );

  test('must be https where a public address is listed, and http or https anywhere', () => {
    expect(refusedUrl('http://[2606:4700::1111]/', LISTED)).toContain('https');
    expect(refusedUrl('ftp://127.0.0.1/', LISTED)).toContain('https');
  });

  test('may be a private address only where that very address is listed', () => {
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

test('a refusal of a host names the hosts there are', () => {
  expect(refusedUrl('https://other.example/', ['bot.example', '*.bots.example'])).toContain(
    'bot.example, *.bots.example',
  );
  expect(refusedUrl('http://localhost:7073/', ['127.0.0.1'])).toBe('an https URL, or an http URL of 127.0.0.1');
  expect(refusedUrl('http://bot.example/', ['bot.example'])).toBe('an https URL');
});
