// The documentation shows what the service does: every shell block runs, and prints what the block below it shows.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { environmentFor, type Program, startReceiver } from '../support/receiver.ts';
import { useService } from '../support/useService.ts';

const run = promisify(execFile);

const service = useService();
let receiver: Program;
let receiverUrl = '';
beforeAll(async () => {
  receiver = startReceiver(service);
  receiverUrl = await receiver.printed(/(?<=at )http:.*(?=\/$)/m);
});
afterAll(() => receiver?.stop());

function blocksOf(page: string) {
  return [...readFileSync(page, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', text = '']) => ({ language, text }),
  );
}

/** The blocks of a page: each in `sh`, with the block that follows it at once if that is output. */
function examplesOf(page: string) {
  const blocks = blocksOf(page);
  return blocks.flatMap(({ language, text }, n) => {
    if (language !== 'sh') return [];
    const next = blocks[n + 1];
    return [{ command: text.trim(), shown: next && ['json', 'text'].includes(next.language) ? next : undefined }];
  });
}

/** Runs the examples of a page in one shell, as a reader would, and returns what each printed. */
async function outputsOf(examples: ReturnType<typeof examplesOf>) {
  const urls = [
    ['http://127.0.0.1:7071', service.facts.baseUrl],
    ['http://127.0.0.1:7073', receiverUrl],
  ] as const;
  const written = examples.map(({ command }) => `${command}\nprintf '\\0'`).join('\n');
  const script = urls.reduce((text, [shown, url]) => text.replaceAll(shown, url), written);
  const { stdout } = await run('bash', ['-euc', script], { env: environmentFor(service) });
  return urls.reduce((text, [shown, url]) => text.replaceAll(url, shown), stdout).split('\0');
}

const object = z.record(z.string(), z.unknown());

/** Random GUIDs (version 4) and times of now, which differ each time. */
const VARYING = [/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/];

/** What must be there of JSON as it is shown: ETags, GUIDs and times differ, and `...` stands for further members. */
function expected(shown: unknown): unknown {
  const varying = VARYING.find((pattern) => typeof shown === 'string' && pattern.test(shown));
  if (varying) return expect.stringMatching(varying);
  if (Array.isArray(shown)) return shown.map(expected);
  const members = object.safeParse(shown).data;
  if (!members) return shown;
  const { '...': isPartial, ...rest } = members;
  const entries = Object.entries(rest).map(([name, value]) => [
    name,
    name === '@odata.etag' ? expect.stringMatching(/^W\//) : expected(value),
  ]);
  return isPartial === undefined ? Object.fromEntries(entries) : expect.objectContaining(Object.fromEntries(entries));
}

describe.each(['README.md', 'docs/api.md'])('%s', (page) => {
  const examples = examplesOf(page);
  let outputs: string[];
  beforeAll(async () => {
    expect(examples.filter(({ shown }) => shown).length).toBeGreaterThan(1);
    outputs = await outputsOf(examples);
  }, 60_000);

  test.each(examples.map((example, n) => [n, example] as const))('example %i prints what it shows', (n, { shown }) => {
    const output = outputs[n] ?? '';
    if (shown?.language === 'json') expect(JSON.parse(output)).toEqual(expected(JSON.parse(shown.text)));
    if (shown?.language === 'text') expect(output.trim()).toBe(shown.text.trim());
  });

  test('the receiver of notifications prints the lines of its log, but for their times', async () => {
    const logs = blocksOf(page).filter(({ language }) => language === 'log');
    for (const line of logs.flatMap(({ text }) => text.trim().split('\n'))) {
      const printed = line.replace(/^\d\d:\d\d:\d\d /, '');
      expect(await receiver.printed(new RegExp(`(?<= )${printed}$`, 'm'))).toBe(printed);
    }
  });
});
