// Lets a program of the repository import the typed client by its name, from its source.
import { registerHooks } from 'node:module';

const CLIENT = /^@playpromptoperation\/client(?:\/(\w+))?$/;

registerHooks({
  resolve(specifier, context, next) {
    const [name, part = 'index'] = CLIENT.exec(specifier) ?? [];
    return next(name === undefined ? specifier : new URL(`../client/${part}.ts`, import.meta.url).href, context);
  },
});
