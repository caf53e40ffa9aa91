// GitHub's own parser finds no fault in the workflows, their permissions are minimal, and the steps of a deployment do in
// a shell what they should.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER);
const contentOf = (file: string) => readFileSync(`${FOLDER}/${file}`, 'utf8');

/** What jobs may write, by workflow. `id-token` is the job's own token, by which Azure and Sigstore know it. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  'deploy.yml': ['attestations'],
  'release.yml': ['attestations', 'contents'],
  'codeql.yml': ['security-events'],
};

async function faultsOf(content: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name: 'workflow.yml', content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

describe.each(files)('%s', (file) => {
  const content = contentOf(file);

  test('is a workflow as GitHub understands it', async () => {
    expect(await faultsOf(content)).toEqual([]);
  });

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

test('each variable that a job outside the environments reads is a variable of the repository in the docs', () => {
  const jobs = contentOf('deploy.yml').split(/\n(?= {2}[\w-]+:\n)/);
  const whatIf = jobs.find((each) => each.startsWith('  what-if:')) ?? '';
  expect(whatIf).not.toMatch(/^ {4}environment:/m);
  const read = [...whatIf.matchAll(/\bvars(?:\.|\[format\(')(\w+?)(?:_\{0\}'|\b)/g)].map(([, name = '']) => name);
  expect(new Set(read).size).toBeGreaterThan(5);
  const rows = readFileSync('docs/entra.md', 'utf8').split('\n');
  for (const name of read) {
    expect([name, rows.find((row) => row.startsWith('|') && row.includes(`\`${name}`))]).toEqual([
      name,
      expect.stringMatching(/^\|[^|]+\| repository\b/),
    ]);
  }
});

test('the token of the smoke test follows a login of its own', () => {
  const steps = contentOf('deployTo.yml').split('\n      - ');
  const at = steps.findIndex((step) => step.includes('get-access-token'));
  expect(steps[at - 1]).toContain('uses: azure/login@');
});

test('a run that is started by hand packages nothing, and deploys the package of the run that it names', () => {
  const jobs = contentOf('deploy.yml').split(/\n(?= {2}[\w-]+:\n)/);
  const job = (name: string) => jobs.find((each) => each.startsWith(`  ${name}:`)) ?? '';
  expect(job('package')).toContain("if: github.event_name == 'push'");
  for (const environment of ['staging', 'production']) {
    expect(job(environment)).toContain(`runId: \${{ inputs.runId || github.run_id }}`);
  }
  // A job that is skipped is no failure.
  expect(job('staging')).toContain('!failure()');
  expect(contentOf('deployTo.yml')).toContain(`run-id: \${{ inputs.runId }}`);
});

test.each([
  ['an unknown key', 'on: push\njobs:\n  a:\n    runs-on: x\n    stepz: []\n'],
  ['a job that needs one that is not there', 'on: push\njobs:\n  a:\n    runs-on: x\n    needs: b\n    steps: []\n'],
  ['an unknown context', `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo \${{ varz.x }}\n`],
])('%s would be found', async (_title, content) => {
  expect(await faultsOf(content)).not.toEqual([]);
});

// The scripts are for the runners' bash.
const describeWithShell = process.platform === 'win32' ? describe.skip : describe;

describeWithShell('in a shell', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'playpromptoperation-workflows-'));
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'dist'));
    cpSync('infra/bicep.csproj', join(folder, 'infra/bicep.csproj'));
    writeFileSync(join(folder, 'dist/app.zip'), 'the package of an earlier run');
    writeFileSync(join(folder, 'dist/playpromptoperation-client-0.1.0.tgz'), 'the typed client');
    writeFileSync(join(folder, 'dist/sbom.cdx.json'), '{}');
    for (const file of ['package.json', 'CHANGELOG.md']) cpSync(file, join(folder, file));
    const fake = (name: string, script: string) => {
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\necho "${name} $*" >> "$CALLS"\n${script}\n`);
      chmodSync(join(folder, 'bin', name), 0o755);
    };
    const outputs = JSON.stringify({ appName: { value: 'func-1' }, hostName: { value: 'func-1.example' } });
    fake('az', `case "$*" in *"group create"*) echo '${outputs}';; *get-access-token*) echo token-1;; esac`);
    fake('gh', `case "$*" in *attestation*) grep --quiet earlier dist/app.zip;; esac`);
    fake('npm', `case "$*" in *smoke*) test "$TOKEN" = token-1;; esac`);
    fake(
      'jq',
      `exec ${process.execPath} -e '
      const { readFileSync } = require("node:fs");
      const input = JSON.parse(readFileSync(process.argv.at(-1), "utf8"));
      if (process.argv.at(-2) === ".version") console.log(input.version);
      else for (const [key, { value }] of Object.entries(input)) console.log(key + "=" + value);' -- "$@"`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the scripts of these steps one after the other; returns what they called, and what they set as outputs. */
  async function run(file: string, steps: readonly string[], env: NodeJS.ProcessEnv) {
    const calls = join(folder, 'calls');
    const output = join(folder, 'output');
    for (const written of [calls, output]) writeFileSync(written, '');
    for (const step of steps) {
      const [, indented = ''] =
        new RegExp(`name: ${step}\n(?:.*\n)*? {8}run: (?:\\|\n)?((?:.+\n)(?: {10}.*\n)*)`).exec(contentOf(file)) ?? [];
      expect([step, indented]).not.toEqual([step, '']);
      await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', indented.replace(/^ {10}/gm, '')], {
        cwd: folder,
        env: {
          PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
          CALLS: calls,
          GITHUB_OUTPUT: output,
          ...env,
        },
      });
    }
    const isJq = (line: string) => line.startsWith('jq ');
    const called = readFileSync(calls, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !isJq(line));
    return { called, output: readFileSync(output, 'utf8') };
  }

  const [, bicep] = /CommandLine.* Version="([^"]+)"/.exec(readFileSync('infra/bicep.csproj', 'utf8')) ?? [];
  const installBicep = ['az config set bicep.use_binary_from_path=false', `az bicep install --version v${bicep}`];

  const deployment = {
    ENVIRONMENT: 'production',
    GROUP: 'rg-playprompt-production',
    GITHUB_REPOSITORY: 'contoso/prompts',
    AUTH_AUDIENCES: 'audience-1,audience-2',
    APP: 'func-1',
    HOST: 'func-1.example',
  };

  test('a deployment verifies the package, deploys infrastructure and package, and tests them with a token', async () => {
    const steps = ['Provenance', 'Bicep', 'Infrastructure', 'Package', 'Smoke test'];
    const { called, output } = await run('deployTo.yml', steps, deployment);
    expect(output).toBe('appName=func-1\nhostName=func-1.example\n');
    expect(called).toEqual([
      expect.stringMatching(
        /^gh attestation verify dist\/app\.zip --repo contoso\/prompts --source-ref refs\/heads\/main/,
      ),
      ...installBicep,
      expect.stringMatching(
        /^az deployment group create --name playpromptoperation --resource-group rg-playprompt-production .*infra\/main\.production\.bicepparam/,
      ),
      'az functionapp deployment source config-zip --resource-group rg-playprompt-production --name func-1 --src dist/app.zip',
      'az account get-access-token --scope api://audience-1/.default --query accessToken --output tsv',
      'npm run smoke https://func-1.example',
    ]);
  });

  test('what a pull request would change is asked with the Bicep of the tests', async () => {
    const { called } = await run('deploy.yml', ['Bicep', 'What would change'], {
      ENVIRONMENT: 'staging',
      GITHUB_STEP_SUMMARY: join(folder, 'summary'),
    });
    expect(called).toEqual([
      ...installBicep,
      expect.stringMatching(/^az deployment group what-if --resource-group rg-playprompt-staging /),
    ]);
  });

  test('a package that is not attested is not deployed', async () => {
    writeFileSync(join(folder, 'dist/app.zip'), 'something else');
    await expect(run('deployTo.yml', ['Provenance'], deployment)).rejects.toThrow('Command failed');
  });

  test('a tag releases the version that it names, with the section of the changelog', async () => {
    const changelog =
      '# Changelog\n\n## Unreleased\n\n- new\n\n## 0.1.0 - 2026-12-01\n\n- first\n\n## 0.0.1\n\n- old\n';
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog.replace('0.1.0', version));
    const { called } = await run('release.yml', ['Version', 'Assets', 'Release'], { GITHUB_REF_NAME: `v${version}` });
    expect(readFileSync(join(folder, 'notes.md'), 'utf8').trim()).toBe('- first');
    expect(readFileSync(join(folder, 'release/SHA256SUMS'), 'utf8')).toMatch(
      /^[\da-f]{64} {2}playpromptoperation-client-[\d.]+\.tgz\n[\da-f]{64} {2}playpromptoperation-v[\d.]+\.zip\n[\da-f]{64} {2}sbom\.cdx\.json\n$/,
    );
    expect(called.at(-1)).toMatch(/^gh release create v[\d.]+ release\/SHA256SUMS .*--notes-file notes\.md$/);
    await expect(run('release.yml', ['Version'], { GITHUB_REF_NAME: 'v9.9.9' })).rejects.toThrow('Command failed');
  });
});
