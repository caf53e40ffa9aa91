import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const INTERVAL_MS = 1000;

/** npm, the shell that it runs a script in, and what called npm: a terminal's shell, or a script. */
const WATCHED = process.env.npm_lifecycle_event === undefined ? 1 : 3;

/**
 * Settles when what started this process has ended. Nothing else notifies an orphan: its parent is another process
 * from then on. On Windows, only the parent itself is watched.
 */
export function ancestorsEnd(): Promise<void> {
  const parent = process.ppid;
  const watched = ancestors(WATCHED);
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (process.ppid === parent && watched.every(isRunning)) return;
      clearInterval(timer);
      resolve();
    }, INTERVAL_MS);
    timer.unref();
  });
}

/** The parent of this process, its parent, and so on; without the first process of the system, which never ends. */
function ancestors(count: number) {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1 && found.length < count; pid = parentOf(pid)) found.push(pid);
  return found;
}

function parentOf(pid: number): number {
  if (process.platform === 'win32') return 0;
  try {
    // After the name in parentheses, which may contain some itself: the state, then the parent. proc_pid_stat(5).
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
  } catch {
    return Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
  }
}

/** Whether a process runs. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // That of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
