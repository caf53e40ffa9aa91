import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type PostOptions,
  ReceiverError,
  type ReceiverResponse,
  type Receivers,
} from '../../../shared/notifications/receiver.ts';
import { createValidateReceiver } from '../../../shared/notifications/validateReceiver.ts';
import { ServiceError } from '../../../shared/serviceError.ts';

test.each([
  ['https://bot.example/', 'https://bot.example/?validationToken='],
  ['https://bot.example/?', 'https://bot.example/?validationToken='],
  ['https://bot.example/?a=1', 'https://bot.example/?a=1&validationToken='],
])('%s gets the token in its query', async (url, expected) => {
  const asked: string[] = [];
  const post = async (target: string) => {
    asked.push(target);
    const body = new URL(target).searchParams.get('validationToken') ?? '';
    return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
  };
  await createValidateReceiver({ receivers: { post } })(url);
  expect(asked).toEqual([expect.stringContaining(expected)]);
  // Each validation has a token of its own, so that no earlier response is of use.
  await createValidateReceiver({ receivers: { post } })(url);
  expect(new Set(asked).size).toBe(2);
});

test('a receiver is asked without a body, for its body, and within 10 seconds', async () => {
  const asked: [string, PostOptions | undefined][] = [];
  const post: Receivers['post'] = async (target, body, options) => {
    asked.push([body, options]);
    const token = new URL(target).searchParams.get('validationToken') ?? '';
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: token };
  };
  await createValidateReceiver({ receivers: { post }, now: () => 7 })('https://bot.example/');
  expect(asked).toEqual([['', { readsBody: true, startBy: 10_007 }]]);
});

describe('the error', () => {
  const messageOf = async (outcome: Partial<ReceiverResponse> | ReceiverError) => {
    const post = async () => {
      if (outcome instanceof ReceiverError) throw outcome;
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: '', ...outcome };
    };
    const error: unknown = await createValidateReceiver({ receivers: { post } })('https://bot.example/').catch(
      (reason: unknown) => reason,
    );
    if (!(error instanceof ServiceError)) throw error;
    expect(error.reason).toBe('validationFailed');
    return error.message;
  };

  test.each([
    ['a request that waits too long', new ReceiverError('busy'), 'waiting'],
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
    const post = async () => {
      throw new TypeError('broken');
    };
    await expect(createValidateReceiver({ receivers: { post } })('https://bot.example/')).rejects.toThrow('broken');
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
      const post = async (target: string) => {
        const token = new URL(target).searchParams.get('validationToken') ?? '';
        isToken = edit(token) === token;
        return { status, headers: contentType === undefined ? {} : { 'content-type': contentType }, body: edit(token) };
      };
      const isAccepted = await createValidateReceiver({ receivers: { post } })('https://bot.example/').then(
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
