// The app registration of the service, and who may call it: what Bicep cannot create.
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';

const GRAPH = 'https://graph.microsoft.com/v1.0';

/** How often a request is tried, and at what interval, while Entra does not yet know an object that was just created. */
const ATTEMPTS = 6;
const ATTEMPT_PAUSE_MS = 5000;

/** The app roles, named as the application permissions of Microsoft Graph. */
const APP_ROLES = [
  { value: 'Calls.Initiate.All', displayName: 'Initiate calls, and update their operations' },
  { value: 'Calls.AccessMedia.All', displayName: 'Access the media of calls, and update their operations' },
];

/** Stands in for the id of an object that a dry run does not create. */
const PLANNED = '00000000-0000-0000-0000-000000000000';

const withId = z.object({ id: z.string() });
const application = z.object({
  id: z.string(),
  appId: z.string(),
  identifierUris: z.array(z.string()).default([]),
  api: z.looseObject({ requestedAccessTokenVersion: z.number().nullish() }).nullish(),
  appRoles: z.array(z.looseObject({ id: z.string(), value: z.string().nullish(), isEnabled: z.boolean() })).default([]),
  optionalClaims: z.looseObject({ accessToken: z.array(z.looseObject({ name: z.string() })).default([]) }).nullish(),
});
type Application = z.infer<typeof application>;
const appRoleAssignment = z.object({ resourceId: z.string(), appRoleId: z.string() });

export interface Setup {
  /** Name of the app registration. */
  readonly name: string;
  /** Object ids of the service principals that get the app role `Calls.Initiate.All`. */
  readonly grant: readonly string[];
  /** Whether changes are only printed. */
  readonly isDryRun: boolean;
  /** Runs the Azure CLI and returns what it prints. */
  readonly az: (args: readonly string[]) => Promise<string>;
  readonly print: (line: string) => void;
  /** How long to wait before a request is tried again. */
  readonly pauseMs?: number;
}

