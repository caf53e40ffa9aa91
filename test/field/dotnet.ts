import { spawnSync } from 'node:child_process';

/** The .NET SDK that the projects of this folder need. */
const OLDEST = 10;

/**
 * Whether the .NET SDK is there. Where it is not, that is said in a sentence.
 *
 * @throws Error where it is missing and CI is set
 */
export function hasDotnet(untested: string): boolean {
  const { stdout = '' } = spawnSync('dotnet', ['--version'], { encoding: 'utf8' });
  if (Number.parseInt(stdout ?? '', 10) >= OLDEST) return true;
  const sentence = `${untested} is not tried, since the .NET SDK ${OLDEST} is missing.`;
  if (process.env.CI) throw new Error(sentence);
  console.warn(sentence);
  return false;
}

/**
 * Compiles a program of one file into a folder.
 *
 * @throws Error with what the compiler printed when it does not compile
 */
export function compile(file: string, folder: string): void {
  const options = ['--output', folder, '--disable-build-servers', '--nologo', '--verbosity', 'quiet'];
  const { status, stdout, stderr } = spawnSync('dotnet', ['build', file, ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} does not compile:\n${stdout}${stderr}`);
}
