// The typed client against the service, over HTTP, with a real store and issuer.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { beforeAll, expect, jest, test } from '@jest/globals';
import { type ClientOptions, type Fetch, PlayPromptClient, PlayPromptError } from '../../client/index.ts';
import { close, listen } from '../../local/loopback.ts';
import { openApi } from '../../shared/description/openApi.ts';
import { type Fault, startFaultProxy } from '../support/faultProxy.ts';
import { startRecordingReceiver } from '../support/recordingReceiver.ts';
import { useService } from '../support/useService.ts';

const service = useService({ KEEP_FINAL_STATUS: 'true' });
let client: PlayPromptClient;
beforeAll(() => {
  client = open();
});

const open = (fetch: Fetch = globalThis.fetch, options: Partial<ClientOptions> = { wait: async () => {} }) =>
  new PlayPromptClient({
    baseUrl: service.facts.baseUrl,
    getToken: () => service.facts.token ?? '',
    fetch,
    ...options,
  });

test('its types are those of the document that the service serves', () => {
  const digest = createHash('sha256')
    .update(JSON.stringify(openApi('https://host', { notifications: true }, new Date(0))))
    .digest('hex');
  // If not: npm ci --prefix client && npm run --prefix client generate
  expect(readFileSync('client/schema.ts', 'utf8')).toContain(digest);
});

test('a release of the service carries it by its own version', () => {
  const versionOf = (file: string) => JSON.parse(readFileSync(file, 'utf8')).version;
  expect(versionOf('client/package.json')).toBe(versionOf('package.json'));
});

test('it creates, reads, updates and deletes an operation', async () => {
  const created = await client.update({ clientContext: 'call 7', status: 'Running' });
  expect(created).toMatchObject({ clientContext: 'call 7', status: 'Running', resultInfo: null });
  expect(await client.read(created.id)).toMatchObject({ id: created.id, '@odata.etag': created['@odata.etag'] });

  const patch = { status: 'Completed', resultInfo: { code: 200 } } as const;
  const updated = await client.update(patch, { id: created.id, ifMatch: created['@odata.etag'] });
  expect(updated).toMatchObject({ status: 'Completed', resultInfo: { code: 200, subcode: 0, message: null } });

  await expect(client.delete(created.id, { ifMatch: created['@odata.etag'] })).rejects.toMatchObject({ status: 412 });
  expect(await client.delete(created.id, { ifMatch: updated['@odata.etag'] })).toBe(true);
  expect(await client.delete(created.id)).toBe(false);
  expect(await client.read(created.id)).toBeUndefined();
});

test('a refusal is an error with the details that the service returned', async () => {
  const refused = await client.update({ resultInfo: { code: 1.5 } }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(PlayPromptError);
  const details = expect.arrayContaining([expect.objectContaining({ target: 'resultInfo/code' })]);
  const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/);
  expect(refused).toMatchObject({ status: 400, code: 'BadRequest', requestId, details });
});

test('a change is made on what it was thought to be, however many change it at the same time', async () => {
  const id = crypto.randomUUID();
  const addOne = () =>
    client.change(id, (current) => ({ resultInfo: { code: 200, subcode: (current?.resultInfo?.subcode ?? 0) + 1 } }));
  await Promise.all(Array.from({ length: 4 }, addOne));
  expect((await client.read(id))?.resultInfo?.subcode).toBe(4);
  const asItIs = await client.change(id, () => undefined);
  expect(asItIs).toMatchObject({ id });
});

test('a change of what has ended, and keeps its status, stops; the error has the operation', async () => {
  const ended = await client.update({ status: 'Failed' }, { id: crypto.randomUUID() });
  const revive = jest.fn(() => ({ status: 'Running' }) as const);
  await expect(client.change(ended.id, revive)).rejects.toMatchObject({ status: 409, operation: ended });
  expect(revive).toHaveBeenCalledTimes(1);
});

test('it waits for the end of an operation that does not exist yet, and reads only what has changed', async () => {
  const id = crypto.randomUUID();
  const begin = () => client.update({ status: 'Running' }, { id });
  const nothing = async () => {};
  const end = () => client.update({ status: 'Completed' }, { id });
  const steps: (() => Promise<unknown>)[] = [() => new Promise(() => {}), begin, nothing, end];
  const statuses: number[] = [];
  const waiting = open(
    async (request) => {
      const answer = await fetch(request);
      statuses.push(answer.status);
      return answer;
    },
    // The first is the timeout, the others are the pauses.
    { wait: async () => void (await steps.shift()?.()) },
  );
  expect(await waiting.waitUntilEnded(id)).toMatchObject({ id, status: 'Completed' });
  expect(statuses).toEqual([404, 200, 304, 200]);
});

