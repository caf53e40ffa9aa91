// What Microsoft Entra ID and the subscription must hold before anything can be deployed, and how it gets there by the
// Azure CLI. docs/entra.md has the same by hand.
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';

const GRAPH = 'https://graph.microsoft.com/v1.0';
const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';

/** How often, and how long apart, a change is tried while Entra does not yet know of what was created just before. */
const ATTEMPTS = 6;
const ATTEMPT_PAUSE_MS = 5000;

/** What applications may be permitted, as Microsoft Graph calls it. */
const APP_ROLES = [
  { value: 'Calls.Initiate.All', displayName: 'Initiate calls, and update their operations' },
  { value: 'Calls.AccessMedia.All', displayName: 'Access the media of calls, and update their operations' },
];

/** What stands in for the id of an object that a dry run does not create. */
const PLANNED = '00000000-0000-0000-0000-000000000000';

const uuid = z.object({ id: z.string() });
const application = z.object({
  id: z.string(),
  appId: z.string(),
  identifierUris: z.array(z.string()).default([]),
  api: z.looseObject({ requestedAccessTokenVersion: z.number().nullish() }).nullish(),
  appRoles: z.array(z.looseObject({ id: z.string(), value: z.string().nullish(), isEnabled: z.boolean() })).default([]),
  optionalClaims: z.looseObject({ accessToken: z.array(z.looseObject({ name: z.string() })).default([]) }).nullish(),
});
type Application = z.infer<typeof application>;
const credential = z.object({ id: z.string(), name: z.string(), issuer: z.string(), subject: z.string() });
const appRoleAssignment = z.object({ resourceId: z.string(), appRoleId: z.string() });
const account = z.object({ id: z.string(), tenantId: z.string() });

interface Principal {
  readonly appId: string;
  readonly principalId: string;
}

export interface Setup {
  /** Name of the app registration of the service; those that deploy it add a suffix. */
  readonly name: string;
  /** `owner/name` of the repository on GitHub whose workflows deploy. */
  readonly repository: string;
  /** The environments of the repository that it deploys to. */
  readonly environments: readonly string[];
  /** Whether it is only told what would be done. */
  readonly isDryRun: boolean;
  /** Runs the Azure CLI and answers what it prints. */
  readonly az: (args: readonly string[]) => Promise<string>;
  readonly print: (line: string) => void;
  /** How long to wait before a change is tried again. */
  readonly pauseMs?: number;
}

