import { match } from 'path-to-regexp';
import { decodePath } from '../functions/router.ts';

/** A request's address, matched to what serves it. */
export interface Match<Served> {
  readonly served: Served;
  /** The parameters of the route, decoded; an optional one that is not there has no entry. */
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Matches addresses as the Functions host does: the routes are tried in the order of the functions' names, in any
 * casing, and the first that fits serves, even where another would fit better. A template may have `{name}`, with or
 * without text around it, `{name?}` and `{*name}`; one with anything else is refused.
 */
export function createRouter<
  Served extends { readonly name: string; readonly route: string; readonly methods: readonly string[] },
>(routePrefix: string, all: readonly Served[]): (method: string, path: string) => Match<Served> | undefined {
  const routes = all
    .toSorted((a, b) => (a.name.toUpperCase() < b.name.toUpperCase() ? -1 : 1))
    .map((served) => ({ served, segments: [routePrefix, ...served.route.split('/')].filter((part) => part !== '') }))
    .map(({ served, segments }) => ({
      served,
      match: match(segments.map(toPattern).join('') || '/', { sensitive: false, trailing: true, decode: false }),
    }));

  return (method, path) => {
    if (path.startsWith('//')) return undefined;
    const decoded = decodePath(path);
    for (const { served, match } of routes) {
      const matched = served.methods.includes(method) && match(decoded);
      if (!matched) continue;
      const params = Object.entries(matched.params).map(([name, value]) => [name, [value].flat().join('/')]);
      return { served, params: Object.fromEntries(params) };
    }
    return undefined;
  };
}

function toPattern(segment: string) {
  const [, before = '', catchAll, parameter, optional, after = ''] =
    /^([^{}]*)\{(\*)?(\w+)(\?)?\}([^{}]*)$/.exec(segment) ?? [];
  const isMixed = before !== '' || after !== '';
  if (parameter === undefined || (isMixed && (catchAll || optional))) {
    if (/[{}]/.test(segment)) throw new Error(`The route segment ${segment} is not supported by this host.`);
    return `/${literal(segment)}`;
  }
  if (catchAll) return `{/*${parameter}}`;
  return optional ? `{/:${parameter}}` : `/${literal(before)}:${parameter}${literal(after)}`;
}

const literal = (text: string) => text.replace(/[(){}[\]:*+?!\\]/g, '\\$&');
