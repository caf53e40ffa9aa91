// `npm run backtracking`: finds regular expressions that take more than linear time for some input.
import { globSync, readFileSync } from 'node:fs';
import { parseSync, traverse } from '@babel/core';
import { analyse } from 'scslre';

/** The code that reads what others send. */
const SOURCES = '{functions,shared,pages,client,local}/**/*.{ts,js}';

const faults = globSync(SOURCES, { exclude: (file) => /node_modules|dist/.test(String(file)) }).flatMap((file) =>
  literalsOf(file).flatMap(({ pattern, flags, line }) =>
    analyse({ source: pattern, flags }).reports.map(
      ({ type, exponential, character }) =>
        `${file}:${line} /${pattern}/${flags} takes ${exponential ? 'exponential' : 'polynomial'} time (${type}) for many ${JSON.stringify(character.pick)}`,
    ),
  ),
);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

function literalsOf(file: string) {
  const tree = parseSync(readFileSync(file, 'utf8'), { configFile: false, parserOpts: { plugins: ['typescript'] } });
  if (!tree) throw new Error(`${file} cannot be parsed.`);
  const literals: { pattern: string; flags: string; line: number }[] = [];
  traverse(tree, {
    RegExpLiteral({ node: { pattern, flags, loc } }) {
      literals.push({ pattern, flags, line: loc?.start.line ?? 0 });
    },
  });
  return literals;
}
