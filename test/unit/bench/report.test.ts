import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { updateGoals } from '../../../bench/report/report.ts';
import type { Results } from '../../../bench/results.ts';

const folder = mkdtempSync(join(tmpdir(), 'playpromptoperation-goals-'));
const page = join(folder, 'page.md');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const results: Results = {
  compute: {
    goals: [{ measure: 'CPU', most: 60, unit: 'us', figure: { median: 52, interval: [51, 53], rounds: 9 } }],
    sections: [],
    run: { date: '2026-01-01', commit: 'abc', machine: 'one', versions: 'none', quick: false },
  },
};

test('the goals replace the first table below their heading, and nothing else', () => {
  writeFileSync(
    page,
    '# A\n\n| other |\n| --- |\n\n## Goals\n\n| old |\n| --- |\n| row |\n\nText.\n\n| last |\n| --- |\n',
  );
  updateGoals(page, results);
  const text = readFileSync(page, 'utf8');
  expect(text).toMatch(/^# A\n\n\| other \|\n\| --- \|\n\n## Goals\n\n\| measure /);
  expect(text).toMatch(
    /\| CPU +\| <= 60\.0 us \| 52\.0 \(51\.0-53\.0\) \| 9 +\| met +\|\n\nText\.\n\n\| last \|\n\| --- \|\n$/,
  );
  expect(text).not.toContain('old');
});

test('a page without a table of goals is refused', () => {
  writeFileSync(page, '# A\n');
  expect(() => updateGoals(page, results)).toThrow('has no table of goals');
});
