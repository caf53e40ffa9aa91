import { expect, test } from '@jest/globals';
import { ReceiverError, type ReceiverResponse } from '../../../shared/notifications/receiver.ts';
import { createValidateReceiver } from '../../../shared/notifications/validateReceiver.ts';
import { TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

type Outcome = Error | ((token: string) => Partial<ReceiverResponse>);

/** Checks the receiver at a URL, which returns the token unless something else is said; what it was asked for. */
async function check(outcome: Outcome = () => ({}), url = 'https://bot.example/') {
  let asked = '';
  const validate = async (_: string, target: string) => {
    asked = target;
    if (outcome instanceof Error) throw outcome;
    const body = tokenOf(target);
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body, ...outcome(body) };
  };
  await createValidateReceiver({ receivers: { validate } })({ tenant: TENANT, applicationId: 'application' }, url);
  return asked;
}

const tokenOf = (target: string) => new URL(target).searchParams.get('validationToken') ?? '';

test.each([
  ['https://bot.example/', 'https://bot.example/?validationToken='],
  ['https://bot.example/?', 'https://bot.example/?validationToken='],
  ['https://bot.example/?a=1', 'https://bot.example/?a=1&validationToken='],
])('%s gets a token of its own in its query', async (url, expected) => {
  const asked = [await check(undefined, url), await check(undefined, url)];
  expect(asked).toEqual(Array(2).fill(expect.stringContaining(expected)));
  // No earlier response is of use.
  expect(new Set(asked).size).toBe(2);
});

test('an application validates 10 receivers at the same time, and a tenant 20; more are too many', async () => {
  const held: (() => void)[] = [];
  const validateReceiver = createValidateReceiver({
    receivers: {
      validate: async (_, target) => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { status: 200, headers: { 'content-type': 'text/plain' }, body: tokenOf(target) };
      },
    },
  });
  const ask = (applicationId: string, tenant = TENANT) =>
    validateReceiver({ tenant, applicationId }, 'https://bot.example/').then(
      () => 'valid',
      ({ reason }) => reason,
    );
  const results = [...'aaaaaaaaaaa', ...'bbbbbbbbbb', 'c'].map((application) => ask(application));
  results.push(ask('a', OTHER_TENANT));
  await new Promise(setImmediate);
  expect(held).toHaveLength(21);
  // One that ends makes room for one.
  held.shift()?.();
  await new Promise(setImmediate);
  results.push(ask('a'), ask('a'));
  await new Promise(setImmediate);
  for (const resolve of held) resolve();
  const outcomes = await Promise.all(results);
  expect(outcomes.flatMap((outcome, n) => (outcome === 'valid' ? [] : [[n, outcome]]))).toEqual([
    [10, 'tooManyRequests'],
    [21, 'tooManyRequests'],
    [24, 'tooManyRequests'],
  ]);
  const again = ask('c');
  await new Promise(setImmediate);
  held.at(-1)?.();
  expect(await again).toBe('valid');
});

test.each<[found: string, outcome: Outcome]>([
  ['may not go to', new ReceiverError('refused address')],
  ['in time', new ReceiverError('timeout')],
  ['reached', new ReceiverError('unreachable')],
  ['status 201', () => ({ status: 201 })],
  ['status 307', () => ({ status: 307 })],
  ['another Content-Type', () => ({ headers: {} })],
  ['another Content-Type', () => ({ headers: { 'content-type': 'text/html' } })],
  ['another Content-Type', () => ({ headers: { 'content-type': 'text/plainer' } })],
  ['another body', (token) => ({ body: `"${token}"` })],
  ['another body', (token) => ({ body: `${token}\n` })],
  ['another body', (token) => ({ body: encodeURIComponent(token) })],
  ['another body', () => ({ body: 'secret' })],
])('a refusal says what came back (%s), and what has to', async (found, outcome) => {
  const error: unknown = await check(outcome).catch((thrown: unknown) => thrown);
  const message = expect.stringMatching(/validationToken.*200.*text\/plain.*10 seconds/);
  expect(error).toMatchObject({ reason: 'validationFailed', message });
  expect(Object(error).message).toContain(found);
  expect(Object(error).message).not.toContain('secret');
});

test('no place is no fault of the receiver, and neither is an error of the service itself', async () => {
  await expect(check(new ReceiverError('busy'))).rejects.toMatchObject({ reason: 'tooManyRequests' });
  await expect(check(new TypeError('broken'))).rejects.toThrow('broken');
});

test('the media type may have any casing and parameters', async () => {
  await check(() => ({ headers: { 'content-type': 'Text/Plain ; charset=utf-8' } }));
});
