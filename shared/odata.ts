import { MIMEType } from 'node:util';
import { GraphError } from './graphError.ts';
import type { PlayPromptOperation } from './playPromptOperation.ts';

export const ODATA_VERSION = '4.0';
export const JSON_MEDIA_TYPE = 'application/json;odata.metadata=minimal;charset=utf-8';

/** Which of the two forms of answer the caller prefers. RFC 7240, section 4.2; OData Protocol, 8.2.8.7. */
export type ReturnPreference = 'minimal' | 'representation' | undefined;

/**
 * Checks that this service speaks the OData version and the media type that the caller asks for.
 *
 * @throws GraphError 400 for a version other than 4.0 and 4.01; 406 when JSON satisfies no part of `Accept`
 */
export function checkODataHeaders(headers: Headers): void {
  const version = headers.get('odata-version');
  if (version !== null && !/^4\.01?$/.test(version.trim())) throw badVersion('OData-Version', '4.0 or 4.01');
  const maxVersion = headers.get('odata-maxversion');
  if (maxVersion !== null && !(/^\d+\.\d+$/.test(maxVersion.trim()) && Number(maxVersion) >= 4)) {
    throw badVersion('OData-MaxVersion', '4.0 or above');
  }
  const accept = headers.get('accept');
  if (accept !== null && accept.trim() !== '' && !accept.split(LIST_COMMA).some(jsonSatisfies)) {
    throw new GraphError('notAcceptable', 'The answer is application/json, which Accept does not allow.');
  }
}

function badVersion(target: string, wanted: string) {
  const message = `${target} must be ${wanted}.`;
  return new GraphError('badRequest', message, { details: [{ code: 'InvalidHeader', message, target }] });
}

/** A comma that separates the members of a list, not one inside a quoted string. */
const LIST_COMMA = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/;

/** OData JSON Format, section 3: a format parameter that is not known must not be passed over. */
const FORMAT_PARAMETERS = /^(?:(?:odata\.)?(?:metadata|streaming)|ieee754compatible|exponentialdecimals|charset|q)$/i;

function jsonSatisfies(mediaRange: string) {
  try {
    const { essence, params } = new MIMEType(mediaRange.trim());
    return (
      ['*/*', 'application/*', 'application/json'].includes(essence) &&
      Number(params.get('q') ?? 1) > 0 &&
      [...params.keys()].every((name) => FORMAT_PARAMETERS.test(name))
    );
  } catch {
    return false;
  }
}

/** Reads the preference `return` out of `Prefer`: the first one counts, and whatever is not known is passed over. */
export function readReturnPreference(headers: Headers): ReturnPreference {
  const preferences = (headers.get('prefer') ?? '').split(LIST_COMMA);
  for (const preference of preferences) {
    const [, value] = /^\s*return\s*=\s*"?(minimal|representation)"?\s*(?:;|$)/i.exec(preference) ?? [];
    if (value !== undefined) return value.toLowerCase() === 'minimal' ? 'minimal' : 'representation';
  }
  return undefined;
}

/** The root of the service, such as `https://host/v1.0`, found in the address of a request to the resource. */
export function serviceRoot(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/playPromptOperation(?:\/.*)?$/i, '');
}

/** The entity as it is answered, in the order of properties that the reference page shows. OData JSON Format, 4.5. */
export function toEntityBody(
  root: string,
  { id, clientContext, resultInfo, ...rest }: PlayPromptOperation,
  etag: string,
) {
  return {
    '@odata.context': `${root}/$metadata#playPromptOperation/$entity`,
    '@odata.type': '#microsoft.graph.playPromptOperation',
    '@odata.etag': etag,
    id,
    clientContext,
    resultInfo: resultInfo && { '@odata.type': 'microsoft.graph.resultInfo', ...resultInfo },
    status: rest.status,
    completionReason: rest.completionReason,
  };
}
