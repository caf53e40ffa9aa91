// The Bicep CLI, at the version that bicep.csproj pins; NuGet has it for Linux on x64.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROJECT = 'infra/bicep.csproj';
const PACKAGES = 'dist/nuget/azure.bicep.commandline.linux-x64';

/** Where a snapshot is for: any subscription, resource group and region will do. */
const ANYWHERE = ['--subscription-id', '00000000-0000-0000-0000-000000000000', '--location', 'westeurope'];
const OPTIONS = {
  build: ['--stdout'],
  snapshot: [...ANYWHERE, '--resource-group', 'rg-playprompt'],
  snapshotOfSubscription: ANYWHERE,
};

/** What a run of the CLI printed. */
export interface Printed {
  /** The compiled JSON. */
  readonly output: string;
  /** Errors and warnings, one per line; empty if there are none. */
  readonly complaints: string;
}

/**
 * Compiles and lints a file, or predicts offline what a file of parameters deploys, into a `.snapshot.json` beside it.
 * `env` holds the variables that the file reads.
 */
export type Bicep = (command: keyof typeof OPTIONS, file: string, env?: NodeJS.ProcessEnv) => Promise<Printed>;

/**
 * Finds the CLI, or restores it from NuGet.
 *
 * @returns the reason if there is none, because `dotnet` is missing or NuGet cannot be reached
 */
export function findBicep(): Bicep | string {
  try {
    const [, version = ''] = /Version="\[(.+)\]"/.exec(readFileSync(PROJECT, 'utf8')) ?? [];
    // NuGet writes this file last, and lets only one process unpack.
    if (!existsSync(join(PACKAGES, version, '.nupkg.metadata'))) {
      execFileSync('dotnet', ['restore', PROJECT, '--nologo', '--verbosity', 'quiet'], { stdio: 'pipe' });
    }
    const cli = join(PACKAGES, version, 'tools/bicep');
    execFileSync(cli, ['--version']);
    return async (command, file, env) => {
      const args = [command.replace('OfSubscription', ''), file, ...OPTIONS[command]];
      const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
      // Compilation errors are printed in the same way as warnings.
      const { stdout, stderr } = await promisify(execFile)(cli, args, options).catch((error) => error);
      return { output: String(stdout), complaints: String(stderr).trim() };
    };
  } catch (error) {
    return `The Bicep CLI is not available: ${error instanceof Error ? error.message : error}`;
  }
}
