// The unmodified @azure/msal-node, against the local issuer.
import { ConfidentialClientApplication } from '@azure/msal-node';
import { report } from './report.ts';

await report(async ({ baseUrl, issuer, tenant, audience }) => {
  const { origin, host } = new URL(issuer);
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: '00001111-aaaa-2222-bbbb-3333cccc4444',
      clientSecret: 'any secret',
      authority: `${origin}/${tenant}`,
      knownAuthorities: [host],
    },
  });
  const scopes = [`${audience}/.default`];
  const first = await application.acquireTokenByClientCredential({ scopes });
  const again = await application.acquireTokenByClientCredential({ scopes });
  const response = await fetch(`${baseUrl}/v1.0/playPromptOperation/msal`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${first?.accessToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ status: 'Running' }),
  });
  return { token: first?.accessToken, isCached: again?.fromCache, status: response.status };
});
