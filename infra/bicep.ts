// The Bicep CLI, at the version that bicep.csproj pins; NuGet has it for Linux on x64.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PACKAGES = 'dist/nuget/azure.bicep.commandline.linux-x64';

/** What a run of the CLI printed. */
export interface Printed {
  /** The compiled JSON. */
  readonly output: string;
  /** Its errors and warnings, one a line; empty where there is none. */
  readonly complaints: string;
}

/** Compiles or lints one file. */
export type Bicep = (command: 'build' | 'build-params' | 'lint', file: string) => Promise<Printed>;

/**
 * Finds the CLI, or restores it from NuGet.
 *
 * @returns why there is none, where `dotnet` is missing or NuGet does not give it
 */
export function findBicep(): Bicep | string {
  try {
    if (!existsSync(PACKAGES)) {
      execFileSync('dotnet', ['restore', 'infra/bicep.csproj', '--nologo', '--verbosity', 'quiet'], { stdio: 'pipe' });
    }
    const [version = ''] = readdirSync(PACKAGES);
    const cli = join(PACKAGES, version, 'tools/bicep');
    execFileSync(cli, ['--version']);
    return (command, file) => run(cli, command, file);
  } catch (error) {
    return `The Bicep CLI cannot be had: ${error instanceof Error ? error.message : error}`;
  }
}

async function run(cli: string, command: string, file: string): Promise<Printed> {
  const args = [command, file, ...(command === 'lint' ? [] : ['--stdout'])];
  const options = { maxBuffer: 64 * 1024 * 1024, env: process.env };
  // What it does not compile it tells of in the same way.
  const { stdout, stderr } = await promisify(execFile)(cli, args, options).catch((error) => error);
  return { output: String(stdout), complaints: String(stderr).trim() };
}
