import { ENTITY_SET, SUBSCRIPTIONS } from './csdl.ts';
import type { Features } from './features.ts';

/** The service document. OData JSON Format, section 5. `root` is that of the service, such as `https://host/v1.0`. */
export const toServiceDocument = (root: string, { notifications }: Features) => ({
  '@odata.context': `${root}/$metadata`,
  value: [ENTITY_SET, ...(notifications ? [SUBSCRIPTIONS] : [])].map((name) => ({
    name,
    kind: 'EntitySet',
    url: name,
  })),
});
