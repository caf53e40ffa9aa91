import { parseArgs } from 'node:util';

type Item = Record<string, unknown>;

/**
 * Stands in for the Azure CLI: keeps the objects of Microsoft Entra ID and refuses every command and option it does not
 * know. Like Entra, it does not know an object at the first request for it.
 */
export function createFakeAz() {
  const objects: Record<string, Item[]> = {};
  const changes: string[] = [];
  const known = new Set<string>();
  return { objects, changes, run };

  async function run(args: readonly string[]): Promise<string> {
    const text = { type: 'string', default: '' } as const;
    const options = { method: text, url: text, body: text, headers: text, output: text };
    const { positionals, values } = parseArgs({ args: [...args], options, allowPositionals: true });
    const command = positionals.join(' ');
    if (command === 'account show') return '{"tenantId":"bbbbbbbb-0000-4000-8000-000000000000"}';
    if (command !== 'rest') throw new Error(`${command} is not known here`);
    return JSON.stringify(rest(values.method, values.url, JSON.parse(values.body || '{}'))) ?? '';
  }

  function rest(method: string, url: string, sent: Item): unknown {
    const [path = '', query] = url.replace('https://graph.microsoft.com/v1.0/', '').split('?');
    const [, named] = /^\w+\/([^/]+)/.exec(path) ?? [];
    if (named !== undefined && !known.has(`${method} ${named}`)) {
      known.add(`${method} ${named}`);
      throw new Error('Not Found({"error":{"code":"Request_ResourceNotFound"}})');
    }
    if (method === 'get') {
      const [, property = '', value] = /^\$filter=(\w+) eq '(.*)'$/.exec(query ?? '') ?? [];
      return { value: of(path).filter((one) => query === undefined || one[property] === value) };
    }
    if (method === 'post') {
      const made = { id: crypto.randomUUID(), ...(path === 'applications' && { appId: crypto.randomUUID() }), ...sent };
      changes.push(`create ${path}`);
      of(path).push(made);
      return made;
    }
    const [, parent = '', id] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    const found = of(parent).find((one) => one.id === id);
    if (method !== 'patch' || !found) throw new Error(`${method} ${path} is not known here`);
    changes.push(`update ${parent}`);
    Object.assign(found, sent);
    return undefined;
  }

  function of(path: string) {
    objects[path] ??= [];
    return objects[path];
  }
}
