// The Bicep CLI, at the version that bicep.csproj pins; NuGet has it for Linux on x64.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROJECT = 'infra/bicep.csproj';
const PACKAGES = 'dist/nuget/azure.bicep.commandline.linux-x64';

/** Where a prediction is for: any subscription and region will do. */
const NOWHERE = ['--subscription-id', '00000000-0000-0000-0000-000000000000', '--location', 'westeurope'];
const OPTIONS = { build: ['--stdout'], 'build-params': ['--stdout'], lint: [], snapshot: NOWHERE };

/** What a run of the CLI printed. */
export interface Printed {
  /** The compiled JSON. */
  readonly output: string;
  /** Its errors and warnings, one a line; empty where there is none. */
  readonly complaints: string;
}

/**
 * Compiles or lints one file; or predicts, offline, what a file of parameters deploys, into a `.snapshot.json` beside it.
 */
export type Bicep = (command: keyof typeof OPTIONS, file: string) => Promise<Printed>;

/**
 * Finds the CLI, or restores it from NuGet.
 *
 * @returns why there is none, where `dotnet` is missing or NuGet does not give it
 */
export function findBicep(): Bicep | string {
  try {
    const [, version = ''] = /Version="\[(.+)\]"/.exec(readFileSync(PROJECT, 'utf8')) ?? [];
    // NuGet writes this file last, and lets one process at a time unpack.
    if (!existsSync(join(PACKAGES, version, '.nupkg.metadata'))) {
      execFileSync('dotnet', ['restore', PROJECT, '--nologo', '--verbosity', 'quiet'], { stdio: 'pipe' });
    }
    const cli = join(PACKAGES, version, 'tools/bicep');
    execFileSync(cli, ['--version']);
    return (command, file) => run(cli, command, file);
  } catch (error) {
    return `The Bicep CLI cannot be had: ${error instanceof Error ? error.message : error}`;
  }
}

async function run(cli: string, command: keyof typeof OPTIONS, file: string): Promise<Printed> {
  const args = [command, file, ...OPTIONS[command]];
  const options = { maxBuffer: 64 * 1024 * 1024, env: process.env };
  // What it does not compile it tells of in the same way.
  const { stdout, stderr } = await promisify(execFile)(cli, args, options).catch((error) => error);
  return { output: String(stdout), complaints: String(stderr).trim() };
}
