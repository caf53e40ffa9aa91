import type { Plugin } from 'rolldown';

/** The Functions model, and what the SDK keeps of its requests. */
const FILES = [/@azure.functions.dist.azure-functions\.js$/, /@azure.core-client.dist.commonjs.state-cjs\.js$/];

/**
 * Compiles for today's Node.js what was compiled for one without private fields and `async`. In their place it has WeakMaps, and
 * a new generator function for each call, which V8 frees only in a full collection: each update left 12 KB until then.
 *
 * @throws Error when there is nothing of it, as a new version of a package may have it
 */
export function modernize(): Plugin {
  const found = new Set<RegExp>();
  return {
    name: 'modernize',
    transform(code, id) {
      const file = FILES.find((each) => each.test(id));
      if (!file) return undefined;
      const modern = code
        .replaceAll(/(?<=\b(?:_\w+ = |operationRequestMap: ))new Weak(?:Map|Set)\(\)/g, 'privateField()')
        .replaceAll('__awaiter(this, void 0, void 0, function* () {', 'runAsync(this, async function () {')
        .replaceAll(/\byield\b/g, 'await');
      if (modern !== code && !modern.includes('function*')) found.add(file);
      return { code: `${modern}\n${HELPERS}`, map: null };
    },
    buildEnd() {
      if (found.size < FILES.length) throw new Error('A package is compiled in another way: see infra/modernize.ts.');
    },
  };
}

/** The WeakMap of a class's private field as a field, and what runs the body of a method. */
const HELPERS = `
function privateField() {
  class Field extends class { constructor(object) { return object; } } {
    #value;
    static has = (object) => #value in object;
    static get = (object) => (#value in object ? object.#value : undefined);
    static set = (object, value) => { (#value in object ? object : new Field(object)).#value = value; };
  }
  return { has: Field.has, get: Field.get, set: Field.set, add: Field.set };
}
function runAsync(self, body) {
  return body.call(self);
}`;
