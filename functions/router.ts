import { ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler } from './graphHandler.ts';

/** A function of the app and the route that it serves. */
export interface Route {
  /** The name of the function. */
  readonly name: string;
  /** A route template of the host with at most one parameter, such as `v1.0/playPromptOperation/{id}`. */
  readonly template: string;
  readonly handler: GraphHandler;
}

/** Handles requests to URLs without a resource. */
export const notFound: GraphHandler = async () => {
  throw new ServiceError('notFound', 'There is no resource at this URL.');
};

/**
 * Finds the route of a path, such as `/v1.0/playPromptOperation/a`, and its parameters. Like the host, it ignores the
 * casing of the template and a trailing slash.
 */
export function findRoute(
  routes: readonly Route[],
  path: string,
): { readonly route: Route; readonly params: Readonly<Record<string, string>> } | undefined {
  const decoded = decode(path.replace(/^\//, '').replace(/\/$/, ''));
  for (const route of decoded === undefined ? [] : routes) {
    const params = match(route.template, decoded ?? '');
    if (params) return { route, params };
  }
  return undefined;
}

/** Decodes a path, except for encoded slashes, which would add a segment. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path.replaceAll(/%(2F)/gi, '%25$1'));
  } catch {
    return undefined;
  }
}

function match(template: string, path: string): Record<string, string> | undefined {
  const [before = '', name, after = ''] = template.split(/[{}]/);
  const isAt = (text: string, begin: number) =>
    path.slice(begin, begin + text.length).toLowerCase() === text.toLowerCase();
  const end = path.length - after.length;
  if (!isAt(before, 0) || !isAt(after, end)) return undefined;
  const value = path.slice(before.length, end);
  if (name === undefined) return value === '' ? {} : undefined;
  return value === '' || value.includes('/') ? undefined : { [name]: value };
}
