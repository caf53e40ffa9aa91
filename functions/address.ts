import { GraphError } from '../shared/graphError.ts';
import type { Story } from './graphHandler.ts';

/** What is served at an address. */
export interface Address {
  /** The name of its function. */
  readonly name: string;
  /** A route of the host, with at most one parameter, such as `v1.0/playPromptOperation/{id}`. */
  readonly route: string;
  readonly story: Story;
}

/** The story of an address where nothing is served. */
export const unknownAddress: Story = async () => {
  throw new GraphError('notFound', 'There is no resource at this address.');
};

/**
 * Finds the story of a path, such as `/v1.0/playPromptOperation/a`, and the parameters of its route, as the host does:
 * whatever the casing, with or without a slash at the end. Undefined where there is none.
 */
export function findStory(
  addresses: readonly Address[],
  path: string,
): { readonly story: Story; readonly params: Readonly<Record<string, string>> } | undefined {
  const decoded = decode(path.replace(/^\//, '').replace(/\/$/, ''));
  for (const { route, story } of decoded === undefined ? [] : addresses) {
    const params = match(route, decoded ?? '');
    if (params) return { story, params };
  }
  return undefined;
}

/** Decodes a path, but for an encoded slash, which would add a segment. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path.replaceAll(/%(2F)/gi, '%25$1'));
  } catch {
    return undefined;
  }
}

function match(route: string, path: string): Record<string, string> | undefined {
  const [before = '', name, after = ''] = route.split(/[{}]/);
  const isAt = (text: string, begin: number) =>
    path.slice(begin, begin + text.length).toLowerCase() === text.toLowerCase();
  const end = path.length - after.length;
  if (!isAt(before, 0) || !isAt(after, end)) return undefined;
  const value = path.slice(before.length, end);
  if (name === undefined) return value === '' ? {} : undefined;
  return value === '' || value.includes('/') ? undefined : { [name]: value };
}