/** Sets up what is missing and keeps everything else, so that it is safe to repeat. */
export async function setUpEntra({ name, grant, isDryRun, az: runAz, print, ...setup }: Setup): Promise<void> {
  const { pauseMs = ATTEMPT_PAUSE_MS } = setup;
  const { tenantId } = await az(z.object({ tenantId: z.string() }), 'account', 'show');
  print(`Tenant ${tenantId}${isDryRun ? ': nothing is changed' : ''}`);

  const found = await ensureApplication();
  const wanted = serviceManifest(found);
  if (Object.keys(wanted).length > 0) {
    await change(`update ${name}: ${Object.keys(wanted).join(', ')}`, () =>
      graph(z.unknown(), 'patch', `applications/${found.id}`, wanted),
    );
  }
  const resourceId = await ensureServicePrincipal(found.appId);
  const appRoles = wanted.appRoles ?? found.appRoles;
  const appRoleId = appRoles.find(({ value }) => value === 'Calls.Initiate.All')?.id ?? PLANNED;
  for (const principalId of grant) await ensureAppRole({ principalId, resourceId, appRoleId });

  print(`
Variables of the repository on GitHub; none of them is a secret:
  AZURE_TENANT_ID=${tenantId}
  AUTH_TENANTS=${tenantId}
  AUTH_AUDIENCES=${found.appId}`);

  async function ensureApplication(): Promise<Application> {
    const [one, ...others] = await graph(list(application), 'get', `applications?$filter=displayName eq '${name}'`);
    if (others.length > 0) throw new Error(`There are ${others.length + 1} app registrations named ${name}.`);
    if (one) {
      unchanged(`app registration ${name}`);
      return one;
    }
    const made = await change(`create app registration ${name}`, () =>
      graph(application, 'post', 'applications', { displayName: name, signInAudience: 'AzureADMyOrg' }),
    );
    return made ?? application.parse({ id: PLANNED, appId: PLANNED });
  }

  async function ensureServicePrincipal(appId: string): Promise<string> {
    const path = `servicePrincipals?$filter=appId eq '${appId}'`;
    const [one] = appId === PLANNED ? [] : await graph(list(withId), 'get', path);
    if (one) {
      unchanged(`service principal of ${name}`);
      return one.id;
    }
    const made = await change(`create service principal of ${name}`, () =>
      graph(withId, 'post', 'servicePrincipals', { appId }),
    );
    return made?.id ?? PLANNED;
  }

  async function ensureAppRole(assignment: z.infer<typeof appRoleAssignment> & { readonly principalId: string }) {
    const { principalId, ...role } = assignment;
    const path = `servicePrincipals/${principalId}/appRoleAssignments`;
    const assigned = await graph(list(appRoleAssignment), 'get', path);
    if (assigned.some((one) => one.resourceId === role.resourceId && one.appRoleId === role.appRoleId)) {
      return unchanged(`app role of ${principalId}`);
    }
    await change(`give ${principalId} the app role Calls.Initiate.All`, () =>
      graph(z.unknown(), 'post', path, assignment),
    );
  }

  function unchanged(what: string) {
    print(`  = ${what}`);
  }

  /** Makes a change; a dry run only prints it. */
  async function change<Result>(what: string, make: () => Promise<Result>): Promise<Result | undefined> {
    print(`  + ${what}`);
    return isDryRun ? undefined : make();
  }

  /** Makes a request, again while Entra does not yet know what it refers to: its replicas follow within a minute. */
  async function graph<Result>(
    answer: z.ZodType<Result>,
    method: string,
    path: string,
    body?: object,
  ): Promise<Result> {
    const sent = body ? ['--headers', 'Content-Type=application/json', '--body', JSON.stringify(body)] : [];
    for (let attempt = 1; ; attempt++) {
      try {
        return await az(answer, 'rest', '--method', method, '--url', `${GRAPH}/${path}`, ...sent);
      } catch (error) {
        const isEarly = /Request_ResourceNotFound|does not exist/.test(String(error));
        if (!isEarly || attempt === ATTEMPTS) throw error;
        await delay(pauseMs);
      }
    }
  }

  /** Reads what the Azure CLI prints as JSON. */
  async function az<Result>(answer: z.ZodType<Result>, ...args: string[]): Promise<Result> {
    const printed = await runAz([...args, '--output', 'json']);
    return answer.parse(printed.trim() === '' ? undefined : JSON.parse(printed));
  }
}

/** What has to change in the app registration; everything else is kept. */
function serviceManifest({ appId, identifierUris, api, appRoles, optionalClaims }: Application) {
  const uri = `api://${appId}`;
  const claims = optionalClaims?.accessToken ?? [];
  const missing = APP_ROLES.filter(({ value }) => !appRoles.some((role) => role.value === value && role.isEnabled));
  const kept = appRoles.filter((role) => !missing.some(({ value }) => value === role.value));
  return {
    ...(!identifierUris.includes(uri) && { identifierUris: [...identifierUris, uri] }),
    ...(api?.requestedAccessTokenVersion !== 2 && { api: { ...api, requestedAccessTokenVersion: 2 } }),
    ...(missing.length > 0 && {
      appRoles: [
        ...kept,
        ...missing.map(({ value, displayName }) => ({
          id: appRoles.find((role) => role.value === value)?.id ?? crypto.randomUUID(),
          allowedMemberTypes: ['Application'],
          value,
          displayName,
          description: displayName,
          isEnabled: true,
        })),
      ],
    }),
    // The claim that tells a token of an application from that of a user.
    ...(!claims.some((claim) => claim.name === 'idtyp') && {
      optionalClaims: { ...optionalClaims, accessToken: [...claims, { name: 'idtyp', essential: false }] },
    }),
  };
}

function list<Item extends z.ZodType>(item: Item) {
  return z.object({ value: z.array(item) }).transform(({ value }) => value);
}
