// The bot in C#, which promises what the one in TypeScript does. About half a minute.
import { beforeAll, test } from '@jest/globals';
import { testBot } from '../support/bots.ts';
import { compile, hasDotnet } from './dotnet.ts';

const FOLDER = 'dist/field/bot';

if (hasDotnet('docs/examples/bot.cs')) {
  beforeAll(() => compile('docs/examples/bot.cs', FOLDER), 120_000);
  testBot(() => ['dotnet', `${FOLDER}/bot.dll`]);
} else {
  test.skip('the bot in C#, since the .NET SDK is missing', () => {});
}
