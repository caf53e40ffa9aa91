// The lines of a good request and of a refused one are in test/e2e/start.test.ts.
import { expect, test } from '@jest/globals';
import { requestLine } from '../../../local/requestLine.ts';

/** The line of a refusal with this body, without colours, if a terminal runs the tests. */
const refusalLine = (body: string, headers: Record<string, string> = { 'Request-Id': 'an-id' }) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is taken out.
  requestLine({ method: 'PATCH', path: '/', status: 400, milliseconds: 3.6, headers, body }).replace(/\x1b\[\d+m/g, '');

test('the line of a refusal has the targets of its details, each once, without control characters, and no message', () => {
  const targets = ['status', 'resultInfo/code', 'status', '\u001b[2Jé\n'];
  const details = [...targets.map((target) => ({ code: 'a', message: 'secret', target })), { code: 'more' }];
  const body = JSON.stringify({ error: { code: 'BadRequest', message: 'secret', details } });
  expect(refusalLine(body)).toBe('PATCH / 400 4 ms an-id BadRequest status resultInfo/code ?[2J??');
});

test('it ends at the id where there is no code', () => {
  for (const body of ['', 'Bad Gateway', '[]', '{"error":"invalid_request"}'])
    expect(refusalLine(body)).toBe('PATCH / 400 4 ms an-id');
  expect(refusalLine('', {})).toBe('PATCH / 400 4 ms -');
});
