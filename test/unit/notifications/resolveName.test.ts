import { createSocket } from 'node:dgram';
import { type LookupAddress, promises } from 'node:dns';
import { getEventListeners, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createResolveName } from '../../../shared/notifications/resolveName.ts';
import { newFolder } from '../../support/service.ts';

const { signal } = new AbortController();
const NO_HOSTS = '/no/such/file';

type Addresses = string[] | string;

/** Resolves names by answers of DNS, which are addresses or an error's code; the names that the system resolves. */
function setUp(four: Addresses, six: Addresses = four, hostsFile = NO_HOSTS, first?: Promise<LookupAddress[]>) {
  const answer = (addresses: Addresses) => async () => {
    if (typeof addresses === 'string') throw Object.assign(new Error(addresses), { code: addresses });
    return addresses;
  };
  const names: string[] = [];
  const lookup = async (hostname: string) =>
    names.push(hostname) === 1 && first ? first : [{ address: '192.0.2.1', family: 4 }];
  const createResolver = () => ({ resolve4: answer(four), resolve6: answer(six), cancel() {} });
  return { names, lookup, resolveName: createResolveName({ createResolver, lookup, hostsFile }) };
}

test.each<[string, Addresses, Addresses, expected: Addresses, bySystem: string[]]>([
  ['has the addresses of both families', ['192.0.2.7'], ['2001:db8::7'], ['192.0.2.7', '2001:db8::7'], []],
  ['has the addresses of one family', ['192.0.2.7'], 'ENODATA', ['192.0.2.7'], []],
  ['has the addresses of one family, when the other fails', 'ETIMEOUT', ['2001:db8::7'], ['2001:db8::7'], []],
  ['that DNS does not know is resolved by the system', 'ENOTFOUND', 'ENODATA', ['192.0.2.1'], ['bot.example']],
  ['is resolved by the system when there is no DNS', 'ECONNREFUSED', 'ECONNREFUSED', ['192.0.2.1'], ['bot.example']],
  ['of which DNS knows no address is resolved by the system', [], 'ENODATA', ['192.0.2.1'], ['bot.example']],
  ['whose name server fails is not asked for through the system', 'ENOTFOUND', 'ESERVFAIL', 'ESERVFAIL', []],
])('a name %s', async (_, four, six, expected, bySystem) => {
  const { names, resolveName } = setUp(four, six);
  const { signal: request } = new AbortController();
  const resolved = resolveName('bot.example', request).then(
    (all) => all.map(({ address, family }) => (isIP(address) === family ? address : 'wrong')),
    ({ code }) => code,
  );
  expect([await resolved, names]).toEqual([expected, bySystem]);
  expect(getEventListeners(request, 'abort')).toEqual([]);
});

test('the file of hosts comes before DNS', async () => {
  const folder = newFolder();
  const hostsFile = join(folder.path, 'hosts');
  writeFileSync(hostsFile, '127.0.0.1 localhost\n192.0.2.1\tBot.example other.example # local\n');
  const { names, resolveName } = setUp(['192.0.2.7'], 'ENODATA', hostsFile);
  for (const name of ['bot.example', 'example', 'other.example']) await resolveName(name, signal);
  folder.remove();
  expect(names).toEqual(['bot.example', 'other.example']);
});

test('a name of the file of hosts of this machine is resolved by the system', async () => {
  const createResolver = () => {
    throw new Error('DNS is asked.');
  };
  const addresses = await createResolveName({ createResolver })('localhost', signal);
  expect(addresses.length).toBeGreaterThan(0);
  for (const { address, family } of addresses) expect(isIP(address)).toBe(family);
});

test('a name server that does not respond occupies no thread, and its queries end with the request', async () => {
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const { names, lookup } = setUp([]);
  const createResolver = () => {
    const made = new promises.Resolver({ timeout: 60_000, tries: 1 });
    made.setServers([`127.0.0.1:${silent.address().port}`]);
    return made;
  };
  const resolveName = createResolveName({ createResolver, lookup, hostsFile: NO_HOSTS });
  const controller = new AbortController();
  const queried = once(silent, 'message');
  const results = Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => resolveName(`bot-${n}.example`, controller.signal)),
  );
  await queried;
  // The names of the rest of the service are resolved meanwhile.
  await promises.lookup('localhost');
  controller.abort();
  expect((await results).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'rejected'));
  expect(names).toEqual([]);
  silent.close();
});

test('the system resolves one name at a time, and none whose request has ended', async () => {
  const first = Promise.withResolvers<LookupAddress[]>();
  const { names: begun, resolveName } = setUp('ENOTFOUND', 'ENOTFOUND', NO_HOSTS, first.promise);
  const controller = new AbortController();
  const hanging = resolveName('hangs', signal);
  while (begun.length === 0) await new Promise(setImmediate);
  const others = [resolveName('ended', controller.signal), resolveName('waits', signal)];
  const results = Promise.allSettled(others);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(begun).toEqual(['hangs']);
  controller.abort();
  first.resolve([]);
  await hanging;
  expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(begun).toEqual(['hangs', 'waits']);
});
