import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commandOf } from '../local/command.ts';

/** Runs the Azure CLI, as whoever is signed in there, and returns what it prints. JSON goes by a file: cmd.exe would change it. */
export async function az(args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'az-'));
  const body = join(folder, 'body.json');
  try {
    const short = args.map((arg) => {
      if (!arg.startsWith('{')) return arg;
      writeFileSync(body, arg);
      return `@${body}`;
    });
    const { file, args: given, shell } = commandOf('az', short);
    return (await promisify(execFile)(file, given, { shell })).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
