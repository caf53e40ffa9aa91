type Item = Record<string, unknown>;

/**
 * Stands in for the Azure CLI: keeps the objects of Microsoft Entra ID and refuses every command it does not
 * know. Like Entra, it does not know an object at the first request for it.
 */
export function createFakeAz() {
  const objects: Record<string, Item[]> = {};
  const changes: string[] = [];
  const known = new Set<string>();
  return { objects, changes, run };

  async function run(args: readonly string[]): Promise<string> {
    const options = args.findIndex((arg) => arg.startsWith('--'));
    const given: Record<string, string> = {};
    for (let at = options; at < args.length; at += 2) given[args[at]?.slice(2) ?? ''] = args[at + 1] ?? '';
    return JSON.stringify(answer(args.slice(0, options).join(' '), given)) ?? '';
  }

  function answer(command: string, given: Record<string, string>): unknown {
    switch (command) {
      case 'account show':
        return { tenantId: 'bbbbbbbb-0000-4000-8000-000000000000' };
      case 'rest':
        return rest(given);
      default:
        throw new Error(`${command} is not known here`);
    }
  }

  function rest({ method, url = '', body = '{}' }: Record<string, string>): unknown {
    const [path = '', query] = url.replace('https://graph.microsoft.com/v1.0/', '').split('?');
    const sent: Item = JSON.parse(body);
    const [, named] = /^\w+\/([^/]+)/.exec(path) ?? [];
    if (named !== undefined && !known.has(`${method} ${named}`)) {
      known.add(`${method} ${named}`);
      throw new Error('Not Found({"error":{"code":"Request_ResourceNotFound"}})');
    }
    if (method === 'get') {
      const [, property = '', value] = /^\$filter=(\w+) eq '(.*)'$/.exec(query ?? '') ?? [];
      return { value: of(path).filter((one) => query === undefined || one[property] === value) };
    }
    if (method === 'post')
      return create(path, { ...(path === 'applications' && { appId: crypto.randomUUID() }), ...sent });
    const [, parent = '', id] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    const found = of(parent).find((one) => one.id === id);
    if (method !== 'patch' || !found) throw new Error(`${method} ${path} is not known here`);
    changes.push(`update ${parent}`);
    Object.assign(found, sent);
    return undefined;
  }

  function create(path: string, item: Item) {
    changes.push(`create ${path}`);
    const made = { id: crypto.randomUUID(), ...item };
    of(path).push(made);
    return made;
  }

  function of(path: string) {
    objects[path] ??= [];
    return objects[path];
  }
}
