import { expect, test } from '@jest/globals';
import { excludeLoopback } from '../../../functions/noProxy.ts';

test.each([
  [{}, 'localhost,127.0.0.1,[::1]', 'localhost,127.0.0.1,[::1]'],
  [{ no_proxy: 'a, 127.0.0.1' }, 'a,127.0.0.1,localhost,[::1]', 'a,127.0.0.1,localhost,[::1]'],
  [{ NO_PROXY: 'a', no_proxy: 'b' }, 'a,localhost,127.0.0.1,[::1]', 'b,localhost,127.0.0.1,[::1]'],
])('loopback is added to the hosts that no proxy serves: %j', (given, upper, lower) => {
  const env: NodeJS.ProcessEnv = { ...given };
  excludeLoopback(env);
  excludeLoopback(env);
  expect(env).toEqual({ NO_PROXY: upper, no_proxy: lower });
});
