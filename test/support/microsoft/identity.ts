// The unmodified @azure/identity, against the local issuer.
import { ClientSecretCredential } from '@azure/identity';
import { report } from './report.ts';

await report(async ({ baseUrl, issuer, tenant, audience }) => {
  const credential = new ClientSecretCredential(tenant, 'my-bot', 'any secret', {
    authorityHost: new URL(issuer).origin,
    disableInstanceDiscovery: true,
  });
  const { token, expiresOnTimestamp } = await credential.getToken(`${audience}/.default`);
  const response = await fetch(`${baseUrl}/v1.0/playPromptOperation/identity`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ status: 'Running' }),
  });
  return { token, secondsLeft: (expiresOnTimestamp - Date.now()) / 1000, status: response.status };
});
