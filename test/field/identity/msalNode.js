import { ConfidentialClientApplication } from '@azure/msal-node';

const { audience, issuer, tenant } = JSON.parse(process.argv[2]);
const { origin, host } = new URL(issuer);
const clientId = '00001111-aaaa-2222-bbbb-3333cccc4444';
const authority = { authority: `${origin}/${tenant}`, knownAuthorities: [host] };
const application = new ConfidentialClientApplication({ auth: { clientId, clientSecret: 'any', ...authority } });
const scopes = [`${audience}/.default`];
const { accessToken: token } = await application.acquireTokenByClientCredential({ scopes });
const { fromCache } = await application.acquireTokenByClientCredential({ scopes });
console.log(JSON.stringify({ token, fromCache }));
