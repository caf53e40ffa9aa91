import { describe, expect, test } from '@jest/globals';
import { requestLine } from '../../../local/requestLine.ts';

const served = {
  method: 'PATCH',
  path: '/v1.0/playPromptOperation',
  status: 200,
  milliseconds: 3.6,
  headers: { 'Request-Id': 'an-id' },
  body: '{"clientContext":"mine"}',
};
/** Without colours, if a terminal runs the tests. */
const line = (change: Partial<typeof served>) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is taken out.
  requestLine({ ...served, ...change }).replace(/\x1b\[\d+m/g, '');
const refusal = (error: object) => JSON.stringify({ error });

describe('the line of a request', () => {
  test('has method, path, status, duration and request id, and no part of the body', () => {
    expect(line({})).toBe('PATCH /v1.0/playPromptOperation 200 4 ms an-id');
    expect(line({ headers: {} as typeof served.headers })).toBe('PATCH /v1.0/playPromptOperation 200 4 ms -');
  });

  test('has the code of a refusal and the targets of its details, each once, and no message', () => {
    const details = ['status', 'resultInfo/code', 'status'].map((target) => ({ code: 'a', message: 'secret', target }));
    const body = refusal({ code: 'BadRequest', message: 'secret', details: [...details, { code: 'more' }] });
    expect(line({ status: 400, body })).toMatch(/ an-id BadRequest status resultInfo\/code$/);
    expect(line({ status: 404, body: refusal({ code: 'ResourceNotFound' }) })).toMatch(/ an-id ResourceNotFound$/);
  });

  test('passes no control character of a target on to the terminal', () => {
    const body = refusal({ code: 'BadRequest', details: [{ target: '\u001b[2Jé\n' }] });
    expect(line({ status: 400, body })).toMatch(/ BadRequest \?\[2J\?\?$/);
  });

  test.each(['', 'Bad Gateway', '[]', '{"error":"invalid_request"}'])(
    'of a refusal of another form ends at the id: %j',
    (body) => {
      expect(line({ status: 502, body })).toMatch(/ an-id$/);
    },
  );
});
