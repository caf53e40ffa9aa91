type Item = Record<string, unknown>;

/**
 * Stands in for the Azure CLI: keeps what Microsoft Entra ID and the subscription would, and refuses whatever it does not
 * know. As Entra, it does not at once know of a service principal that was just created.
 */
export function createFakeAz() {
  const objects: Record<string, Item[]> = {};
  const changes: string[] = [];
  let refusals = 0;
  return { objects, changes, run };

  async function run(args: readonly string[]): Promise<string> {
    const options = args.findIndex((arg) => arg.startsWith('--'));
    const given: Record<string, string> = {};
    for (let at = options; at < args.length; at += 2) given[args[at]?.slice(2) ?? ''] = args[at + 1] ?? '';
    return JSON.stringify(answer(args.slice(0, options).join(' '), given)) ?? '';
  }

  function answer(command: string, { role, scope, name, ...given }: Record<string, string>): unknown {
    switch (command) {
      case 'account show':
        return { id: 'aaaaaaaa-0000-4000-8000-000000000000', tenantId: 'bbbbbbbb-0000-4000-8000-000000000000' };
      case 'rest':
        return rest(given);
      case 'role definition list':
        return of('roles').filter(({ Name }) => Name === name);
      case 'role definition create':
        return create('roles', JSON.parse(given['role-definition'] ?? ''));
      case 'role assignment list':
        return of('roleAssignments').filter((one) => one.principal === given.assignee && one.role === role);
      case 'role assignment create':
        return create('roleAssignments', { principal: given['assignee-object-id'], role, scope });
      default:
        throw new Error(`${command} is not known here`);
    }
  }

  function rest({ method, url = '', body = '{}' }: Record<string, string>): unknown {
    const [path = '', query] = url.replace('https://graph.microsoft.com/v1.0/', '').split('?');
    const sent: Item = JSON.parse(body);
    if (method === 'get') {
      const [, property = '', value] = /^\$filter=(\w+) eq '(.*)'$/.exec(query ?? '') ?? [];
      return { value: of(path).filter((one) => query === undefined || one[property] === value) };
    }
    if (method === 'post' && path.endsWith('appRoleAssignments') && refusals++ === 0) {
      throw new Error('Not Found({"error":{"code":"Request_ResourceNotFound"}})');
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
