// Loaded by `--import` into the host that a test watches: reports on standard error which modules it loads.
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    process.stderr.write(`load ${url}\n`);
    return next(url, context);
  },
});
