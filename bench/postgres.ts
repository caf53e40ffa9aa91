// A PostgreSQL of its own for SAP CAP, if the machine has the programs.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort, LOOPBACK } from '../local/loopback.ts';
import { isListening } from '../test/support/httpsStore.ts';

/** Where Debian has them, beside the folders of PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** Starts a server with an empty database on loopback, without fsync; undefined when PostgreSQL is not installed. */
export async function startPostgres() {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(':'), ...versions];
  const bin = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (bin === undefined) return undefined;

  const folder = mkdtempSync(join(tmpdir(), 'bench-postgres-'));
  const data = join(folder, 'data');
  const user = userOf();
  if (user) chownSync(folder, user.uid, user.gid);
  const options = { cwd: folder, stdio: 'ignore', ...user } as const;
  execFileSync(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--no-sync'], options);
  const port = await findFreePort();
  const place = ['-D', data, '-h', LOOPBACK, '-p', String(port), '-k', ''];
  const server = spawn(join(bin, 'postgres'), [...place, '-F'], options);
  const ended = once(server, 'exit');
  while (!(await isListening(port))) await delay(50);
  return {
    port,
    async stop() {
      server.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root: Debian's package has a user for it. */
function userOf() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
