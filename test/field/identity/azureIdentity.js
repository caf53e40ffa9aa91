import { ClientSecretCredential } from '@azure/identity';

const { audience, issuer, tenant } = JSON.parse(process.argv[2]);
const options = { authorityHost: new URL(issuer).origin, disableInstanceDiscovery: true };
const credential = new ClientSecretCredential(tenant, 'my-bot', 'any secret', options);
console.log(JSON.stringify(await credential.getToken(`${audience}/.default`)));
