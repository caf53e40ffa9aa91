// The documentation agrees with the code, and its links lead somewhere.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { costTable } from '../../infra/cost.ts';
import { wireErrors } from '../../shared/odata/errorResponse.ts';
import { propertyNames } from '../../shared/operation/playPromptOperation.ts';
import { settingNames } from '../../shared/settings.ts';

const pages = execFileSync('git', ['ls-files', '*.md'], { encoding: 'utf8' }).trim().split('\n');
const textOf = (page: string) => readFileSync(page, 'utf8');

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string) {
  const headings = [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase());
  return headings.map((heading) => heading.replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
}

test.each(pages)('%s has links that resolve, and names only files that exist', (page) => {
  const prose = textOf(page).replace(/^```[\s\S]*?^```$/gm, '');
  for (const [, link = ''] of prose.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    expect([link, existsSync(target)]).toEqual([link, true]);
    if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor);
  }
  const named = prose.matchAll(/`((?:functions|shared|local|test|infra|docs|bench|client)\/[\w./-]+\.\w+)`/g);
  for (const [, file = ''] of named) expect([file, existsSync(file)]).toEqual([file, true]);
});

/** The first cell of each row of the tables below a heading. */
function firstCells(page: string, heading: string) {
  const section = textOf(page).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `?([^`|]+?)`? \|/gm)]
    .map(([, cell = '']) => cell)
    .filter((cell) => !/^(-+|name)$/.test(cell));
}

test('settings.md lists every setting, and no other', () => {
  const listed = [...firstCells('docs/settings.md', 'Service'), ...firstCells('docs/settings.md', 'Telemetry')];
  const names = listed.filter((cell) => /^[A-Z][A-Z0-9_]+$/.test(cell));
  expect(names.sort()).toEqual([...settingNames].sort());
});

test('the table of costs is as computed', () => {
  expect(textOf('docs/cost.md')).toContain(`\n${costTable()}\n`);
});

test('api.md lists every property of the resource', () => {
  const listed = firstCells('docs/api.md', 'The resource').filter((cell) => cell !== 'property');
  expect(listed).toEqual(propertyNames);
});

test('settings.md lists every metric', () => {
  const expressions = 'createCounter\\(|createHistogram\\(|name: .playprompt';
  const created = execFileSync('git', ['grep', '-hE', expressions, '--', 'shared', 'functions'], { encoding: 'utf8' });
  const names = [...created.matchAll(/'((?:http|db|playpromptoperation)\.[a-z_.]+)'/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  expect(firstCells('docs/settings.md', 'Telemetry')).toEqual(expect.arrayContaining([...new Set(names)]));
});

/** A code of `details` where it is written. */
const DETAIL_CODE = /(?:faults\.add|invalidRequest)\(\s*'(\w+)'|INVALID_OPTION = '(\w+)'|code: '([A-Z]\w+)', message/g;

test('api.md lists every error', () => {
  const rows = [...textOf('docs/api.md').matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)];
  const listed = rows.map(([, status, code]) => `${status} ${code}`);
  const errors = new Set(Object.values(wireErrors).map(({ status, code }) => `${status} ${code}`));
  expect(listed.sort()).toEqual([...errors].sort());
});

test('api.md lists every code of details', () => {
  const files = execFileSync('git', ['ls-files', 'shared/*.ts', 'functions/*.ts'], { encoding: 'utf8' }).trim();
  const source = files.split('\n').map(textOf).join('\n');
  const codes = [...source.matchAll(DETAIL_CODE)].map((match) => match.slice(1).join(''));
  const onTheWire = Object.values(wireErrors).map(({ code }) => code);
  const [, sentence = ''] = /Its `code` is ([^.]+)\./.exec(textOf('docs/api.md')) ?? [];
  const listed = [...sentence.matchAll(/`(\w+)`/g)].map(([, code = '']) => code);
  expect(listed.sort()).toEqual([...new Set(codes)].filter((code) => !onTheWire.includes(code)).sort());
});

test('the README is a front page', () => {
  expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(180);
});
