import { afterAll, beforeAll } from '@jest/globals';
import { startService, type TestService } from './service.ts';

/** The service of all tests of a file or of a `describe`, with a store of its own: started before them, and ended after. */
export function useService(
  env: NodeJS.ProcessEnv | (() => NodeJS.ProcessEnv) = {},
  flags?: readonly string[],
): TestService {
  const service: TestService = Object.create(null);
  beforeAll(async () => {
    const given = typeof env === 'function' ? env() : env;
    Object.assign(service, await startService(given, flags));
  }, 150_000);
  afterAll(async () => {
    await service.end?.('SIGINT');
  });
  return service;
}
