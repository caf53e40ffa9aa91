import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ReceiverError } from '../../../shared/notifications/receiver.ts';
import { validateReceiver } from '../../../shared/notifications/validateReceiver.ts';

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
  await validateReceiver({ post }, url);
  expect(asked).toEqual([expect.stringContaining(expected)]);
  // Each validation has a token of its own, so that no earlier response is of use.
  await validateReceiver({ post }, url);
  expect(new Set(asked).size).toBe(2);
});

test.each(['busy', 'refused address', 'timeout', 'unreachable'] as const)(
  'a receiver is refused: %s',
  async (failure) => {
    const post = async () => {
      throw new ReceiverError(failure);
    };
    await expect(validateReceiver({ post }, 'https://bot.example/')).rejects.toMatchObject({
      reason: 'validationFailed',
    });
  },
);

test('a response without a media type is refused, and a fault of the service is none of the receiver', async () => {
  const post = async () => ({ status: 200, headers: {}, body: '' });
  await expect(validateReceiver({ post }, 'https://bot.example/')).rejects.toMatchObject({
    reason: 'validationFailed',
  });
  const broken = async () => {
    throw new TypeError('broken');
  };
  await expect(validateReceiver({ post: broken }, 'https://bot.example/')).rejects.toThrow('broken');
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
      const isAccepted = await validateReceiver({ post }, 'https://bot.example/').then(
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
