import { listMembers, readHeader } from './headers.ts';

/** Whether the caller prefers an empty response or the entity. RFC 7240, section 4.2; OData Protocol, 8.2.8.7. */
export type ReturnPreference = 'minimal' | 'representation' | undefined;

/** Reads `return` in `Prefer`: the first one counts. Unknown preferences are ignored. */
export function readReturnPreference(headers: Headers): ReturnPreference {
  for (const preference of listMembers(readHeader(headers, 'Prefer') ?? '')) {
    const [, value] = /^return\s*=\s*"?([^\s";]*)/i.exec(preference) ?? [];
    if (value === undefined) continue;
    return (['minimal', 'representation'] as const).find((known) => known === value.toLowerCase());
  }
  return undefined;
}
