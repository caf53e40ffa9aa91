// Jest's transform: Node's own, which replaces types by spaces, so that each line and column stays where it is.
import { stripTypeScriptTypes } from 'node:module';

export default { process: (source: string) => ({ code: stripTypeScriptTypes(source) }) };
