/** A function of the app, and the route that it serves. */
export interface Served {
  readonly name: string;
  /** A route template of the host, such as `v1.0/playPromptOperation/{id}`. */
  readonly template: string;
  /** In upper case; every method where there are none. */
  readonly methods?: readonly string[];
}

/**
 * Matches paths as the Functions host does: the routes are tried in the order of the functions' names, in any casing, and
 * the first that fits serves, even where another would fit better. A trailing slash is ignored. A template may have
 * `{name}`, with or without text around it, `{name?}` and `{*name}`. The parameters are decoded; an absent optional one has
 * no entry.
 *
 * @throws Error when a template has anything else
 */
export function createRouter<One extends Served>(routePrefix: string, all: readonly One[]) {
  const routes = all
    .toSorted((a, b) => (a.name.toUpperCase() < b.name.toUpperCase() ? -1 : 1))
    .map((served) => ({ served, ...toPattern(`${routePrefix}/${served.template}`) }));

  return (method: string, path: string) => {
    const decoded = decodePath(path);
    for (const { served, pattern, names } of routes) {
      const values = served.methods?.includes(method) === false ? null : pattern.exec(decoded);
      if (!values) continue;
      const params: Record<string, string> = {};
      for (const [n, name] of names.entries()) {
        const value = values[n + 1];
        if (value !== undefined) params[name] = value;
      }
      return { served, params };
    }
    return undefined;
  };
}

/** A segment of a template: a parameter, and the text around it. */
const SEGMENT = /^([^{}]*)(?:\{(\*?)(\w+)(\??)\}([^{}]*))?$/;

/** The pattern of the paths that a template matches, with a group for each of its parameters. */
function toPattern(template: string): { readonly pattern: RegExp; readonly names: readonly string[] } {
  const names: string[] = [];
  const segments = template.split('/').filter((segment) => segment !== '');
  const sources = segments.map((segment) => {
    const [whole, before = '', catchAll, name, optional, after = ''] = SEGMENT.exec(segment) ?? [];
    const isWhole = before === '' && after === '';
    if (whole === undefined || ((catchAll || optional) && (!isWhole || (catchAll && optional)))) {
      throw new Error(`The route segment ${segment} is not supported.`);
    }
    if (name !== undefined) names.push(name);
    if (name === undefined) return `/${literal(before)}`;
    if (catchAll) return '(?:/([^/].*?))?';
    return optional ? '(?:/([^/]+))?' : `/${literal(before)}([^/]+)${literal(after)}`;
  });
  return { pattern: new RegExp(`^${sources.join('')}/?$`, 'is'), names };
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Decodes a path as the host does: %2F, which would add a segment, and malformed escapes stay encoded. */
export function decodePath(path: string): string {
  return path.replaceAll(/(?:%[\da-f]{2})+/gi, (encoded) => encoded.split(/(%2F)/i).map(decodePart).join(''));
}

function decodePart(encoded: string): string {
  if (/^%2F$/i.test(encoded)) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded.replaceAll(/%[0-7][\da-f]/gi, decodeURIComponent);
  }
}