test('while answers are lost or bare 500s for 3 seconds, before or after the update, no update fails or is done twice', async () => {
  const proxy = await startFaultProxy(Number(new URL(service.facts.baseUrl).port));
  const faults: Fault[] = [{ status: 500 }, { status: 500, isDone: true }, 'resetAfter'];
  const begin = performance.now();
  let failed = 0;
  const isOver = () => performance.now() - begin >= 3000 && failed >= faults.length;
  proxy.fault = () => (isOver() ? 'pass' : (faults[failed++ % faults.length] ?? 'pass'));
  const patient = open(fetch, { baseUrl: `http://127.0.0.1:${proxy.port}` });
  try {
    // One that is done twice would be a 412.
    const updates = Array.from({ length: 200 }, () =>
      patient.update({ status: 'Running' }, { id: crypto.randomUUID(), ifNoneMatch: '*' }),
    );
    expect(new Set((await Promise.all(updates)).map(({ id }) => id)).size).toBe(200);
  } finally {
    await proxy.close();
  }
});

test.each(['', '.', '..'])('%p, which would make another URL, is refused as an id', async (id) => {
  const fetch = jest.fn<Fetch>();
  const careful = open(fetch);
  const update = () => careful.update({ status: 'Running' }, { id });
  for (const use of [() => careful.read(id), update, () => careful.delete(id), () => careful.unsubscribe(id)]) {
    await expect(use()).rejects.toThrow(TypeError);
  }
  expect(fetch).not.toHaveBeenCalled();
});

test.each(['https://host/v1.0', 'https://host/v1.0/', 'host', 'ftp://host', 'https://host/?a=b'])(
  '%s is refused as the address of a service',
  (baseUrl) => expect(() => open(fetch, { baseUrl })).toThrow('baseUrl must be'),
);

test('the address of another server, or of nothing on this one, is an error instead of an operation that is missing', async () => {
  const stranger = createServer(({ method }, response) =>
    response.writeHead(method === 'PATCH' ? 200 : 404, { 'Content-Type': 'text/html' }).end('<html>'),
  );
  const address = `http://127.0.0.1:${await listen(stranger, 0, 'STRANGER')}`;
  try {
    for (const baseUrl of [address, `${service.facts.baseUrl}/elsewhere`]) {
      const lost = open(fetch, { baseUrl });
      await expect(lost.read('a')).rejects.toMatchObject({ status: 404 });
      await expect(lost.delete('a')).rejects.toMatchObject({ status: 404 });
    }
    await expect(open(fetch, { baseUrl: address }).update({ id: 'a' })).rejects.toThrow('is baseUrl the address');
  } finally {
    await close(stranger);
  }
});

test('a list continues over all pages, filtered and selected', async () => {
  const context = crypto.randomUUID();
  const ids = Array.from({ length: 5 }, (_, n) => `${context}-${n}`);
  await Promise.all(ids.map((id) => client.update({ clientContext: context, status: 'Failed' }, { id })));
  const filter = `clientContext eq '${context}' and lastActionDateTime gt ${new Date(Date.now() - 60_000).toISOString()}`;
  const listed = client.list({ filter, select: ['id', 'lastActionDateTime'], top: 2 });
  const found = await Array.fromAsync(listed, ({ id, status, lastActionDateTime }) => [id, status, lastActionDateTime]);
  expect(found.sort()).toEqual(ids.map((id) => [id, undefined, expect.stringMatching(/Z$/)]));
});

test('it subscribes, lists, reads, renews and ends a subscription', async () => {
  const receiver = await startRecordingReceiver();
  const notificationUrl = `${receiver.url}/client`;
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const expirationDateTime = inHours(1);
  const asked = { changeType: 'updated', resource: 'playPromptOperation', notificationUrl, expirationDateTime };
  try {
    const created = await client.subscribe({ ...asked, clientState: 'a secret' });
    const { id } = created;
    expect(created).toMatchObject({ ...asked, clientState: null });
    expect(await client.listSubscriptions()).toEqual([expect.objectContaining({ ...asked, id })]);
    expect(await client.readSubscription(id)).toEqual(created);

    const later = inHours(2);
    expect(await client.renew(id, { expirationDateTime: later })).toEqual({ ...created, expirationDateTime: later });
    const tooLate = client.renew(id, { expirationDateTime: inHours(73) });
    await expect(tooLate).rejects.toMatchObject({ status: 400, details: [{ target: 'expirationDateTime' }] });

    expect(await client.unsubscribe(id)).toBe(true);
    expect(await client.unsubscribe(id)).toBe(false);
    expect(await client.readSubscription(id)).toBeUndefined();
    expect(await client.renew(id, { expirationDateTime: later })).toBeUndefined();
  } finally {
    await receiver.close();
  }
  await expect(client.subscribe(asked)).rejects.toMatchObject({ status: 400, code: 'ValidationError' });
});

test('all else that the service offers is there by its address', async () => {
  const { data } = await client.http.GET('/health/ready');
  expect(data).toEqual({ status: 'ready' });
});
