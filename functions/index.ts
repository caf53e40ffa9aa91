// The composition root: settings -> collaborators -> functions. A bad setting stops the start.
import { app } from '@azure/functions';
import { createAuthenticate } from '../shared/accessToken.ts';
import { GraphError } from '../shared/graphError.ts';
import { createUpdate } from '../shared/playPromptOperations.ts';
import { openPlayPromptOperationsTable } from '../shared/playPromptOperationsTable.ts';
import { readSettings } from '../shared/settings.ts';
import { createTenantKeys } from '../shared/signingKeys.ts';
import { graphHandler } from './graphHandler.ts';
import { createUpdatePlayPromptOperation } from './updatePlayPromptOperation.ts';

const { auth, tables } = readSettings(process.env);
const authenticate = createAuthenticate(auth, createTenantKeys({ authority: auth.authority }));
const update = createUpdate(await openPlayPromptOperationsTable(tables));

// The access token is checked by the handlers, not by a key of the host: hence `anonymous`.
app.http('updatePlayPromptOperation', {
  route: 'v1.0/playPromptOperation/{id?}',
  methods: ['PATCH'],
  authLevel: 'anonymous',
  handler: createUpdatePlayPromptOperation({ authenticate, permissions: auth, update }),
});

app.http('playPromptOperationMethodNotAllowed', {
  route: 'v1.0/playPromptOperation/{id?}',
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
  authLevel: 'anonymous',
  handler: graphHandler(async ({ method }) => {
    throw new GraphError('methodNotAllowed', `${method} is not supported here; use PATCH.`);
  }),
});

app.http('notFound', {
  route: '{*path}',
  authLevel: 'anonymous',
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  handler: graphHandler(async () => {
    throw new GraphError('notFound', 'There is no resource at this address.');
  }),
});
