/** A command of the path, as `node:child_process` takes it. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly shell: boolean;
}

/**
 * How to start az, func or npm. On Windows they are batch files, which only cmd.exe starts:
 * https://nodejs.org/api/child_process.html#spawning-bat-and-cmd-files-on-windows
 *
 * @throws Error for an argument that cmd.exe would change
 */
export function commandOf(name: string, args: readonly string[], platform = process.platform): Command {
  if (platform !== 'win32') return { file: name, args, shell: false };
  return { file: [name, ...args.map(quoted)].join(' '), args: [], shell: true };
}

function quoted(arg: string) {
  if (/["%\r\n]|\\$/.test(arg)) {
    throw new Error(`cmd.exe would change ${JSON.stringify(arg)}. Use WSL or Azure Cloud Shell.`);
  }
  return /^[\w./:@=-]+$/.test(arg) ? arg : `"${arg}"`;
}
