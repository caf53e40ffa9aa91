import { readFilter } from '../odata/filterOption.ts';
import { readQueryOptions } from '../odata/queryOptions.ts';
import { isId } from '../operation/playPromptOperation.ts';
import { invalidRequest } from '../serviceError.ts';
import type { Resource } from './subscription.ts';

/** `playPromptOperation` or `playPromptOperation/{id}`, with or without a leading slash. */
const PATH = /^\/?playPromptOperation(?:\/([^/?#]+))?$/i;

/** What a URL would not keep: spaces at its end, and all that follows a #. */
const LOST_IN_URL = /[ #]/g;

const CONTROL_CHARACTER = /[^ -~\u0080-\uffff]/;

/**
 * Reads the `resource` of a subscription: a path, and optionally `?$filter=` in the filter language of the list.
 *
 * @throws ServiceError `invalidRequest` that says what is wrong with it
 */
export function readResource(text: string): Resource {
  const at = text.indexOf('?');
  const [path, query] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
  const match = PATH.exec(path);
  const operationId = match?.[1];
  if (!match || (operationId !== undefined && !isId(operationId))) {
    throw invalidRequest(
      'InvalidValue',
      'resource',
      'must be playPromptOperation or playPromptOperation/{id}, and may end in ?$filter={filter}',
    );
  }
  if (CONTROL_CHARACTER.test(query)) {
    throw invalidRequest('InvalidValue', 'resource', 'must have control characters percent-encoded');
  }
  const url = new URL(`https://localhost/${query.replace(LOST_IN_URL, encodeURIComponent)}`);
  const { $filter } = readQueryOptions(url, ['$filter']);
  return { text, operationId, filter: readFilter($filter) };
}
