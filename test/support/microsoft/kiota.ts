// Kiota's unmodified request adapter, used as a client that Kiota generates uses it: with its own middleware, serialization,
// token provider and error mapping.
import {
  AllowedHostsValidator,
  BaseBearerTokenAuthenticationProvider,
  HttpMethod,
  type Parsable,
  type ParseNode,
  RequestInformation,
  type SerializationWriter,
} from '@microsoft/kiota-abstractions';
import { DefaultRequestAdapter } from '@microsoft/kiota-bundle';
import { report } from './report.ts';

/** A model as Kiota generates it of /openapi.json, as far as it is needed here. */
interface Operation extends Parsable {
  id?: string | undefined;
  status?: string | undefined;
  clientContext?: string | undefined;
}

const createOperation =
  () =>
  (operation: Partial<Operation> = {}) => ({
    id: (node: ParseNode) => {
      operation.id = node.getStringValue();
    },
    status: (node: ParseNode) => {
      operation.status = node.getStringValue();
    },
    clientContext: (node: ParseNode) => {
      operation.clientContext = node.getStringValue();
    },
  });

function serializeOperation(writer: SerializationWriter, operation: Partial<Operation> | null | undefined = {}) {
  writer.writeStringValue('clientContext', operation?.clientContext);
  writer.writeStringValue('status', operation?.status);
}

interface Page extends Parsable {
  value?: Operation[] | undefined;
  nextLink?: string | undefined;
}

const createPage =
  () =>
  (page: Partial<Page> = {}) => ({
    value: (node: ParseNode) => {
      page.value = node.getCollectionOfObjectValues<Operation>(createOperation);
    },
    '@odata.nextLink': (node: ParseNode) => {
      page.nextLink = node.getStringValue();
    },
  });

interface ODataError extends Parsable {
  code?: string | undefined;
}

const createError =
  () =>
  (error: Partial<ODataError> = {}) => ({
    error: (node: ParseNode) => {
      error.code = node.getChildNode('code')?.getStringValue();
    },
  });

await report(async ({ baseUrl, token }) => {
  const validator = new AllowedHostsValidator(new Set(['127.0.0.1']));
  const adapter = new DefaultRequestAdapter(
    new BaseBearerTokenAuthenticationProvider({
      getAuthorizationToken: async (url) => (url && validator.isUrlHostValid(url) ? token : ''),
      getAllowedHostsValidator: () => validator,
    }),
  );
  adapter.baseUrl = baseUrl;
  const path = '{+baseurl}/v1.0/playPromptOperation';
  const errors = { XXX: createError };
  const request = (method: HttpMethod, template?: string, parameters: Record<string, unknown> = {}) => {
    const information = new RequestInformation(method, template, parameters);
    information.headers.tryAdd('Accept', 'application/json');
    return information;
  };
  const update = (id: string, operation: Operation) => {
    const information = request(HttpMethod.PATCH, `${path}/{id}`, { id });
    information.setContentFromParsable(adapter, 'application/json', operation, serializeOperation);
    return adapter.send<Operation>(information, createOperation, errors);
  };

  const ids = Array.from({ length: 5 }, (_, n) => `kiota-${n}`);
  const updated = await Promise.all(ids.map((id) => update(id, { clientContext: 'from Kiota', status: 'Running' })));
  const read = await adapter.send<Operation>(
    request(HttpMethod.GET, `${path}/{id}{?%24select}`, { id: 'kiota-1', '%24select': 'id,status' }),
    createOperation,
    errors,
  );
  const listed: string[] = [];
  const pages: number[] = [];
  let next: RequestInformation | undefined = request(HttpMethod.GET, `${path}{?%24filter,%24top}`, {
    '%24filter': "clientContext eq 'from Kiota'",
    '%24top': 2,
  });
  while (next) {
    const page: Page | undefined = await adapter.send<Page>(next, createPage, errors);
    const found = page?.value?.map(({ id }) => id ?? '') ?? [];
    pages.push(found.length);
    listed.push(...found);
    next = page?.nextLink ? request(HttpMethod.GET) : undefined;
    if (next && page?.nextLink) next.URL = page.nextLink;
  }
  // Kiota throws the model of the error, with the status.
  const refused: unknown = await update('kiota-1', { status: 'String' }).catch((error: unknown) => error);
  return {
    updated,
    read,
    listed: listed.sort(),
    pages,
    refused,
  };
});
