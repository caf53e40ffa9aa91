import { expect, test } from '@jest/globals';
import { ReceiverError, type ReceiverResponse } from '../../../shared/notifications/receiver.ts';
import { createValidateReceiver } from '../../../shared/notifications/validateReceiver.ts';
import { TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const owner = { tenant: TENANT, applicationId: 'application' };

/** Checks the receiver at https://bot.example/ or another URL, which returns the token unless something else is said. */
const check = (
  outcome: ((token: string) => Partial<ReceiverResponse>) | Error = () => ({}),
  url = 'https://bot.example/',
) => {
  const asked: string[] = [];
  const validate = async (_: string, target: string) => {
    asked.push(target);
    if (outcome instanceof Error) throw outcome;
    const body = tokenOf(target);
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body, ...outcome(body) };
  };
  return createValidateReceiver({ receivers: { validate } })(owner, url).then(() => asked);
};

const tokenOf = (target: string) => new URL(target).searchParams.get('validationToken') ?? '';

test.each([
  ['https://bot.example/', 'https://bot.example/?validationToken='],
  ['https://bot.example/?', 'https://bot.example/?validationToken='],
  ['https://bot.example/?a=1', 'https://bot.example/?a=1&validationToken='],
])('%s gets a token of its own in its query', async (url, expected) => {
  const asked = [...(await check(undefined, url)), ...(await check(undefined, url))];
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
  for (const resolve of held) resolve();
  const outcomes = await Promise.all(results);
  expect(outcomes.flatMap((outcome, n) => (outcome === 'valid' ? [] : [n]))).toEqual([10, 21]);
  expect(new Set(outcomes)).toEqual(new Set(['valid', 'tooManyRequests']));
  const again = ask('c');
  await new Promise(setImmediate);
  held.at(-1)?.();
  expect(await again).toBe('valid');
});

test.each<[string, Parameters<typeof check>[0], reason: string, found: string]>([
  ['no place for it', new ReceiverError('busy'), 'tooManyRequests', 'at the same time'],
  ['an address that is not allowed', new ReceiverError('refused address'), 'validationFailed', 'may not go to'],
  ['no response in time', new ReceiverError('timeout'), 'validationFailed', 'in time'],
  ['no connection', new ReceiverError('unreachable'), 'validationFailed', 'reached'],
  ...[201, 204, 307, 500].map((status): [string, () => object, string, string] => [
    'another status',
    () => ({ status }),
    'validationFailed',
    `status ${status}`,
  ]),
  ...[undefined, 'text/html', 'text/plainer', 'text', ''].map((type): [string, () => object, string, string] => [
    `the media type ${type}`,
    () => ({ headers: type === undefined ? {} : { 'content-type': type } }),
    'validationFailed',
    'another Content-Type',
  ]),
  ...[
    (token: string) => `"${token}"`,
    (token: string) => `${token}\n`,
    encodeURIComponent,
    (token: string) => token.toUpperCase(),
    () => 'secret',
    () => '',
  ].map((edit): [string, (token: string) => object, string, string] => [
    'another body',
    (token) => ({ body: edit(token) }),
    'validationFailed',
    'another body',
  ]),
])('%s is refused, and the error says what came back, and what has to', async (_, outcome, reason, found) => {
  const error: unknown = await check(outcome).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ reason, message: expect.stringContaining(found) });
  const { message } = Object(error);
  if (reason === 'validationFailed') expect(message).toMatch(/validationToken.*200.*text\/plain.*10 seconds/);
  expect(message).not.toContain('secret');
});

test('the media type may have any casing and parameters', async () => {
  expect(await check(() => ({ headers: { 'content-type': 'Text/Plain ; charset=utf-8' } }))).toHaveLength(1);
});

test('an error of the service itself is none of the receiver', async () => {
  await expect(check(new TypeError('broken'))).rejects.toThrow('broken');
});
