import { afterAll, beforeAll } from '@jest/globals';
import { newFolder, startService, type TestService } from './service.ts';

/** The service of all tests of a file or of a `describe`, with a store of its own: started before them, and ended after. */
export function useService(env: NodeJS.ProcessEnv = {}, flags?: readonly string[]): TestService {
  const service: TestService = Object.create(null);
  const folder = newFolder();
  beforeAll(async () => {
    Object.assign(service, await startService({ AZURITE_LOCATION: folder.path, ...env }, flags));
  }, 150_000);
  afterAll(async () => {
    await service.end?.('SIGINT');
    folder.remove();
  });
  return service;
}
