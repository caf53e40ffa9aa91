import { ENTITY_SET } from './csdl.ts';

/** The service document. OData JSON Format, section 5. `root` is that of the service, such as `https://host/v1.0`. */
export const toServiceDocument = (root: string) => ({
  '@odata.context': `${root}/$metadata`,
  value: [{ name: ENTITY_SET, kind: 'EntitySet', url: ENTITY_SET }],
});
