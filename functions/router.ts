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
export const unknownUrl: GraphHandler = async () => {
  throw new ServiceError('unknownUrl', 'There is no resource at this URL.');
};

/** Handles the root of the host with one handler, and any other path with another: the host has no template for `/`. */
export function unlessRoot(root: GraphHandler, other: GraphHandler): GraphHandler {
  return (request, ...rest) => (request.params.path ? other : root)(request, ...rest);
}

/**
 * Finds the route of a path, such as `/v1.0/playPromptOperation/a`, and its parameters. Like the host, it ignores the
 * casing of the template and a trailing slash.
 */
export function findRoute(
  routes: readonly Route[],
  path: string,
): { readonly route: Route; readonly params: Readonly<Record<string, string>> } | undefined {
  const decoded = decodePath(path.replace(/^\//, '').replace(/\/$/, ''));
  for (const route of routes) {
    const params = match(route.template, decoded);
    if (params) return { route, params };
  }
  return undefined;
}

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
