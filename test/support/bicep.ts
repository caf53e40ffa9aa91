// The Bicep CLI, at the version that infra/bicep.csproj names; NuGet has it for Linux on x64.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from '@jest/globals';
import { Bicep } from 'bicep-node';
import * as z from 'zod';

const PROJECT = 'infra/bicep.csproj';
const PACKAGES = 'dist/nuget/azure.bicep.commandline.linux-x64';

/** Where a deployment is for: any subscription, resource group and region will do. */
const SUBSCRIPTION = { subscriptionId: '00000000-0000-0000-0000-000000000000', location: 'westeurope' };

const resource = z.looseObject({ id: z.string(), type: z.string(), properties: z.unknown().optional() });
const snapshot = z.object({ predictedResources: z.array(resource), diagnostics: z.array(z.looseObject({})) });

export type Resource = z.infer<typeof resource>;

export type Infrastructure = Awaited<ReturnType<typeof startBicep>>;

/**
 * The path of the CLI, restored from NuGet unless it is there. Where that fails, a run of CI fails, and elsewhere the tests
 * that need it are skipped.
 */
export const bicepPath = findBicep();

function findBicep(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const [, version = ''] = /CommandLine\.linux-x64" Version="([^"]+)"/.exec(readFileSync(PROJECT, 'utf8')) ?? [];
  try {
    // NuGet writes this file last, and lets only one process unpack.
    if (!existsSync(join(PACKAGES, version, '.nupkg.metadata'))) {
      execFileSync('dotnet', ['restore', PROJECT, '--nologo', '--verbosity', 'quiet'], { stdio: 'pipe' });
    }
    return resolve(PACKAGES, version, 'tools/bicep');
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`What infra/ deploys is not tested here, since the Bicep CLI cannot be restored: ${error}`);
    return undefined;
  }
}

/** Starts the CLI once, with the variables that files of parameters read. */
export async function startBicep(path: string, env: Readonly<Record<string, string>>) {
  mkdirSync('dist', { recursive: true });
  const folder = mkdtempSync('dist/infra-');
  const command = resolve(folder, 'bicep');
  const variables = Object.entries(env).map(([name, value]) => `export ${name}='${value}'\n`);
  writeFileSync(command, `#!/bin/sh\n${variables.join('')}exec ${path} "$@"\n`);
  chmodSync(command, 0o755);
  const bicep = await Bicep.initialize(command);
  let files = 0;

  return {
    /** Compiles and lints a file of `infra/`, and returns the JSON of a template; fails with any complaint. */
    async compile(name: string): Promise<string> {
      const path = resolve('infra', name);
      const { diagnostics, ...made } = name.endsWith('.bicepparam')
        ? await bicep.compileParams({ path, parameterOverrides: {} })
        : await bicep.compile({ path });
      expect(diagnostics).toEqual([]);
      return 'contents' in made ? (made.contents ?? '') : '';
    },

    /** What a file of parameters deploys, given by its path or its text; fails with why it deploys nothing. */
    async evaluate(parameters: string): Promise<readonly Resource[]> {
      const isText = parameters.startsWith('using ');
      const path = isText ? resolve(folder, `${++files}.bicepparam`) : resolve(parameters);
      if (isText) writeFileSync(path, parameters.replace("using '", "using '../../infra/"));
      const isGroup = readFileSync(path, 'utf8').includes('main.bicep');
      const metadata = { ...SUBSCRIPTION, ...(isGroup && { resourceGroup: 'rg-playprompt' }) };
      try {
        const { predictedResources, diagnostics } = snapshot.parse(
          JSON.parse((await bicep.getSnapshot({ path, metadata })).snapshot),
        );
        expect(diagnostics).toEqual([]);
        return predictedResources;
      } catch (error) {
        // What is wrong with the file itself, or else with what it asks for.
        const { diagnostics } = await bicep.compileParams({ path, parameterOverrides: {} });
        throw new Error([...diagnostics.map(({ message }) => message), String(error)].join('\n'));
      }
    },

    end() {
      bicep.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
