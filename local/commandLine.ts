import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/**
 * Parses the command line of a script. `--help` prints the usage and ends the process; an option that the script does not
 * have is refused in one sentence, also at once.
 */
export function readCommandLine<const Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Options,
  allowPositionals = false,
) {
  try {
    const { values, positionals } = parseArgs<{
      options: Options & { help: { type: 'boolean' } };
      allowPositionals: boolean;
    }>({ options: { ...options, help: { type: 'boolean' } }, allowPositionals });
    if (!('help' in values)) return { values, positionals };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error('See --help.');
    return process.exit(1);
  }
  console.log(usage.trim());
  return process.exit(0);
}
