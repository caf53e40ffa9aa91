// GitHub's own parser finds no fault in the workflows, and their permissions are minimal. test/field/workflows.test.ts runs
// them.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as z from 'zod';

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER);
const contentOf = (file: string) => readFileSync(`${FOLDER}/${file}`, 'utf8');
const jobsOf = (file: string) => contentOf(file).split(/\n(?= {2}[\w-]+:\n)/);
/** What the first group of an expression matches. */
const namesIn = (text: string, expression: RegExp) => [...text.matchAll(expression)].map(([, name = '']) => name);

/** What jobs may write, by workflow. `id-token` is the job's own token, by which Azure and Sigstore know it. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  'deploy.yml': ['attestations'],
  'release.yml': ['attestations', 'contents'],
  'codeql.yml': ['security-events'],
};

/** What is wrong with each of these workflows. */
function faultsOf(contents: readonly string[]): string[][] {
  const options = { input: JSON.stringify(contents), encoding: 'utf8' } as const;
  const printed = execFileSync(process.execPath, ['test/support/workflowFaults.ts'], options);
  return z.array(z.array(z.string())).parse(JSON.parse(printed));
}

test('each is a workflow as GitHub understands it; an unknown key, need or context would be found', () => {
  const job = 'on: push\njobs:\n  a:\n    runs-on: x\n';
  const wrong = [
    `${job}    stepz: []\n`,
    `${job}    needs: b\n    steps: []\n`,
    `${job}    steps:\n      - run: echo \${{ varz.x }}\n`,
  ];
  const faults = faultsOf([...files.map(contentOf), ...wrong]);
  expect(faults.slice(0, files.length)).toEqual(files.map(() => []));
  for (const found of faults.slice(files.length)) expect(found).not.toEqual([]);
});

test.each(files)('%s grants each job only what it needs, and nothing to the tests', (file) => {
  expect(contentOf(file)).toContain('\npermissions: {}\n');
  for (const job of jobsOf(file)) {
    const allowed = job.includes('.ci/run') ? [] : ['id-token', ...(WRITES[file] ?? [])];
    expect(allowed).toEqual(expect.arrayContaining(namesIn(job, /^ +([\w-]+): write$/gm)));
  }
});

test.each(files)(
  '%s holds no secret, leaves no credential in the checkout, and fails when a part of a pipe does',
  (file) => {
    const content = contentOf(file);
    expect(content).not.toMatch(/\bsecrets\b/);
    expect(content).not.toMatch(/uses: actions\/checkout@.*\n(?! +with:\n +persist-credentials: false\n)/);
    // The shell of these tests; the scripts of a workflow that is for Windows too are single commands.
    if (/\brun:/.test(content) && !content.includes('windows'))
      expect(content).toMatch(/^defaults:\n {2}run:\n {4}shell: bash\n/m);
    for (const [script] of content.matchAll(/\brun: (?:\|\n(?: {10}.*\n)+|.*\n)/g)) expect(script).not.toContain('${{');
  },
);

test('every action is pinned to a commit, which is the same everywhere, and its version is named', () => {
  const uses = files.flatMap((file) => namesIn(contentOf(file), /uses: (.+)$/gm));
  const actions = uses.filter((use) => !/^\.\/\.github\/workflows\/\w+\.yml$/.test(use));
  for (const use of actions) expect(use).toMatch(/^[\w-]+\/[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
  const repositories = new Set(actions.map((use) => /^[\w-]+\/[\w-]+/.exec(use)?.[0]));
  const pins = new Set(actions.map((use) => use.replace(/^([\w-]+\/[\w-]+)[\w/-]*/, '$1')));
  expect(pins.size).toBe(repositories.size);
  expect(pins.size).toBeGreaterThan(5);
});

test('each job that deploys the files of parameters passes every variable that they read', () => {
  const parameters = readdirSync('infra').filter((name) => name.endsWith('.bicepparam'));
  const read = parameters.flatMap((name) =>
    namesIn(readFileSync(`infra/${name}`, 'utf8'), /readEnvironmentVariable\('(\w+)'/g),
  );
  const jobs = files.flatMap(jobsOf).filter((job) => job.includes('.bicepparam'));
  expect(jobs.map((job) => job.split(':')[0]?.trim())).toEqual(['what-if', 'deploy']);
  expect(new Set(read).size).toBeGreaterThan(3);
  for (const job of jobs) {
    for (const name of read) expect(job).toContain(`\n      ${name}: \${{ vars.${name} }}\n`);
  }
});

test('each variable is in the docs, and one that a job outside the environments reads is a variable of the repository', () => {
  const variables = (text: string) => namesIn(text, /\bvars(?:\.|\[format\(')(\w+?)(?:_\{0\}'|\b)/g);
  const whatIf = jobsOf('deploy.yml').find((job) => job.startsWith('  what-if:')) ?? '';
  expect(whatIf).not.toMatch(/^ {4}environment:/m);
  const rows = readFileSync('docs/entra.md', 'utf8').split('\n');
  const all = files.flatMap((file) => variables(contentOf(file)));
  expect(new Set(all).size).toBeGreaterThan(8);
  for (const name of all) {
    const where = variables(whatIf).includes(name) ? 'repository\\b' : '';
    const row = rows.find((each) => each.startsWith('| `') && each.includes(`\`${name}`));
    expect([name, row]).toEqual([name, expect.stringMatching(new RegExp(`^\\|[^|]+\\| ${where}`))]);
  }
});

test('documentation alone deploys nothing', () => {
  expect(contentOf('deploy.yml')).toContain("\n    branches: [main]\n    paths-ignore: ['**.md', docs/**]\n");
});

test('what is installed by its version is known to Dependabot', () => {
  const config = readFileSync('.github/dependabot.yml', 'utf8');
  for (const [ecosystem, directory] of [
    ['npm', '/.github/coreTools'],
    ['nuget', '/infra'],
    ['github-actions', '/'],
  ]) {
    expect(config).toMatch(new RegExp(`ecosystem: ${ecosystem}\n +director(?:y|ies): .*${directory}[,\\]\n]`));
  }
  // It reads references, not downloads: https://github.com/dependabot/dependabot-core/tree/main/nuget
  expect(readFileSync('infra/bicep.csproj', 'utf8')).toMatch(
    /<PackageReference Include="Azure\.Bicep\.CommandLine\.linux-x64" Version="[\d.]+"/,
  );
  expect(JSON.parse(readFileSync('.github/coreTools/package.json', 'utf8')).dependencies).toEqual({
    'azure-functions-core-tools': expect.stringMatching(/^4\.\d+\.\d+$/),
  });
});
