import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ReceiverError, type ReceiverResponse, type Receivers } from '../../../shared/notifications/receiver.ts';
import { createValidateReceiver } from '../../../shared/notifications/validateReceiver.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const owner = { tenant: TENANT, applicationId: 'application' };

/** Checks the receiver at https://bot.example/ or another URL, by what a request to it comes to. */
const check = (validate: Receivers['validate'], url = 'https://bot.example/') =>
  createValidateReceiver({ receivers: { validate } })(owner, url);

const tokenOf = (target: string) => new URL(target).searchParams.get('validationToken') ?? '';

test.each([
  ['https://bot.example/', 'https://bot.example/?validationToken='],
  ['https://bot.example/?', 'https://bot.example/?validationToken='],
  ['https://bot.example/?a=1', 'https://bot.example/?a=1&validationToken='],
])('%s gets the token in its query', async (url, expected) => {
  const asked: string[] = [];
  const validate = async (_: string, target: string) => {
    asked.push(target);
    const body = tokenOf(target);
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
  };
  await check(validate, url);
  expect(asked).toEqual([expect.stringContaining(expected)]);
  // Each validation has a token of its own, so that no earlier response is of use.
  await check(validate, url);
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

test('a receiver that there is no place for is one too many', async () => {
  const validate = () => Promise.reject(new ReceiverError('busy'));
  await expect(check(validate)).rejects.toMatchObject({ reason: 'tooManyRequests' });
});

describe('the error', () => {
  const messageOf = async (outcome: Partial<ReceiverResponse> | ReceiverError) => {
    const validate = async () => {
      if (outcome instanceof ReceiverError) throw outcome;
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: '', ...outcome };
    };
    const error: unknown = await check(validate).catch((reason: unknown) => reason);
    if (!(error instanceof ServiceError)) throw error;
    expect(error.reason).toBe('validationFailed');
    return error.message;
  };

  test.each([
    ['an address that is not allowed', new ReceiverError('refused address'), 'may not go to'],
    ['no response in time', new ReceiverError('timeout'), 'in time'],
    ['no connection', new ReceiverError('unreachable'), 'reached'],
    ['another status', { status: 307 }, 'status 307'],
    ['no media type', { headers: {} }, 'another Content-Type'],
    ['another media type', { headers: { 'content-type': 'text/html' } }, 'another Content-Type'],
    ['another body', { body: 'secret' }, 'another body'],
  ] as const)('says what came back, and what has to: %s', async (_, outcome, found) => {
    const message = await messageOf(outcome);
    expect(message).toContain(found);
    expect(message).toMatch(/validationToken.*200.*text\/plain.*10 seconds/);
    expect(message).not.toContain('secret');
  });

  test('of the service itself is none of the receiver', async () => {
    const validate = async () => {
      throw new TypeError('broken');
    };
    await expect(check(validate)).rejects.toThrow('broken');
  });
});

test('a receiver is accepted only for status 200, plain text and the token itself', async () => {
  const response = fc.record({
    status: fc.oneof(fc.constantFrom(200, 200, 201, 202, 302, 500), fc.integer({ min: 100, max: 599 })),
    contentType: fc.oneof(
      fc.constantFrom('text/plain', 'Text/Plain ; charset=utf-8', 'text/html', 'text/plainer', undefined),
      fc.string(),
    ),
    edit: fc.constantFrom<(token: string) => string>(
      (token) => token,
      (token) => token,
      (token) => `"${token}"`,
      (token) => `${token}\n`,
      (token) => encodeURIComponent(token),
      (token) => token.toLowerCase().slice(1),
      () => '',
    ),
  });
  await fc.assert(
    fc.asyncProperty(response, async ({ status, contentType, edit }) => {
      let isToken = false;
      const validate = async (_: string, target: string) => {
        const token = tokenOf(target);
        isToken = edit(token) === token;
        return { status, headers: contentType === undefined ? {} : { 'content-type': contentType }, body: edit(token) };
      };
      const isAccepted = await check(validate).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ reason: 'validationFailed' });
          return false;
        },
      );
      const isPlain = /^text\/plain *(;|$)/i.test(contentType?.trim() ?? '');
      expect(isAccepted).toBe(status === 200 && isPlain && isToken);
    }),
  );
});