/** Sets everything up. Whatever is there already stays, so it is safe to repeat. */
export async function setUpEntra({ name, repository, environments, isDryRun, ...setup }: Setup): Promise<void> {
  const { az: runAz, print, pauseMs = ATTEMPT_PAUSE_MS } = setup;
  const { id: subscription, tenantId } = await az(account, 'account', 'show');
  const scope = `/subscriptions/${subscription}`;
  print(`Tenant ${tenantId}, subscription ${subscription}${isDryRun ? ': nothing is changed' : ''}`);

  const service = await ensureService();
  const deployer = await ensureDeployer(
    `${name}-deploy`,
    environments.map((environment) => ({
      name: environment,
      subject: `repo:${repository}:environment:${environment}`,
    })),
  );
  // It creates the resource group, and gives the app's identity its roles.
  for (const role of ['Contributor', 'Role Based Access Control Administrator']) await ensureRole(deployer, role);
  // A deployment is tried with a token of its own.
  await ensureAppRole(deployer, service, 'Calls.Initiate.All');

  // What a pull request brings is shown by an identity that can change nothing.
  const previewer = await ensureDeployer(`${name}-what-if`, [
    { name: 'pull-request', subject: `repo:${repository}:pull_request` },
  ]);
  await ensureWhatIfRole(`${name} what-if`);
  await ensureRole(previewer, `${name} what-if`);

  print(`
Variables of the repository on GitHub; none of them is a secret:
  AZURE_TENANT_ID=${tenantId}
  AZURE_SUBSCRIPTION_ID=${subscription}
  AZURE_CLIENT_ID=${deployer.appId}
  AZURE_WHAT_IF_CLIENT_ID=${previewer.appId}
  AUTH_TENANTS=${tenantId}
  AUTH_AUDIENCES=${service.appId}`);

  /** The registration that access tokens are for: their audience is its `appId`, since they are of version 2.0. */
  async function ensureService(): Promise<Principal & { readonly appRoles: Application['appRoles'] }> {
    const found = await ensureApplication(name);
    const wanted = serviceManifest(found);
    if (Object.keys(wanted).length > 0) {
      await change(`update ${name}: ${Object.keys(wanted).join(', ')}`, () =>
        graph(z.unknown(), 'patch', `applications/${found.id}`, wanted),
      );
    }
    const principalId = await ensureServicePrincipal(name, found.appId);
    return { appId: found.appId, principalId, appRoles: wanted.appRoles ?? found.appRoles };
  }

  /** A registration that GitHub's workflows sign in as, without a secret: GitHub's own tokens are believed. */
  async function ensureDeployer(
    displayName: string,
    wanted: readonly { readonly name: string; readonly subject: string }[],
  ): Promise<Principal> {
    const { id, appId } = await ensureApplication(displayName);
    const path = `applications/${id}/federatedIdentityCredentials`;
    const found = id === PLANNED ? [] : await graph(list(credential), 'get', path);
    for (const { name: credentialName, subject } of wanted) {
      const same = found.find((one) => one.name === credentialName);
      if (same?.subject === subject && same.issuer === GITHUB_ISSUER) {
        there(`${displayName}: tokens of ${subject}`);
      } else {
        const body = { issuer: GITHUB_ISSUER, subject, audiences: ['api://AzureADTokenExchange'] };
        await change(`${displayName}: believe tokens of ${subject}`, () =>
          same
            ? graph(z.unknown(), 'patch', `${path}/${same.id}`, body)
            : graph(z.unknown(), 'post', path, { name: credentialName, ...body }),
        );
      }
    }
    return { appId, principalId: await ensureServicePrincipal(displayName, appId) };
  }

  async function ensureApplication(displayName: string): Promise<Application> {
    const found = await graph(list(application), 'get', `applications?$filter=displayName eq '${displayName}'`);
    if (found.length > 1) throw new Error(`There are ${found.length} app registrations named ${displayName}.`);
    const [one] = found;
    if (one) {
      there(`app registration ${displayName}`);
      return one;
    }
    const made = await change(`create app registration ${displayName}`, () =>
      graph(application, 'post', 'applications', { displayName, signInAudience: 'AzureADMyOrg' }),
    );
    return made ?? application.parse({ id: PLANNED, appId: PLANNED });
  }

  async function ensureServicePrincipal(displayName: string, appId: string): Promise<string> {
    const path = `servicePrincipals?$filter=appId eq '${appId}'`;
    const [found] = appId === PLANNED ? [] : await graph(list(uuid), 'get', path);
    if (found) {
      there(`service principal of ${displayName}`);
      return found.id;
    }
    const made = await change(`create service principal of ${displayName}`, () =>
      graph(uuid, 'post', 'servicePrincipals', { appId }),
    );
    return made?.id ?? PLANNED;
  }

  async function ensureAppRole(
    { principalId }: Principal,
    { principalId: resourceId, appRoles }: Awaited<ReturnType<typeof ensureService>>,
    value: string,
  ) {
    const appRoleId = appRoles.find((role) => role.value === value)?.id ?? PLANNED;
    const path = `servicePrincipals/${principalId}/appRoleAssignments`;
    const found = principalId === PLANNED ? [] : await graph(list(appRoleAssignment), 'get', path);
    if (found.some((one) => one.resourceId === resourceId && one.appRoleId === appRoleId)) {
      return there(`app role ${value} of the deployer`);
    }
    const body = { principalId, resourceId, appRoleId };
    await change(`give the deployer the app role ${value}`, () => graph(z.unknown(), 'post', path, body));
  }

  /** Reading, and asking what a deployment would do; no writing. */
  async function ensureWhatIfRole(roleName: string) {
    const found = await az(z.array(z.unknown()), 'role', 'definition', 'list', '--name', roleName, '--scope', scope);
    if (found.length > 0) return there(`role ${roleName}`);
    const definition = {
      Name: roleName,
      Description: 'Reads everything, and asks what a deployment would change.',
      Actions: [
        '*/read',
        'Microsoft.Resources/deployments/whatIf/action',
        'Microsoft.Resources/deployments/validate/action',
      ],
      AssignableScopes: [scope],
    };
    await change(`create role ${roleName}`, () =>
      az(z.unknown(), 'role', 'definition', 'create', '--role-definition', JSON.stringify(definition)),
    );
  }

  async function ensureRole({ principalId }: Principal, role: string) {
    const of = ['--role', role, '--scope', scope];
    const list = ['role', 'assignment', 'list', '--assignee', principalId, ...of];
    const found = principalId === PLANNED ? [] : await az(z.array(z.unknown()), ...list);
    if (found.length > 0) return there(`role ${role} of ${principalId}`);
    const assignee = ['--assignee-object-id', principalId, '--assignee-principal-type', 'ServicePrincipal'];
    await change(`give ${principalId} the role ${role}`, () =>
      az(z.unknown(), 'role', 'assignment', 'create', ...assignee, ...of),
    );
  }

  function there(what: string) {
    print(`  = ${what}`);
  }

  /** Makes a change, and makes it again while Entra does not yet know of what it needs; a dry run only tells of it. */
  async function change<Result>(what: string, make: () => Promise<Result>): Promise<Result | undefined> {
    print(`  + ${what}`);
    if (isDryRun) return undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await make();
      } catch (error) {
        const isEarly = /Request_ResourceNotFound|PrincipalNotFound|does not exist/.test(String(error));
        if (!isEarly || attempt === ATTEMPTS) throw error;
        await delay(pauseMs);
      }
    }
  }

  function graph<Result>(answer: z.ZodType<Result>, method: string, path: string, body?: object): Promise<Result> {
    const sent = body ? ['--headers', 'Content-Type=application/json', '--body', JSON.stringify(body)] : [];
    return az(answer, 'rest', '--method', method, '--url', `${GRAPH}/${path}`, ...sent);
  }

  /** Reads what the Azure CLI prints as JSON. */
  async function az<Result>(answer: z.ZodType<Result>, ...args: string[]): Promise<Result> {
    const printed = await runAz([...args, '--output', 'json']);
    return answer.parse(printed.trim() === '' ? undefined : JSON.parse(printed));
  }
}

/** What has to change in the registration of the service; whatever else it has is kept. */
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
    // The claim by which a token of an application is told from that of a user.
    ...(!claims.some((claim) => claim.name === 'idtyp') && {
      optionalClaims: { ...optionalClaims, accessToken: [...claims, { name: 'idtyp', essential: false }] },
    }),
  };
}

function list<Item extends z.ZodType>(item: Item) {
  return z.object({ value: z.array(item) }).transform(({ value }) => value);
}
