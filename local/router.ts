import { match } from 'path-to-regexp';

/** A request's address, matched to what serves it. */
export interface Match<Served> {
  readonly served: Served;
  /** The parameters of the route, decoded; an optional one that is not there has no entry. */
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Matches addresses as the Functions host does: whatever the casing, a literal segment before a parameter before a
 * catch-all, with `{name}`, `{name?}` and `{*name}`. A template with anything else is refused.
 */
export function createRouter<Served extends { readonly route: string; readonly methods: readonly string[] }>(
  routePrefix: string,
  all: readonly Served[],
): (method: string, path: string) => Match<Served> | undefined {
  const routes = all
    .map((served) => ({ served, segments: [routePrefix, ...served.route.split('/')].filter((part) => part !== '') }))
    .map(({ served, segments }) => ({
      served,
      precedence: segments.map(precedence).join(''),
      match: match(segments.map(toPattern).join('') || '/', { sensitive: false, trailing: true }),
    }))
    .sort((a, b) => (a.precedence < b.precedence ? -1 : 1));

  return (method, path) => {
    for (const route of routes) {
      if (!route.served.methods.includes(method)) continue;
      const matched = attempt(() => route.match(path));
      if (!matched) continue;
      const params = Object.entries(matched.params).map(([name, value]) => [name, [value].flat().join('/')]);
      return { served: route.served, params: Object.fromEntries(params) };
    }
    return undefined;
  };
}

/** A path whose percent-encoding is broken matches nothing. */
function attempt<Result>(run: () => Result): Result | false {
  try {
    return run();
  } catch {
    return false;
  }
}

function precedence(segment: string) {
  if (segment.startsWith('{*')) return 3;
  return segment.startsWith('{') ? 2 : 1;
}

function toPattern(segment: string) {
  const [, catchAll, parameter, optional] = /^\{(\*)?(\w+)(\?)?\}$/.exec(segment) ?? [];
  if (parameter === undefined) {
    if (/[{}]/.test(segment)) throw new Error(`The route segment ${segment} is not supported by this host.`);
    return `/${segment.replace(/[(){}[\]:*+?!\\]/g, '\\$&')}`;
  }
  if (catchAll) return `{/*${parameter}}`;
  return optional ? `{/:${parameter}}` : `/:${parameter}`;
}
