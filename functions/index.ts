// The composition root: settings -> collaborators -> functions. A bad setting stops the start.
import { app } from '@azure/functions';
import { createAuthenticate } from '../shared/accessToken.ts';
import { withDeadline } from '../shared/deadline.ts';
import { readJsonBody } from '../shared/jsonBody.ts';
import { createCountLookup, observeAdmit, observeRecall, observeUpdate } from '../shared/observe.ts';
import { validatePatch } from '../shared/patchRequest.ts';
import { authorize } from '../shared/permission.ts';
import { createUpdate } from '../shared/playPromptOperations.ts';
import { openPlayPromptOperationsTable } from '../shared/playPromptOperationsTable.ts';
import { createCheckReady } from '../shared/readiness.ts';
import { createDeleteEnded } from '../shared/retention.ts';
import { readSettings } from '../shared/settings.ts';
import { createTenantKeys } from '../shared/signingKeys.ts';
import { noTelemetry } from '../shared/telemetry.ts';
import { type Address, unknownAddress } from './address.ts';
import { createBatch } from './batch.ts';
import { createDeleteEndedPlayPromptOperations } from './deleteEndedPlayPromptOperations.ts';
import { createDeletePlayPromptOperation } from './deletePlayPromptOperation.ts';
import { graphHandler, type Stories, storyByMethod } from './graphHandler.ts';
import { createReady, live } from './health.ts';
import { createListPlayPromptOperations } from './listPlayPromptOperations.ts';
import { observeRequests } from './observeRequests.ts';
import { createPage, pagesByName } from './page.ts';
import { readMetadata } from './readMetadata.ts';
import { readOpenApi } from './readOpenApi.ts';
import { createReadPlayPromptOperation } from './readPlayPromptOperation.ts';
import { readServiceDocument } from './readServiceDocument.ts';
import { createUpdatePlayPromptOperation } from './updatePlayPromptOperation.ts';

const WARM_UP_DEADLINE_MS = 10_000;

const { auth, tables, retention, pages, telemetry: telling } = readSettings(process.env);
const isTelling = (telling.otlpEndpoint ?? telling.applicationInsights) !== undefined;
const telemetry = isTelling ? await (await import('../shared/openTelemetry.ts')).openTelemetry(telling) : noTelemetry;
const { step } = telemetry;
const countLookup = createCountLookup(telemetry);

const findTenantKeys = createTenantKeys({ authority: auth.authority });
const authenticate = createAuthenticate(auth, findTenantKeys, Date.now, (isHit) => countLookup('tokens', isHit));
const admit = observeAdmit(async (authorization) => authorize(await authenticate(authorization), auth), telemetry);
const operations = observeRecall(openPlayPromptOperationsTable(tables), countLookup);

// What every request needs: the keys of a tenant, and the table.
const [tenant = ''] = auth.tenants;
const needs = [() => findTenantKeys(tenant, undefined), (signal: AbortSignal) => operations.get(tenant, '-', signal)];
const checkReady = createCheckReady(needs);

const readBody = step('readBody', readJsonBody);
const validate = step('validate', validatePatch);
const change = createUpdate(operations, Date.now, (cause) =>
  telemetry.count('playpromptoperation.update.retries', { cause }),
);
const update = createUpdatePlayPromptOperation({ admit, readBody, validate, update: observeUpdate(change, telemetry) });
const list = createListPlayPromptOperations({ admit, operations });
const entity: Stories = {
  GET: createReadPlayPromptOperation({ admit, operations }),
  PATCH: update,
  DELETE: createDeletePlayPromptOperation({ admit, operations }),
};

const addresses: readonly Address[] = [
  {
    name: 'playPromptOperations',
    route: 'v1.0/playPromptOperation',
    story: storyByMethod({ GET: list, PATCH: update }),
  },
  { name: 'playPromptOperation', route: 'v1.0/playPromptOperation/{id}', story: storyByMethod(entity) },
  { name: 'playPromptOperationByKey', route: 'v1.0/playPromptOperation({key})', story: storyByMethod(entity) },
  { name: 'metadata', route: 'v1.0/$metadata', story: storyByMethod({ GET: readMetadata }) },
  { name: 'serviceDocument', route: 'v1.0', story: storyByMethod({ GET: readServiceDocument }) },
];
for (const address of addresses) serve(address);
// A span for each request of a batch.
const batched = addresses.map(({ name, route, story }) => ({ name, route, story: step(name, story) }));
serve({
  name: 'batch',
  route: 'v1.0/$batch',
  story: storyByMethod({ POST: createBatch({ admit, readBody, addresses: batched }) }),
});
serve({ name: 'healthLive', route: 'health/live', story: storyByMethod({ GET: live }) });
serve({ name: 'healthReady', route: 'health/ready', story: storyByMethod({ GET: createReady({ checkReady }) }) });
serve({ name: 'openApi', route: 'openapi.json', story: storyByMethod({ GET: readOpenApi }) });
for (const name of pages)
  serve({ name, route: `${name}/{file?}`, story: storyByMethod({ GET: createPage(pagesByName[name]) }) });
// The host tries the functions in the order of their names: this one has to be the last.
serve({ name: 'unknownAddress', route: '{*path}', story: unknownAddress });

if (retention.days !== undefined) {
  app.timer('deleteEndedPlayPromptOperations', {
    schedule: '0 0 * * * *',
    handler: createDeleteEndedPlayPromptOperations(step('deleteEnded', createDeleteEnded(operations, retention.days))),
  });
}

// What the first request needs is asked for while the host still starts: keys, connections, the identity's token. Nobody
// waits for it, and what fails now is tried again then.
app.hook.appStart(() => {
  for (const need of needs) void withDeadline<unknown>(WARM_UP_DEADLINE_MS, need).catch(() => {});
});

app.hook.appTerminate(() => telemetry.close());

/** Registers a function for an address. The access token is checked by the stories, not by a key of the host. */
function serve({ name, route, story }: Address) {
  app.http(name, {
    route,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    authLevel: 'anonymous',
    handler: observeRequests(graphHandler(story), { name, route }, telemetry),
  });
}
