// GitHub's own parser finds no fault in the workflows, and their permissions are minimal. test/field/workflows.test.ts runs
// them.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER);
const contentOf = (file: string) => readFileSync(`${FOLDER}/${file}`, 'utf8');

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

test('each is a workflow as GitHub understands it', () => {
  expect(faultsOf(files.map(contentOf))).toEqual(files.map(() => []));
});

describe.each(files)('%s', (file) => {
  const content = contentOf(file);

  test('grants each job only what it needs', () => {
    expect(content).toContain('\npermissions: {}\n');
    const written = [...content.matchAll(/^ +([\w-]+): write$/gm)].map(([, name = '']) => name);
    const allowed = ['id-token', ...(WRITES[file] ?? [])];
    expect(written.filter((name) => !allowed.includes(name))).toEqual([]);
  });

  test('lets no job that runs the tests write anything', () => {
    for (const job of content.split(/\n(?= {2}[\w-]+:\n)/).filter((each) => each.includes('.ci/run'))) {
      expect(job).not.toMatch(/^ +[\w-]+: write$/m);
    }
  });

  test('runs its scripts in the shell of these tests, which fails when a part of a pipe does', () => {
    const isForWindowsToo = content.includes('windows');
    if (/\brun:/.test(content) && !isForWindowsToo) expect(content).toContain('\ndefaults:\n  run:\n    shell: bash\n');
  });

  test('holds no secret, and leaves no credential in the checkout', () => {
    expect(content).not.toMatch(/\bsecrets\b/);
    const checkouts = content.match(/uses: actions\/checkout@/g)?.length ?? 0;
    expect(content.match(/persist-credentials: false/g)?.length ?? 0).toBe(checkouts);
  });

  test('pins every action to a commit, and names its version', () => {
    const uses = [...content.matchAll(/uses: (.+)$/gm)].map(([, action = '']) => action);
    for (const action of uses) {
      expect(action).toMatch(/^(?:\.\/\.github\/workflows\/\w+\.yml|[\w-]+\/[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+)$/);
    }
  });

  test('passes values to scripts by the environment only', () => {
    for (const [script] of content.matchAll(/\brun: (?:\|\n(?: {10}.*\n)+|.*\n)/g)) expect(script).not.toContain('${{');
  });

  test('passes every variable that the files of parameters read, where it deploys them', () => {
    const read = readdirSync('infra')
      .filter((name) => name.endsWith('.bicepparam'))
      .flatMap((name) => [...readFileSync(`infra/${name}`, 'utf8').matchAll(/readEnvironmentVariable\('(\w+)'/g)])
      .map(([, name = '']) => name);
    expect(new Set(read).size).toBeGreaterThan(3);
    for (const job of content.split(/\n(?= {2}[\w-]+:\n)/).filter((each) => each.includes('.bicepparam'))) {
      for (const name of read) expect(job).toContain(`\n      ${name}: \${{ vars.${name} }}\n`);
    }
  });
});

test('a version of an action is the same commit everywhere', () => {
  const pins = files.flatMap((file) => [...contentOf(file).matchAll(/uses: ([\w-]+\/[\w-]+)[\w/-]*@(\w{40} # .+)$/gm)]);
  const commits = new Map(pins.map(([, action, commit]) => [action, commit]));
  expect(commits.size).toBeGreaterThan(5);
  for (const [, action, commit] of pins) expect([action, commit]).toEqual([action, commits.get(action)]);
});

test('two workflows deploy the files of parameters', () => {
  expect(files.filter((file) => contentOf(file).includes('.bicepparam'))).toEqual(['deploy.yml', 'deployTo.yml']);
});

test('each variable is in the docs, and one that a job outside the environments reads is a variable of the repository', () => {
  const variables = (text: string) =>
    [...text.matchAll(/\bvars(?:\.|\[format\(')(\w+?)(?:_\{0\}'|\b)/g)].map(([, name = '']) => name);
  const jobs = contentOf('deploy.yml').split(/\n(?= {2}[\w-]+:\n)/);
  const whatIf = jobs.find((each) => each.startsWith('  what-if:')) ?? '';
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

test('a job that packages runs no test, and neither does one that attests', () => {
  const jobs = files.flatMap((file) => contentOf(file).split(/\n(?= {2}[\w-]+:\n)/));
  const trusted = jobs.filter((each) => /run package|actions\/attest@/.test(each));
  expect(trusted.length).toBe(3);
  for (const job of trusted) expect(job).not.toMatch(/\.ci\/run|npm test|cache: npm/);
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

test('an unknown key, a job that needs one that is not there, and an unknown context would be found', () => {
  const job = 'on: push\njobs:\n  a:\n    runs-on: x\n';
  const wrong = [
    `${job}    stepz: []\n`,
    `${job}    needs: b\n    steps: []\n`,
    `${job}    steps:\n      - run: echo \${{ varz.x }}\n`,
  ];
  expect(faultsOf(wrong).filter((faults) => faults.length > 0)).toHaveLength(wrong.length);
});
