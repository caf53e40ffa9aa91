// The issuer changes its keys while the service is under load.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { TENANT } from '../support/operations.ts';
import { newFolder, patch, startService, type TestService } from '../support/service.ts';
import { AUDIENCE, claimsOf, ROLE } from '../support/tokens.ts';

const folder = newFolder();
let issuer: Issuer;
let service: TestService;
beforeAll(async () => {
  issuer = await startIssuer(0);
  service = await startService({
    AZURITE_LOCATION: folder.path,
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: TENANT,
    AUTH_AUDIENCES: AUDIENCE,
  });
});
afterAll(async () => {
  await service.end('SIGINT');
  await issuer.close();
  folder.remove();
});

const patchWith = async (token: string, clientContext: string) =>
  patch({ facts: { ...service.facts, token } }, { clientContext });

test('a rotation under load fails no request, with new tokens or with old ones', async () => {
  const [callers, requests, rotateAt] = [8, 25, 60];
  const issue = () => issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
  const old = await issue();
  const statuses: number[] = [];
  const call = async (caller: number) => {
    for (let n = 0; n < requests; n++) {
      const token = n % 2 === 0 ? await issue() : old;
      statuses.push((await patchWith(token, `caller ${caller}`)).status);
      if (statuses.length === rotateAt) await issuer.rotate();
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  expect(statuses).toEqual(Array(callers * requests).fill(200));
});

test('a flood of key ids that do not exist is refused, and hinders no good token', async () => {
  const good = await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });
  const flood = Array.from({ length: 200 }, async (_, n) =>
    patchWith(await issuer.sign(claimsOf(issuer), { kid: `unknown ${n}` }), 'flood'),
  );
  const among = Array.from({ length: 20 }, () => patchWith(good, 'among'));
  expect((await Promise.all(flood)).map(({ status }) => status)).toEqual(Array(200).fill(401));
  expect((await Promise.all(among)).map(({ status }) => status)).toEqual(Array(20).fill(200));
});
