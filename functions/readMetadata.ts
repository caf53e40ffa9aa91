import { GraphError } from '../shared/graphError.ts';
import { checkODataHeaders } from '../shared/odata.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import type { Story } from './graphHandler.ts';

const MEDIA_TYPES = ['application/xml', 'application/json'] as const;

/** `GET /v1.0/$metadata`: the model in CSDL XML, or JSON if `$format` or else `Accept` says so. OData Protocol, 11.1.2. */
export const readMetadata: Story = async ({ headers, url }) => {
  const { $format } = readQueryOptions(url, ['$format']);
  const wanted = new Headers(headers);
  if ($format !== undefined) wanted.set('Accept', toMediaType($format));
  const mediaType = checkODataHeaders(wanted, MEDIA_TYPES);
  const body =
    mediaType === 'application/xml'
      ? (await import('../shared/description/csdlXml.ts')).toCsdlXml()
      : (await import('../shared/description/csdl.ts')).csdl;
  return { status: 200, headers: { 'Content-Type': mediaType }, body };
};

/** OData Protocol, 11.2.12: a media type, or its second half. */
function toMediaType(format: string) {
  const mediaType = MEDIA_TYPES.find((known) => [known, known.replace(/.*\//, '')].includes(format.toLowerCase()));
  if (mediaType) return mediaType;
  throw new GraphError('notAcceptable', `$format must be xml or json, or ${MEDIA_TYPES.join(' or ')}.`);
}
