// Loaded before every script: reports in one sentence what is missing, and keeps what a script sends to this machine from a
// proxy. It is JavaScript and imports nothing but Node's own modules before it has checked, since a Node that cannot run
// TypeScript, or a folder without packages, is what it is there for.
import { existsSync } from 'node:fs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isOld = major < 22 || (major === 22 && minor < 18);

if (!existsSync('node_modules/zod')) fail('The packages are missing: run npm ci first.');
if (isOld) {
  fail(
    `Node ${process.versions.node} cannot run TypeScript, and the Node 24 that npm ci brings is missing: ` +
      'run npm rebuild node (npm ci --ignore-scripts leaves it out), or use Node 22.18 or newer.',
  );
}

const { excludeLoopback } = await import('../functions/noProxy.ts');
excludeLoopback(process.env);

/** @param {string} sentence */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
