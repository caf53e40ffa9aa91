import { expect, test } from '@jest/globals';
import { commandOf } from '../../../local/command.ts';

test('on Windows, cmd.exe starts a command, each argument of which it leaves alone', () => {
  const url = "https://graph.microsoft.com/v1.0/applications?$filter=displayName eq 'a & b'";
  const args = ['rest', '--url', url, '--body', '@C:\\Users\\First Last\\body.json', '--if-match', '*', ''];
  expect(commandOf('az', args, 'win32')).toEqual({
    file: `az rest --url "${url}" --body "@C:\\Users\\First Last\\body.json" --if-match "*" ""`,
    args: [],
    shell: true,
  });
});

test.each(['{"a":1}', '%PATH%', 'a\nb', 'C:\\folder\\'])('what cmd.exe would change is refused: %j', (arg) => {
  expect(() => commandOf('az', [arg], 'win32')).toThrow(JSON.stringify(arg));
});

test('elsewhere no shell is between', () => {
  expect(commandOf('az', ['{"a":1}', '%'], 'linux')).toEqual({ file: 'az', args: ['{"a":1}', '%'], shell: false });
});
