// Clients that generators make of /openapi.json, and Microsoft's Graph SDK for .NET, against the service. About a minute.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installPackages } from '../../local/installPackages.ts';
import { type RecordingReceiver, startRecordingReceiver } from '../support/recordingReceiver.ts';
import { send } from '../support/service.ts';
import { useService } from '../support/useService.ts';
import { hasDotnet } from './dotnet.ts';

const FOLDER = 'test/field/generators';
const PROJECT = `${FOLDER}/dotnet/field.csproj`;
const PROGRAM = 'dist/field/bin/field.dll';
const GENERATED = `${FOLDER}/generated`;
const DOCUMENT = `${GENERATED}/openapi.json`;
const DOCUMENT_30 = `${GENERATED}/openapi30.json`;

const isDotnetThere = hasDotnet('What Kiota and NSwag generate');
const typescript = ['openapiTypescript', 'orval', 'heyApi', ...(isDotnetThere ? ['kiota'] : [])];

const service = useService();
let receiver: RecordingReceiver;
beforeAll(async () => {
  installPackages(FOLDER);
  receiver = await startRecordingReceiver();
  rmSync(GENERATED, { recursive: true, force: true });
  mkdirSync(GENERATED);
  writeFileSync(DOCUMENT, (await send(service, 'GET', '/openapi.json')).text);
  writeFileSync(DOCUMENT_30, (await send(service, 'GET', '/openapi.json?version=3.0')).text);
  if (isDotnetThere) await run('dotnet', 'restore', PROJECT, '--verbosity', 'quiet');
  await Promise.all([buildTypescript(), ...(isDotnetThere ? [buildCsharp()] : [])]);
}, 300_000);
afterAll(() => receiver?.close());

async function buildTypescript() {
  await Promise.all([
    node(`${FOLDER}/node_modules/openapi-typescript/bin/cli.js`, DOCUMENT, '-o', `${GENERATED}/openapiTypescript.ts`),
    node(`${FOLDER}/node_modules/orval/dist/bin/orval.mjs`, '--quiet', '--config', `${FOLDER}/orval.config.js`),
    node(
      ...[`${FOLDER}/node_modules/@hey-api/openapi-ts/bin/run.js`, '--silent', '--no-log-file'],
      ...['-i', `./${DOCUMENT}`, '-o', `./${GENERATED}/heyApi`],
    ),
    ...(isDotnetThere ? [kiota('typescript', DOCUMENT, `${GENERATED}/kiota`)] : []),
  ]);
  const files = typescript.map((name) => `../${name}.ts`);
  writeFileSync(`${GENERATED}/tsconfig.json`, JSON.stringify({ extends: '../tsconfig.json', files, include: [] }));
  await Promise.all([
    node('node_modules/typescript/bin/tsc', '--noEmit', '--project', GENERATED),
    node(
      ...['node_modules/rolldown/bin/cli.mjs', '--platform', 'node', '--format', 'esm', '--dir', 'dist/field/clients'],
      ...typescript.map((name) => `${FOLDER}/${name}.ts`),
    ),
  ]);
}

async function buildCsharp() {
  await Promise.all([
    kiota('csharp', DOCUMENT_30, `${GENERATED}/csharp/kiota`),
    run(
      ...['dotnet', `${tool('NSwag.ConsoleCore')}/dotnet-nswag.dll`, 'openapi2csclient'],
      ...[`/input:${DOCUMENT}`, `/output:${GENERATED}/csharp/NSwag.cs`, '/namespace:Generated.NSwag'],
      ...['/classname:ServiceClient', '/GenerateNullableReferenceTypes:true', '/GenerateOptionalParameters:true'],
      // Without it, a patch sends the default value of every enumeration.
      '/GenerateOptionalPropertiesAsNullable:true',
    ),
  ]);
  await run('dotnet', 'build', PROJECT, '--disable-build-servers', '--no-restore', '--nologo', '--verbosity', 'quiet');
}

const kiota = (language: string, document: string, output: string) =>
  run(
    ...['dotnet', `${tool('Microsoft.OpenApi.Kiota')}/kiota.dll`, 'generate', '-d', document, '-l', language],
    ...['-o', output, '-c', 'ServiceClient', '-n', 'Generated.Kiota', '--exclude-backward-compatible', '--clear-cache'],
  );

/** The folder of a tool at the version that the project pins. */
function tool(name: string) {
  const [, version] = new RegExp(`Include="${name}" Version="\\[(.+)\\]"`).exec(readFileSync(PROJECT, 'utf8')) ?? [];
  return `dist/nuget/${name.toLowerCase()}/${version}/tools/net10.0/any`;
}

const node = (...args: string[]) => run(process.execPath, ...args);

/** Runs a program, and returns what it printed; fails with that if it fails. */
async function run(program = '', ...args: string[]) {
  const env = { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', KIOTA_OFFLINE_ENABLED: 'true' };
  try {
    return (await promisify(execFile)(program, args, { env })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${[program, ...args].join(' ')} failed:\n${stdout}${stderr}`);
  }
}

/** What a client saw. */
async function use(prefix: string, [program = '', ...args]: readonly string[]) {
  const { baseUrl, token } = service.facts;
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  const facts = { baseUrl, token, prefix, notificationUrl: `${receiver.url}/`, expiration };
  const seen = JSON.parse(await run(program, ...args, JSON.stringify(facts)));
  return { ...seen, listed: seen.listed.sort() };
}

/** What it should see: values and nulls, errors, and each page of a list. */
const expected = (prefix: string) => ({
  updated: operation(`${prefix}-4`, { clientContext: prefix, code: 200 }),
  cleared: operation(`${prefix}-0`),
  read: operation(`${prefix}-0`),
  pages: [2, 2, 1],
  listed: idsOf(prefix),
  subscribedTo: 'playPromptOperation',
  mismatched: { status: 400, code: 'BadRequest', targets: ['id'] },
  deleted: { status: 404, code: 'ResourceNotFound', targets: [] },
});
const idsOf = (prefix: string) => Array.from({ length: 5 }, (_, n) => `${prefix}-${n}`);
const operation = (id: string, more = {}) => ({
  ...{ id, status: 'Running', clientContext: null, code: null, message: null, completionReason: null },
  ...more,
});

test.each([
  ...typescript.map((name) => [`ts-${name}`, process.execPath, `dist/field/clients/${name}.js`]),
  ...(isDotnetThere ? ['kiota', 'nswag'].map((name) => [`cs-${name}`, 'dotnet', PROGRAM, name]) : []),
])('%s: its client updates, clears, lists, subscribes, deletes, and sees errors', async (name = '', ...command) => {
  expect(await use(name, command)).toEqual(expected(name));
});

const testWithDotnet = isDotnetThere ? test : test.skip;
testWithDotnet('so does Microsoft.Graph, with its own models, PageIterator, batches and subscriptions', async () => {
  const { pages: _, read: _read, ...same } = expected('graph');
  expect(await use('graph', ['dotnet', PROGRAM, 'graph'])).toEqual({
    ...same,
    types: ['PlayPromptOperation'],
    batched: idsOf('graph'),
    subscriptions: 1,
    renewed: '00:01:00',
  });
});
