import { rmSync } from 'node:fs';
import './globalSetup.ts';

export default async function globalTeardown(): Promise<void> {
  await globalThis.azurite?.stop();
  if (globalThis.appFolder !== undefined) rmSync(globalThis.appFolder, { recursive: true, force: true });
}
