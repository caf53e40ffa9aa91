// The workflows as they run: ShellCheck finds no fault in their scripts, and each scenario of a deployment calls what it
// should, in order, and nothing more.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRunner, scriptsOf } from '../support/workflow.ts';

const TOOLS = ['bash', 'jq', 'shellcheck'];
const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).status !== 0);
if (missing.length > 0) {
  const sentence = `The scripts of the workflows are not tested here, since these are missing: ${missing.join(', ')}`;
  if (process.env.CI && process.platform === 'linux') throw new Error(sentence);
  console.warn(sentence);
}
const describeWithTools = missing.length > 0 ? describe.skip : describe;

describeWithTools('ShellCheck', () => {
  const check = (script: string) =>
    spawnSync('shellcheck', ['--shell', 'bash', '--format', 'gcc', '-'], {
      input: `set -e -o pipefail\n${script}`,
      encoding: 'utf8',
    }).stdout;

  test.each(readdirSync('.github/workflows'))('finds nothing in the scripts of %s', (file) => {
    for (const { name, run } of scriptsOf(file)) expect([name, check(run)]).toEqual([name, '']);
  });

  test('would find a fault', () => {
    expect(check('cat $1')).toContain('Double quote');
  });
});

describeWithTools('a run of', () => {
  const outputs = JSON.stringify({ appName: { value: 'func-1' }, url: { value: 'https://func-1.example' } });
  const parameters = (zoneRedundant: boolean) =>
    JSON.stringify({ parametersJson: JSON.stringify({ parameters: { zoneRedundant: { value: zoneRedundant } } }) });
  let runner: ReturnType<typeof createRunner>;

  beforeAll(() => {
    runner = createRunner(['infra/bicep.csproj', 'package.json'], {
      bash: 'true',
      npm: `case "$*" in *smoke*) test "$TOKEN" = token-1;; esac`,
      sleep: 'true',
      gh: `case "$*" in
        *attestation*) test "$ATTESTED" != no;;
        *graphql*) echo "$DEPLOYED";;
        *compare*) echo "$ORDER";;
        *'run view 42 --repo contoso/prompts --json event,headBranch,workflowName'*) echo "\${MADE_BY-deploy push main}";;
      esac`,
      az: `case "$*" in
        *production.bicepparam*--stdout*) echo '${parameters(true)}';;
        *build-params*) echo '${parameters(false)}';;
        *'group show'*) echo westeurope;;
        *flexconsumption*) echo "\${ZONES-West Europe}";;
        *'group create'*) echo '${outputs}';;
        *config-zip*) test "$(grep --count config-zip "$CALLS")" -gt "\${REFUSED-0}";;
        *get-access-token*) echo token-1;;
      esac`,
    });
    mkdirSync(join(runner.folder, 'dist'));
    writeFileSync(join(runner.folder, 'dist/app.zip'), 'the package');
    writeFileSync(join(runner.folder, 'dist/sbom.cdx.json'), '{}');
    writeFileSync(join(runner.folder, 'dist/playpromptoperation-client-0.1.0.tgz'), 'the client');
    const cwd = join(runner.folder, 'dist');
    execFileSync('sh', ['-c', 'sha256sum -- app.zip sbom.cdx.json *.tgz > SHA256SUMS'], { cwd });
  });
  afterAll(() => runner.remove());

  const vars = {
    AUTH_TENANTS: 'tenant-1',
    AUTH_AUDIENCES: 'audience-1,audience-2',
    ALERT_EMAILS: 'on-call@example.com',
    AZURE_CLIENT_ID: 'deployer',
    AZURE_TENANT_ID: 'tenant-1',
    AZURE_SUBSCRIPTION_ID: 'subscription-1',
    AZURE_WHAT_IF_CLIENT_ID_staging: 'reader-1',
    AZURE_WHAT_IF_CLIENT_ID_production: 'reader-2',
  };
  const github = { event_name: 'push', run_id: '42', token: 'gh-token', repository: 'contoso/prompts' };
  const env = { GITHUB_REPOSITORY: 'contoso/prompts', GITHUB_SHA: 'new', DEPLOYED: '' };
  const contexts = { github, vars, inputs: {} };
  const deploy = (given: NodeJS.ProcessEnv = {}, variables: object = {}, event: object = {}, inputs: object = {}) => {
    const contexts = { github: { ...github, ...event }, vars: { ...vars, ...variables }, inputs };
    return runner.run('deploy.yml', contexts, { ...env, ...given });
  };

  const [, version] = /CommandLine.* Version="([^"]+)"/.exec(readFileSync('infra/bicep.csproj', 'utf8')) ?? [];
  const bicep = ['az config set bicep.use_binary_from_path=false', `az bicep install --version v${version}`];
  const login = 'azure/login client-id=deployer tenant-id=tenant-1 subscription-id=subscription-1';
  const checkout = [
    'actions/checkout persist-credentials=false',
    'actions/setup-node node-version-file=.nvmrc cache=npm',
    'npm ci --ignore-scripts',
  ];
  const smokeTest = 'npm run smoke -- https://func-1.example';
  const send = (environment: string) =>
    `az functionapp deployment source config-zip --resource-group rg-playprompt-${environment} --name func-1 --src dist/app.zip`;
  const deployment = (environment: string, zones: readonly string[]) =>
    [
      expect.stringContaining('gh api graphql'),
      ...checkout,
      'actions/download-artifact name=app path=dist run-id=42 github-token=gh-token',
      'gh attestation verify dist/app.zip --repo contoso/prompts --source-ref refs/heads/main --signer-workflow contoso/prompts/.github/workflows/deploy.yml',
      ...bicep,
      login,
      `az bicep build-params --file infra/main.${environment}.bicepparam --stdout`,
      ...zones,
      `az deployment group create --name playpromptoperation --resource-group rg-playprompt-${environment} --template-file infra/main.bicep --parameters infra/main.${environment}.bicepparam --query properties.outputs --output json`,
      send(environment),
      login,
      'az account get-access-token --scope api://audience-1/.default --query accessToken --output tsv',
      smokeTest,
    ].map((call) => (typeof call === 'string' ? `${environment}/deploy: ${call}` : call));
  const askForZones = [
    'az group show --name rg-playprompt-production --query location --output tsv',
    'az functionapp list-flexconsumption-locations --zone-redundant=true --query [].name --output tsv',
  ];

  test('a first deployment: package, provenance, staging, production', () => {
    expect(deploy()).toEqual([
      'package/test: actions/checkout persist-credentials=false',
      'package/test: actions/setup-node node-version-file=.nvmrc cache=npm',
      'package/test: bash .ci/run',
      'package/package: actions/checkout persist-credentials=false',
      'package/package: actions/setup-node node-version-file=.nvmrc',
      'package/package: npm ci --ignore-scripts',
      'package/package: npm run package',
      'package/package: npm run client',
      'package/package: actions/upload-artifact name=app path=dist/app.zip dist/sbom.cdx.json dist/*.tgz dist/SHA256SUMS dist/maps if-no-files-found=error retention-days=90',
      'attest: actions/download-artifact name=app path=dist',
      'attest: actions/attest subject-path=dist/app.zip dist/sbom.cdx.json dist/SHA256SUMS',
      ...deployment('staging', []),
      ...deployment('production', askForZones),
    ]);
  });

  test('a pull request: what it would change, and nothing else', () => {
    const head = { repo: { full_name: 'contoso/prompts' } };
    const calls = deploy({}, {}, { event_name: 'pull_request', event: { pull_request: { head } } });
    expect(calls.filter((call) => /login|group/.test(call))).toEqual(
      ['staging', 'production'].flatMap((environment, index) => [
        `what-if: azure/login client-id=reader-${index + 1} tenant-id=tenant-1 subscription-id=subscription-1`,
        `what-if: az deployment group what-if --resource-group rg-playprompt-${environment} --template-file infra/main.bicep --parameters infra/main.${environment}.bicepparam --validation-level ProviderNoRbac`,
      ]),
    );
    expect(calls.every((call) => call.startsWith('what-if: '))).toBe(true);
  });

  const older = { DEPLOYED: 'newer', ORDER: 'behind' };
  const diverged = { DEPLOYED: 'other', ORDER: 'diverged' };
  const manual = { PRODUCTION: 'manual' };
  const off = { ATTESTATION: 'off' };
  const byHand = { event_name: 'workflow_dispatch' };
  const installs = /az (?:deployment|functionapp)/;
  test.each<[title: string, started: Parameters<typeof deploy>, last: string, never: RegExp]>([
    ['a push where production is deployed by hand', [{}, manual], `staging/deploy: ${smokeTest}`, /production/],
    ['a push without attestations', [{}, off], `production/deploy: ${smokeTest}`, /attest/],
    [
      'a roll-back, which packages nothing, and takes the package of the named run',
      [older, manual, byHand, { runId: '7' }],
      `production/deploy: ${smokeTest}`,
      /package\/|attest:|graphql|run-id=(?!7 )/,
    ],
    ['a package that is not attested', [{ ATTESTED: 'no' }], 'FAILED Provenance', installs],
    ['a package of another workflow', [{ MADE_BY: 'ci push main' }, off], 'FAILED Provenance', installs],
    ['a commit that is older than what is deployed', [older], 'has commit newer', /az /],
    ['a commit of another history', [diverged], 'run the workflow deploy by hand', /az /],
    [
      'a region without zones',
      [{ ZONES: 'East US' }],
      'westeurope has no zones',
      /production.*(?:group cr|config-zip)/,
    ],
    ['a package that is refused for 7 minutes', [{ REFUSED: '8' }], 'refused for 7 minutes', /get-access-token/],
  ])('%s: what it ends with, and what it never calls', (_title, started, last, never) => {
    const calls = deploy(...started);
    expect(calls.at(-1)).toContain(last);
    expect(calls.join('\n')).not.toMatch(never);
  });

  test('a deployment of a newer commit, whose package is refused until the role has spread', () => {
    const calls = deploy({ DEPLOYED: 'older', ORDER: 'ahead', REFUSED: '2' });
    const wait = 'staging/deploy: sleep 60';
    const sent = `staging/deploy: ${send('staging')}`;
    expect(calls.filter((call) => call === wait || call === sent)).toEqual([sent, wait, sent, wait, sent]);
    expect(calls.at(-1)).toBe(`production/deploy: ${smokeTest}`);
  });

  test('a check of a change: everything on Linux, the tests on each platform, and the end-to-end tests on Core Tools', () => {
    const calls = runner.run('ci.yml', contexts, { ...env, GITHUB_WORKSPACE: '/checkout' });
    const coreTools = ['npm ci', 'npm ci --prefix .github/coreTools', 'npm test -- test/contract test/e2e --runInBand'];
    expect(calls.filter((call) => !call.includes(': actions/'))).toEqual([
      ...['test: bash .ci/run', 'test: npm audit signatures'],
      ...Array(3).fill(['platforms: npm ci', 'platforms: npm test']).flat(),
      ...Array(2)
        .fill(coreTools.map((call) => `coreTools: ${call}`))
        .flat(),
    ]);
    const path = readFileSync(join(runner.folder, 'path'), 'utf8');
    expect(path).toContain('/checkout/.github/coreTools/node_modules/.bin\n');
  });

  test('a release: the version that the tag names, with its section of the changelog, checksums and provenance', () => {
    const tag = `v${JSON.parse(readFileSync('package.json', 'utf8')).version}`;
    const changelog = `# Changelog\n\n## Unreleased\n\n- new\n\n## ${tag.slice(1)} - 2026-12-01\n\n- first\n\n## 0.0.1\n\n- old\n`;
    writeFileSync(join(runner.folder, 'CHANGELOG.md'), changelog);
    const release = (name: string) => runner.run('release.yml', contexts, { ...env, GITHUB_REF_NAME: name });
    const assets = `release/SHA256SUMS release/playpromptoperation-client-0.1.0.tgz release/playpromptoperation-${tag}.zip release/sbom.cdx.json`;
    expect(release(tag).filter((call) => call.startsWith('release: '))).toEqual([
      'release: actions/checkout persist-credentials=false',
      'release: actions/download-artifact name=app path=dist',
      'release: actions/attest subject-path=release/*',
      `release: gh release create ${tag} ${assets} --verify-tag --title ${tag} --notes-file notes.md`,
    ]);
    expect(readFileSync(join(runner.folder, 'notes.md'), 'utf8').trim()).toBe('- first');
    expect(readFileSync(join(runner.folder, 'release/SHA256SUMS'), 'utf8')).toMatch(
      /^[\da-f]{64} {2}playpromptoperation-client-0\.1\.0\.tgz\n[\da-f]{64} {2}playpromptoperation-v[\d.]+\.zip\n[\da-f]{64} {2}sbom\.cdx\.json\n$/,
    );
    expect(release('v9.9.9').at(-1)).toContain('version: FAILED Version');
  });
});
