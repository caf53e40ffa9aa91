import { createSocket } from 'node:dgram';
import { promises } from 'node:dns';
import { getEventListeners, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createResolveName } from '../../../shared/notifications/resolveName.ts';
import { newFolder } from '../../support/service.ts';

const { signal } = new AbortController();
const NO_HOSTS = '/no/such/file';

const failure = (code: string) => Object.assign(new Error(code), { code });

/** A resolver whose answers are those that are given: addresses, or an error's code. */
const resolver = (four: string[] | string, six: string[] | string) => () => ({
  resolve4: async () => {
    if (typeof four === 'string') throw failure(four);
    return four;
  },
  resolve6: async () => {
    if (typeof six === 'string') throw failure(six);
    return six;
  },
  cancel() {},
});

/** Resolves every name to an address that no name server knows, and records which. */
function recordingLookup() {
  const names: string[] = [];
  const lookup = async (hostname: string) => {
    names.push(hostname);
    return [{ address: '192.0.2.1', family: 4 }];
  };
  return { names, lookup };
}

test.each([
  ['of both families', ['192.0.2.7'], ['2001:db8::7'], ['192.0.2.7', '2001:db8::7']],
  ['of one family', ['192.0.2.7'], 'ENODATA', ['192.0.2.7']],
  ['of one family, when the other fails', 'ETIMEOUT', ['2001:db8::7'], ['2001:db8::7']],
] satisfies [string, string[] | string, string[] | string, string[]][])(
  'a name has the addresses %s',
  async (_, four, six, expected) => {
    const { names, lookup } = recordingLookup();
    const resolveName = createResolveName({ createResolver: resolver(four, six), lookup, hostsFile: NO_HOSTS });
    expect((await resolveName('bot.example', signal)).map(({ address }) => address)).toEqual(expected);
    expect(names).toEqual([]);
  },
);

test.each(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'])(
  'the system resolves a name that DNS does not know: %s',
  async (code) => {
    const { names, lookup } = recordingLookup();
    const resolveName = createResolveName({ createResolver: resolver(code, code), lookup, hostsFile: NO_HOSTS });
    expect(await resolveName('bot', signal)).toEqual([{ address: '192.0.2.1', family: 4 }]);
    expect(names).toEqual(['bot']);
  },
);

test('the system resolves a name of which DNS knows no address', async () => {
  const { names, lookup } = recordingLookup();
  const resolveName = createResolveName({ createResolver: resolver([], 'ENODATA'), lookup, hostsFile: NO_HOSTS });
  await resolveName('bot', signal);
  expect(names).toEqual(['bot']);
});

test('the queries of a request that has ended are cancelled', async () => {
  const query = Promise.withResolvers<string[]>();
  const cancel = () => query.reject(failure('ECANCELLED'));
  const createResolver = () => ({ resolve4: () => query.promise, resolve6: () => query.promise, cancel });
  const resolveName = createResolveName({ createResolver, hostsFile: NO_HOSTS });
  const controller = new AbortController();
  const asked = resolveName('bot.example', controller.signal);
  while (getEventListeners(controller.signal, 'abort').length === 0) await new Promise(setImmediate);
  controller.abort();
  await expect(asked).rejects.toMatchObject({ code: 'ECANCELLED' });
});

test('a name server that fails is not asked again through the system', async () => {
  const { names, lookup } = recordingLookup();
  const resolveName = createResolveName({
    createResolver: resolver('ENOTFOUND', 'ESERVFAIL'),
    lookup,
    hostsFile: NO_HOSTS,
  });
  await expect(resolveName('bot.example', signal)).rejects.toMatchObject({ code: 'ESERVFAIL' });
  expect(names).toEqual([]);
});

test('the file of hosts comes before DNS', async () => {
  const folder = newFolder();
  const hostsFile = join(folder.path, 'hosts');
  writeFileSync(hostsFile, '127.0.0.1 localhost\n192.0.2.1\tBot.example other.example # local\n');
  try {
    const { names, lookup } = recordingLookup();
    const createResolver = resolver(['192.0.2.7'], 'ENODATA');
    const resolveName = createResolveName({ createResolver, lookup, hostsFile });
    for (const name of ['bot.example', 'example', 'other.example']) await resolveName(name, signal);
    expect(names).toEqual(['bot.example', 'other.example']);
  } finally {
    folder.remove();
  }
});

test('a name of the file of hosts of this machine is resolved by the system', async () => {
  const { names, lookup } = recordingLookup();
  const resolveName = createResolveName({ createResolver: resolver('ESERVFAIL', 'ESERVFAIL'), lookup });
  await resolveName('localhost', signal);
  expect(names).toEqual(['localhost']);
  // By default, that is what the system says.
  const addresses = await createResolveName()('localhost', signal);
  expect(addresses.length).toBeGreaterThan(0);
  for (const { address, family } of addresses) expect(isIP(address)).toBe(family);
});

test('a name that is resolved leaves nothing on the signal of its request', async () => {
  const { signal: request } = new AbortController();
  const createResolver = resolver(['192.0.2.7'], 'ENODATA');
  const resolveName = createResolveName({ createResolver, hostsFile: NO_HOSTS });
  expect(await resolveName('bot.example', request)).toEqual([{ address: '192.0.2.7', family: 4 }]);
  expect(getEventListeners(request, 'abort')).toEqual([]);
});

test('a name server that does not respond occupies no thread, and its queries end with the request', async () => {
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const { names, lookup } = recordingLookup();
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
  const begun: string[] = [];
  const first = Promise.withResolvers<{ address: string; family: number }[]>();
  const lookup = (hostname: string) => {
    begun.push(hostname);
    return hostname === 'hangs' ? first.promise : Promise.resolve([]);
  };
  const resolveName = createResolveName({
    createResolver: resolver('ENOTFOUND', 'ENOTFOUND'),
    lookup,
    hostsFile: NO_HOSTS,
  });
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
